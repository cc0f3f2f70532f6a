import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from custom.benchmark import load
from custom.utils.errors import UserError


class Stub(BaseHTTPRequestHandler):
    """Answers each photo with its content as the number; photo `3` is refused, photo `5` is not the same twice."""

    protocol_version = 'HTTP/1.1'
    fives = 0

    def do_POST(self):
        size = int(self.headers['Content-Length'])
        if size > 10_000:  # not read
            self.close_connection = True
            return self.answer(413, '')
        photo = self.rfile.read(size).decode('latin-1')
        if photo not in {'1', '3', '5'}:
            return self.answer(422, '')
        if photo == '5':
            Stub.fives += 1
            photo = f'{Stub.fives % 2}'
        self.answer(503 if photo == '3' else 200, f'{{"number":"{photo}","confidence":{np.random.rand()}}}')

    def do_GET(self):
        self.answer(200, '# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1.5e+08\n')

    def answer(self, code, text):
        self.send_response(code)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def test_codes_latencies_and_memory_of_a_load():
    with ThreadingHTTPServer(('127.0.0.1', 0), Stub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        outcome = load._load(server.server_address[1], [b'1', b'3', b'5'], requests=30, clients=3)
        server.shutdown()
    assert outcome.codes == {200: 20, 503: 10}
    assert (outcome.differing, outcome.before, outcome.after) == (1, 150, 150)
    assert outcome.hostile[422] == 3 * 4
    assert set(outcome.hostile) <= {413, 422, load.FAILED}  # the stub closes a connection before the upload ends
    assert outcome.hostile.total() == 3 * 5
    assert not outcome.is_sound  # a photo was refused
    assert outcome.latencies.shape == (30,) and (outcome.latencies > 0).all()


def test_a_service_that_is_gone_is_no_answer():
    with ThreadingHTTPServer(('127.0.0.1', 0), Stub) as server:
        port = server.server_address[1]
    with pytest.raises(ConnectionRefusedError):
        load._memory(port)


def test_the_figures_are_printed_with_their_units():
    outcome = load.Load(
        Counter({200: 3, 503: 1}), 0, 2.0, np.array([0.01, 0.01, 0.02, 0.05]), 100.4, 101.0, Counter({422: 9})
    )
    assert str(outcome).splitlines() == [
        'answers: 3 × 200, 1 × 503',
        'hostile uploads after the load: 9 × 422',
        'photos whose number differs between requests: 0',
        'photos/s: 2.0',
        'latency: p50 15 ms, p99 49 ms, longest 50 ms',
        'memory of the service: 100 MB before, 101 MB after',
    ]


@pytest.mark.parametrize(
    ('codes', 'hostile', 'sound'),
    [({200: 9}, {413: 1, 422: 2}, True), ({200: 8, 0: 1}, {422: 3}, False), ({200: 9}, {422: 2, 200: 1}, False)],
)
def test_a_load_is_sound_if_photos_are_read_and_all_else_is_refused(codes, hostile, sound):
    outcome = load.Load(Counter(codes), 0, 1.0, np.ones(9), 1.0, 1.0, Counter(hostile))
    assert outcome.is_sound is sound


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(UserError, match=r'gone\.onnx: no such file; run `make wheel`, or name an \.onnx file'):
        load.load_service(str(tmp_path / 'gone.onnx'), [])
