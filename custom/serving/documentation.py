"""Page of the HTTP interface, drawn from its OpenAPI schema; FastAPI's own page loads scripts from another host."""

from collections.abc import Iterable
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 1rem; max-width: 56rem; background: Canvas; color: CanvasText; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
td:first-child { overflow-wrap: normal; }
h1, h2 { overflow-wrap: anywhere; }
pre { padding: .8rem; overflow: auto; border: 1px solid #8884; border-radius: .4rem; }
"""
EXAMPLE = """curl --data-binary @photo.jpg http://127.0.0.1:8000/v1/read
curl --form file=@photo.jpg http://127.0.0.1:8000/v1/read"""


def documentation_page(schema: dict[str, Any]) -> str:
    """Return the HTML page of an OpenAPI schema: operations, answers, and the fields of each model."""
    info = schema['info']
    operations = [
        _operation(f'{method.upper()} {path}', operation)
        for path, methods in schema['paths'].items()
        for method, operation in methods.items()
    ]
    models = [_model(name, model) for name, model in schema['components']['schemas'].items() if 'properties' in model]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(info['title'])}: HTTP interface</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(info['title'])}: HTTP interface</h1>
<p>{escape(info['description'])} <a href="/">The page</a> uses this interface. The same as OpenAPI:
<a href="/openapi.json">openapi.json</a>.</p>
<pre tabindex="0">{EXAMPLE}</pre>
{''.join(operations)}
<h2>Models</h2>
{''.join(models)}
</main>
</body>
</html>
"""


def _operation(name: str, operation: dict[str, Any]) -> str:
    body = operation.get('requestBody', {})
    content = f'{body["description"]} Content types: {", ".join(body["content"])}.' if body else ''
    rows = []
    for code, response in operation['responses'].items():
        types = response.get('content', {})
        models = [_type(kind['schema']) for kind in types.values() if 'schema' in kind]
        rows.append((code, response['description'], ', '.join(filter(None, models)) or ', '.join(types)))
    return f'<h2>{escape(name)}</h2>\n<p>{escape(operation["summary"])}. {escape(content)}</p>\n' + _table(
        ('code', 'meaning', 'content'), rows
    )


def _model(name: str, model: dict[str, Any]) -> str:
    rows = [(field, _type(spec), spec.get('description', '')) for field, spec in model['properties'].items()]
    head = f'<h3>{escape(name)}</h3>\n<p>{escape(model.get("description", ""))}</p>\n'
    return head + _table(('field', 'type', 'meaning'), rows)


def _type(schema: dict[str, Any]) -> str:
    if '$ref' in schema:
        return schema['$ref'].rpartition('/')[2]
    if 'anyOf' in schema:
        return ' or '.join(map(_type, schema['anyOf']))
    if schema.get('type') == 'array':
        return f'list of {_type(schema["items"])}'
    return schema.get('type', '')


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = ''.join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = [f'<tr>{"".join(f"<td>{escape(cell)}</td>" for cell in row)}</tr>' for row in rows]
    return f'<table>\n<tr>{cells}</tr>\n' + '\n'.join(lines) + '\n</table>\n'
