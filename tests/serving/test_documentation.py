import pytest

from custom.serving.documentation import documentation_page


@pytest.fixture
def schema():
    """An OpenAPI schema with one operation, and names and texts that HTML would misread."""
    reading = {
        'description': 'A <b>reading</b>',
        'properties': {
            'number': {'anyOf': [{'type': 'string'}, {'type': 'null'}], 'description': 'digits & nothing else'},
            'digits': {'type': 'array', 'items': {'$ref': '#/components/schemas/Digit'}},
            'any': {},
        },
    }
    operation = {
        'summary': 'Read a photo',
        'requestBody': {'description': 'The photo.', 'content': {'image/*': {}, 'multipart/form-data': {}}},
        'responses': {
            '200': {
                'description': 'the number',
                'content': {'application/json': {'schema': {'$ref': '#/components/schemas/Reading'}}},
            },
            '204': {'description': 'nothing'},
            '422': {'description': 'no photo', 'content': {'text/plain': {}}},
        },
    }
    return {
        'info': {'title': 'digits <reader>', 'description': 'Numbers in photos.'},
        'paths': {'/v1/read': {'post': operation}},
        'components': {'schemas': {'Reading': reading, 'Enumeration': {'enum': [1]}}},
    }


def test_operations_answers_and_fields_are_on_the_page(schema):
    page = documentation_page(schema)
    summary = '<p>Read a photo. The photo. Content types: image/*, multipart/form-data.</p>'
    assert f'<h2>POST /v1/read</h2>\n{summary}' in page
    for row in (
        ('200', 'the number', 'Reading'),
        ('204', 'nothing', ''),
        ('422', 'no photo', 'text/plain'),
        ('number', 'string or null', 'digits &amp; nothing else'),
        ('digits', 'list of Digit', ''),
        ('any', '', ''),
    ):
        assert f'<tr>{"".join(f"<td>{cell}</td>" for cell in row)}</tr>' in page
    assert 'Enumeration' not in page  # has no fields


def test_texts_of_the_schema_are_no_html(schema):
    page = documentation_page(schema)
    assert '<title>digits &lt;reader&gt;: HTTP interface</title>' in page
    assert 'A &lt;b&gt;reading&lt;/b&gt;' in page
    assert '<b>' not in page


def test_the_page_loads_nothing_from_another_host(schema):
    page = documentation_page(schema)
    assert '<script' not in page
    assert page.count('http') == page.count('http://127.0.0.1:8000/v1/read') == 2
