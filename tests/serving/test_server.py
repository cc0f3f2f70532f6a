"""The service as a process of its own."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.columns import photo_of, reader_of_columns
from helpers.project import ROOT, run_python

from custom.serving import server
from custom.utils.errors import UserError

SERVICE = """
import sys
sys.path[:0] = [{root!r}, {root!r} + '/tests']
from helpers.columns import reader_of_columns
from custom.serving.server import serve
serve(reader_of_columns, port=0)
print('ended')
"""


@contextlib.contextmanager
def service():
    """A process that serves; yields the process and its port."""
    command = [sys.executable, '-c', SERVICE.format(root=str(ROOT))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()
            assert line.startswith('digits-reader: http://127.0.0.1:'), line + process.stderr.read()
            yield process, int(line.split('/ is ready')[0].rpartition(':')[2])
        finally:
            process.kill()


def post(port, photo):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    with contextlib.closing(connection):
        connection.request('POST', '/v1/read', photo)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.integration
def test_a_process_serves_many_clients_and_hostile_ones_until_sigterm():
    pytest.importorskip('fastapi', reason='fastapi is not installed')
    pytest.importorskip('uvicorn', reason='uvicorn is not installed')
    with service() as (process, port), ThreadPoolExecutor(8) as pool:
        with (
            socket.create_connection(('127.0.0.1', port)) as idle,
            socket.create_connection(('127.0.0.1', port)) as cut,
        ):
            cut.sendall(b'POST /v1/read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf a photo')
            cut.close()
            for request in (b'\xff\xff\r\n\r\n', b'GET ' + b'/' * 100_000 + b' HTTP/1.1\r\n\r\n'):
                with socket.create_connection(('127.0.0.1', port)) as hostile:
                    hostile.sendall(request)
                    assert hostile.recv(100).startswith(b'HTTP/1.1 400 ')
            photos = [photo_of(number) for number in ('1', '12', '', '2121') * 10]
            answers = list(pool.map(lambda photo: post(port, photo), photos))
            assert [code for code, _ in answers] == [200] * 40
            assert answers[3][1].startswith(b'{"number":"2121",')
            code, body = post(port, bytes(25 * 10**6))
            assert (code, body) == (413, b'{"error":"the request is over 20 MB; send a smaller photo"}')
            process.send_signal(signal.SIGTERM)
            assert idle.recv(1) == b''  # an idle connection does not hold the service
        assert (process.wait(30), process.stdout.read(), process.stderr.read()) == (0, 'ended\n', '')


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'uvicorn', None)
    with pytest.raises(UserError, match=r"^the service needs FastAPI .*: pip install 'digits-reader\[serve\]'"):
        server.serve(reader_of_columns)


def test_an_address_that_cannot_be_used_is_named():
    pytest.importorskip('fastapi', reason='fastapi is not installed')
    pytest.importorskip('uvicorn', reason='uvicorn is not installed')
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf'^127\.0\.0\.1 port {port}: cannot listen there .*use.*; choose another'):
            server.serve(reader_of_columns, port=port)
    with pytest.raises(UserError, match=r'^nowhere\.invalid port 0: cannot listen there'):
        server.serve(reader_of_columns, 'nowhere.invalid', 0)
    with pytest.raises(UserError, match=r'^port=65536: must be'):
        server.serve(reader_of_columns, port=65536)


@pytest.mark.integration
def test_the_service_imports_no_torch():
    pytest.importorskip('fastapi', reason='fastapi is not installed')
    code = (
        'import sys, custom.serving.app, custom.serving.server\n'
        'print(sorted({"torch", "torchvision", "mmdet", "mmengine", "mmcv"} & set(sys.modules)))'
    )
    assert run_python(code) == ['[]']
