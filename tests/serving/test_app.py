"""The routes and limits of the service, in this process."""

import asyncio
import io
import re
import threading
import zlib

import numpy as np
import pytest
from helpers.columns import Columns, photo_of, reader_of_columns
from PIL import Image

from custom.inference.options import ReadingOptions
from custom.utils.errors import UserError

pytest.importorskip('fastapi', reason='fastapi is not installed')
pytest.importorskip('httpx2', reason='httpx2, which TestClient needs, is not installed')

from fastapi.testclient import TestClient

from custom.serving.app import Limits, make_app


@pytest.fixture(scope='module')
def client():
    with TestClient(make_app(reader_of_columns(), Limits(upload=20_000, pixels=10_000))) as client:
        yield client


def metric(client, line):
    """The value of a line of /metrics, 0 without the line."""
    found = re.search(f'^{re.escape(line)} (.*)$', client.get('/metrics').text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    'request_of',
    [
        lambda photo: {'content': photo},
        lambda photo: {'content': photo, 'headers': {'content-type': 'image/png'}},
        lambda photo: {'content': photo, 'headers': {'content-type': 'application/x-www-form-urlencoded'}},  # curl's
        lambda photo: {'files': {'file': ('=1.png', photo)}},
        lambda photo: {'files': {'anything': ('../1', photo)}, 'data': {'note': 'front'}},
    ],
)
def test_a_photo_is_read_as_a_body_and_as_a_file_of_a_form(client, request_of):
    answer = client.post('/v1/read', **request_of(photo_of('21')))
    assert answer.status_code == 200
    reading = answer.json()
    assert reading.pop('ms') > 0
    digits = [{'digit': 2, 'score': 0.9, 'box': [0, 0, 10, 20]}, {'digit': 1, 'score': 0.9, 'box': [20, 0, 30, 20]}]
    number = {'number': '21', 'confidence': 0.81, 'digits': digits}
    assert reading == {
        **number,
        'unsure': False,
        'read': '21',
        'left_out': [],
        'numbers': [{**number, 'box': [0, 0, 30, 20]}],
    }


def test_a_photo_without_a_number(client):
    reading = client.post('/v1/read', content=photo_of('')).json()
    assert (reading['number'], reading['digits'], reading['numbers']) == (None, [], [])


def test_a_number_of_another_length_than_the_service_was_told_is_unsure():
    reader = reader_of_columns()
    reader.options = ReadingOptions(digits=2, decimals=1)
    with TestClient(make_app(reader)) as client:
        answers = [client.post('/v1/read', content=photo_of(number)).json() for number in ('21', '1', '')]
    assert [(answer['number'], answer['unsure']) for answer in answers] == [('2.1', False), (None, True), (None, False)]
    assert [answer['read'] for answer in answers] == ['2.1', '.1', None]


def png_header(width, height):
    """A PNG of this size without its pixels."""
    file = io.BytesIO()
    Image.new('L', (1, 1)).save(file, 'PNG')
    content = bytearray(file.getvalue())
    content[16:24] = width.to_bytes(4, 'big') + height.to_bytes(4, 'big')
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, 'big')
    return bytes(content)


BAD = {
    'nothing': ({'content': b''}, 400, 'the request has no photo'),
    'a form without a file': ({'data': {'file': 'text'}, 'files': {}}, 422, 'is not a photo'),
    'a form of text': ({'files': {'file': (None, 'text')}}, 400, 'the request has no photo'),
    'an empty file': ({'files': {'file': ('a.png', b'')}}, 400, 'the request has no photo'),
    'a broken form': (
        {'content': b'--x\r\nno form', 'headers': {'content-type': 'multipart/form-data; boundary=x'}},
        400,
        'the form cannot be read',
    ),
    'a form without a boundary': (
        {'content': b'--x', 'headers': {'content-type': 'multipart/form-data'}},
        400,
        'the form cannot be read',
    ),
    'a form of many files': (
        {'files': [('file', (f'{i}.png', b'x')) for i in range(20)]},
        400,
        'the form cannot be read',
    ),
    'text': ({'content': b'no photo'}, 422, 'photo: is not a photo that can be read'),
    'PostScript': ({'content': b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n'}, 422, 'is not a photo'),
    'HEIC': ({'content': b'\0\0\0\x18ftypheic' + bytes(100)}, 422, 'convert HEIC to JPEG'),
    'half a photo': ({'content': photo_of('1212', 'JPEG')[:-40]}, 422, 'photo: is damaged'),
    'a thin photo': ({'content': png_header(4000, 1)}, 422, 'too thin to be scaled'),
    'too many pixels': ({'content': png_header(101, 100)}, 413, 'photo: 101x100 pixels are over 0.01 million'),
    'a bomb': ({'content': png_header(60_000, 60_000)}, 422, 'too many pixels'),
    'many bytes': ({'content': bytes(20_001)}, 413, 'the request is over 0.02 MB'),
    'very many bytes': ({'content': bytes(90_000)}, 413, 'the request is over 0.02 MB'),
    'many bytes of unknown length': ({'content': iter([bytes(9000)] * 9)}, 413, 'the request is over 0.02 MB'),
    'a large form': ({'files': {'file': ('a.png', bytes(30_000))}}, 413, 'the request is over 0.02 MB'),
}


@pytest.mark.parametrize(('request_of', 'code', 'message'), BAD.values(), ids=BAD)
def test_a_bad_request_gets_one_line_and_the_service_goes_on(client, request_of, code, message):
    answer = client.post('/v1/read', **request_of)
    assert (answer.status_code, list(answer.json())) == (code, ['error'])
    assert message in answer.json()['error']
    assert '\n' not in answer.json()['error']
    assert client.get('/healthz').json() == {'status': 'ok', 'requests': 0}
    assert client.post('/v1/read', content=photo_of('1')).json()['number'] == '1'


def test_other_paths_and_methods_are_answered_in_json(client):
    assert client.get('/v1/read').json() == {'error': 'Method Not Allowed'}
    before = metric(client, 'digits_reader_requests_total{code="404",path="other"}')
    for path in ('/nothing', '/more'):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (404, {'error': 'Not Found'})
    assert metric(client, 'digits_reader_requests_total{code="404",path="other"}') == before + 2


def test_metrics_count_photos_and_requests(client):
    lines = [
        'digits_reader_photos_total{result="number"}',
        'digits_reader_photos_total{result="none"}',
        'digits_reader_requests_total{code="200",path="/v1/read"}',
        'digits_reader_requests_total{code="422",path="/v1/read"}',
        'digits_reader_read_seconds_count',
    ]
    before = [metric(client, line) for line in lines]
    for content in (photo_of('1'), photo_of(''), b'text'):
        client.post('/v1/read', content=content)
    assert [metric(client, line) - value for line, value in zip(lines, before, strict=True)] == [1, 1, 2, 1, 2]


@pytest.mark.parametrize('path', ['/', '/docs'])
def test_pages_name_no_other_host_and_forbid_it(client, path):
    answer = client.get(path)
    policy = answer.headers['content-security-policy']
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert 'unsafe' not in policy
    assert set(re.findall(r'https?://[\w.:]+', answer.text)) <= {'http://www.w3.org', 'http://127.0.0.1:8000'}
    assert answer.headers['x-content-type-options'] == 'nosniff'


def test_docs_show_the_interface(client):
    assert client.get('/openapi.json').json()['paths'].keys() == {'/v1/read', '/healthz', '/metrics'}
    page = client.get('/docs').text
    for text in ('POST /v1/read', 'multipart/form-data', 'Reading', '<td>number</td><td>string or null</td>'):
        assert text in page


class Gate(Columns):
    """Finds digits only after `opened` is set."""

    def __init__(self):
        self.entered, self.opened = threading.Event(), threading.Event()
        self.batches = []

    def detect(self, views):
        self.entered.set()
        assert self.opened.wait(30)
        self.batches.append(len(views))
        return super().detect(views)


SCOPE = {
    'type': 'http',
    'http_version': '1.1',
    'method': 'POST',
    'path': '/v1/read',
    'query_string': b'',
    'headers': [],
    'root_path': '',
    'scheme': 'http',
}


async def post(app, photo, gone=None):
    """Send a photo to an application; return the code, the headers and the body. The client leaves at the event `gone`.

    Without a photo the upload never ends.
    """
    sent = []
    body = [] if photo is None else [{'type': 'http.request', 'body': photo, 'more_body': False}]

    async def receive():
        if body:
            return body.pop()
        await (gone or asyncio.Event()).wait()
        return {'type': 'http.disconnect'}

    async def send(message):
        sent.append(message)

    await app(SCOPE, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]['headers']}
    return sent[0]['status'], headers, b''.join(message.get('body', b'') for message in sent[1:])


def test_a_full_service_answers_503_at_once_and_reads_the_others_in_a_batch():
    gate = Gate()
    app = make_app(reader_of_columns(gate), Limits(requests=4))

    async def scene():
        first = asyncio.create_task(post(app, photo_of('1')))
        await asyncio.to_thread(gate.entered.wait, 30)
        others = [asyncio.create_task(post(app, photo_of(number))) for number in ('12', '21', '2')]
        while app.state.reading.taken < 4:
            await asyncio.sleep(0.001)
        refused = await post(app, photo_of('1'))
        await asyncio.sleep(0.05)  # the others are in the queue
        gate.opened.set()
        return refused, await asyncio.gather(first, *others)

    (code, headers, body), answers = asyncio.run(scene())
    assert (code, headers['retry-after']) == (503, '1')
    assert body == b'{"error":"4 photos are in work; try again"}'
    assert [code for code, *_ in answers] == [200] * 4
    assert [re.search(b'"number":"([0-9]+)"', body)[1] for *_, body in answers] == [b'1', b'12', b'21', b'2']
    assert gate.batches == [1, 3]
    assert app.state.reading.taken == 0


def test_a_slow_reading_is_given_up_and_its_place_is_kept_until_its_end():
    gate = Gate()
    app = make_app(reader_of_columns(gate), Limits(requests=2, seconds=0.2))

    async def scene():
        answers = await asyncio.gather(post(app, photo_of('1')), post(app, photo_of('2')))
        full = await post(app, photo_of('1'))
        gate.opened.set()
        while app.state.reading.taken:
            await asyncio.sleep(0.001)
        return [*answers, full, await post(app, photo_of('1'))]

    answers = asyncio.run(scene())
    assert [code for code, *_ in answers] == [503, 503, 503, 200]
    assert b'the reading took over 0.2 s; try again' in answers[0][2]
    assert answers[0][1]['retry-after'] == '5'
    assert b'2 photos are in work' in answers[2][2]
    assert sum(gate.batches) <= 3  # a photo that was given up while it waited is not read


def test_a_slow_upload_is_given_up():
    app = make_app(reader_of_columns(), Limits(seconds=0.05))
    code, _, body = asyncio.run(post(app, None))
    assert (code, body) == (408, b'{"error":"the upload took over 0.05 s"}')
    assert app.state.reading.taken == 0


def test_the_photo_of_a_client_that_left_is_not_read():
    gate = Gate()
    app = make_app(reader_of_columns(gate, batch_size=1), Limits(requests=4))

    async def scene():
        gone = asyncio.Event()
        first = asyncio.create_task(post(app, photo_of('1')))
        await asyncio.to_thread(gate.entered.wait, 30)
        leaving = asyncio.create_task(post(app, photo_of('2'), gone=gone))
        while app.state.reading.taken < 2:
            await asyncio.sleep(0.001)
        gone.set()
        code = (await leaving)[0]
        gate.opened.set()
        await first
        while app.state.reading.taken:
            await asyncio.sleep(0.001)
        return code

    assert asyncio.run(scene()) == 499
    assert gate.batches == [1]


class Failing(Columns):
    """Fails on photos of 30 pixels width, as a model without memory does."""

    def detect(self, views):
        if any(view.pixels.shape[1] == 30 for view in views):
            raise RuntimeError('no memory')
        return super().detect(views)


def test_a_failure_of_the_model_fails_one_photo():
    app = make_app(reader_of_columns(Failing()))
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post('/v1/read', content=photo_of('1'))
        assert (answer.status_code, answer.json()) == (
            500,
            {'error': 'internal error; the log of the service has its cause'},
        )
        assert client.post('/v1/read', content=photo_of('12')).json()['number'] == '12'


@pytest.mark.parametrize('limits', [{'upload': 0}, {'pixels': 10**9}, {'requests': 0}, {'seconds': float('nan')}])
def test_limits_out_of_range_are_refused(limits):
    with pytest.raises(UserError, match=f'^{next(iter(limits))}='):
        Limits(**limits)


def test_random_bytes_behind_every_magic_number_end_in_4xx(client):
    rng = np.random.default_rng(0)
    for kind in ('PNG', 'JPEG', 'BMP', 'WEBP', 'TIFF', 'GIF', 'PPM', 'TGA'):
        whole = bytearray(photo_of('1212', kind))
        for _ in range(5):
            broken = bytearray(whole)
            for place in rng.integers(4, len(whole), 12):
                broken[place] = rng.integers(256)
            answer = client.post('/v1/read', content=bytes(broken))
            assert answer.status_code in (200, 413, 422), (kind, answer.text)
    assert client.get('/healthz').status_code == 200
