"""Load test of `digits-reader serve`: many requests of several clients on this machine, answers, latency, memory."""

import dataclasses
import http.client
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures.photos import list_photos
from ..utils.errors import UserError
from .candidate import ROOT, Settings, environment, last_line
from .models import photos_of

REQUESTS, CLIENTS, FEW = 2000, 16, 100  # the last in a short run
WARM_UP = 0.1  # requests before the memory is read, as a share
FAILED = 0  # in place of a code: the connection broke
MODEL = ROOT / 'work_dirs/wheel/digits_frcnn_lite.onnx'


class Load(NamedTuple):
    """Outcome of a load test: answers by code, seconds in all and of each request, (N,), and memory in MB.

    `differing` is the number of photos whose number was not the same in all requests.
    """

    codes: Counter
    differing: int
    seconds: float
    latencies: np.ndarray
    before: float
    after: float

    def __str__(self) -> str:
        p50, p99 = 1000 * np.percentile(self.latencies, [50, 99])
        codes = ', '.join(f'{count} × {code}' for code, count in sorted(self.codes.items()))
        return '\n'.join(
            [
                f'answers: {codes}',
                f'photos whose number differs between requests: {self.differing}',
                f'photos/s: {len(self.latencies) / self.seconds:.1f}',
                f'latency: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {1000 * self.latencies.max():.0f} ms',
                f'memory of the service: {self.before:.0f} MB before, {self.after:.0f} MB after',
            ]
        )


def load_service(model: str | None, photos: Sequence[Path], requests: int = REQUESTS, clients: int = CLIENTS) -> Load:
    """Start `digits-reader serve` with a model and send it photos in turn, each client over one connection.

    Args:
        model: an .onnx file. Defaults to the model of `make wheel`.
        photos: files that are sent; all must be photos.
        requests: number of measured requests. Defaults to 2000.
        clients: number of threads that send them. Defaults to 16.

    Raises:
        UserError: the model is missing, or the service does not start.
    """
    path = Path(model or MODEL)
    if not path.is_file():
        raise UserError(f'{path}: no such file; run `make wheel`, or name an .onnx file with --weights')
    code = 'from custom.onnx_reader.command import main; main()'
    command = [sys.executable, '-c', code, 'serve', '--port', '0', '--model', str(path.resolve())]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            first = process.stderr.readline()
            found = re.search(r'http://127\.0\.0\.1:(\d+)/ is ready', first)
            if not found:
                reason = last_line((first + process.stderr.read()).encode(), process.wait())
                raise UserError(reason.removeprefix('error: '))
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop the service
            contents = [photo.read_bytes() for photo in photos]
            return _load(int(found[1]), contents, requests, clients)
        finally:
            process.terminate()


def show_load(settings: Settings) -> int:
    """Run and print the load test on photos; return 1 if a request was not answered with 200."""
    requests = FEW if settings.short else REQUESTS
    with tempfile.TemporaryDirectory() as scratch:
        folder, _ = photos_of(dataclasses.replace(settings, scratch=scratch))
        photos = [folder / photo.file_name for photo in list_photos(folder)][:requests]
        print(f'{requests} requests of {CLIENTS} clients, {len(photos)} photos')
        load = load_service(settings.weights, photos, requests)
    print(load)
    return int(set(load.codes) != {200})


def _load(port: int, contents: Sequence[bytes], requests: int, clients: int) -> Load:
    local = threading.local()

    def send(i: int) -> tuple[int, int, bytes, float]:
        if not hasattr(local, 'connection'):
            local.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
        code, body, start = FAILED, b'', time.perf_counter()
        try:
            local.connection.request('POST', '/v1/read', contents[i % len(contents)])
            answer = local.connection.getresponse()
            code, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            local.connection.close()  # the next request connects again
        return i % len(contents), code, body, time.perf_counter() - start

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, range(int(WARM_UP * requests))))
        before = _memory(port)
        start = time.perf_counter()
        outcomes = list(pool.map(send, range(requests)))
        seconds = time.perf_counter() - start
    numbers: dict[int, set[bytes]] = {}
    for photo, _, body, _ in (outcome for outcome in outcomes if outcome[1] == 200):
        numbers.setdefault(photo, set()).add(body.partition(b',"confidence"')[0])
    return Load(
        Counter(code for _, code, _, _ in outcomes),
        sum(len(answers) > 1 for answers in numbers.values()),
        seconds,
        np.array([latency for *_, latency in outcomes]),
        before,
        _memory(port),
    )


def _memory(port: int) -> float:
    """Return the resident memory of the service in MB, from its metrics."""
    with closing(http.client.HTTPConnection('127.0.0.1', port, timeout=60)) as connection:
        connection.request('GET', '/metrics')
        text = connection.getresponse().read().decode()
    found = re.search(r'^process_resident_memory_bytes (\S+)$', text, re.MULTILINE)
    return float(found[1]) / 1e6 if found else float('nan')
