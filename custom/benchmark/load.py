"""Load test of `digits-reader serve`: many requests of several clients on this machine, answers, latency, memory."""

import contextlib
import dataclasses
import http.client
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
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

    `differing` is the number of photos whose number was not the same in all requests. `hostile` counts the answers to
    uploads that are no photos (`hostile_uploads`), by code, after the load.
    """

    codes: Counter
    differing: int
    seconds: float
    latencies: np.ndarray
    before: float
    after: float
    hostile: Counter

    @property
    def is_sound(self) -> bool:
        """Whether each photo was read, and each hostile upload refused with 4xx."""
        return set(self.codes) == {200} and all(400 <= code < 500 for code in self.hostile)

    def __str__(self) -> str:
        p50, p99 = 1000 * np.percentile(self.latencies, [50, 99])
        codes, hostile = (
            ', '.join(f'{count} × {code}' for code, count in sorted(counter.items()))
            for counter in (self.codes, self.hostile)
        )
        return '\n'.join(
            [
                f'answers: {codes}',
                f'hostile uploads after the load: {hostile}',
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
    """Run and print the load test on photos; return 1 if it is not sound."""
    requests = FEW if settings.short else REQUESTS
    with tempfile.TemporaryDirectory() as scratch:
        folder, _ = photos_of(dataclasses.replace(settings, scratch=scratch))
        photos = [folder / photo.file_name for photo in list_photos(folder)][:requests]
        print(f'{requests} requests of {CLIENTS} clients, {len(photos)} photos')
        load = load_service(settings.weights, photos, requests)
    print(load)
    return int(not load.is_sound)


def hostile_uploads(photo: bytes) -> list[bytes]:
    """Return uploads that are no photos: text, half a photo, pixels without end, a PNG of 3.6 billion pixels, 25 MB."""
    header = struct.pack('>4sIIBBBBB', b'IHDR', 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + header + struct.pack('>I', zlib.crc32(header))
    return [b'no photo', photo[: len(photo) // 2], b'P6 9 9 255\n', bomb + bytes(100), bytes(25_000_000)]


def _load(port: int, contents: Sequence[bytes], requests: int, clients: int) -> Load:
    local = threading.local()

    def send(content: bytes) -> tuple[int, bytes, float]:
        if not hasattr(local, 'connection'):
            local.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
        code, body, is_whole, start = FAILED, b'', False, time.perf_counter()
        with contextlib.suppress(OSError, http.client.HTTPException):
            with contextlib.suppress(ConnectionError):  # a refusal may come before the end of an upload
                local.connection.request('POST', '/v1/read', content)
                is_whole = True
            answer = local.connection.getresponse()
            code, body = answer.status, answer.read()
        if code == FAILED or not is_whole:
            local.connection.close()  # the next request connects again
        return code, body, time.perf_counter() - start

    def turns(count: int) -> list[bytes]:
        return [contents[i % len(contents)] for i in range(count)]

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, turns(int(WARM_UP * requests))))
        before = _memory(port)
        start = time.perf_counter()
        outcomes = list(pool.map(send, turns(requests)))
        seconds, after = time.perf_counter() - start, _memory(port)
        hostile = Counter(code for code, *_ in pool.map(send, hostile_uploads(contents[0]) * clients))
    numbers: dict[int, set[bytes]] = {}
    for i, (code, body, _) in enumerate(outcomes):
        if code == 200:
            numbers.setdefault(i % len(contents), set()).add(body.partition(b',"confidence"')[0])
    return Load(
        Counter(code for code, *_ in outcomes),
        sum(len(answers) > 1 for answers in numbers.values()),
        seconds,
        np.array([latency for *_, latency in outcomes]),
        before,
        after,
        hostile,
    )


def _memory(port: int) -> float:
    """Return the resident memory of the service in MB, from its metrics."""
    with closing(http.client.HTTPConnection('127.0.0.1', port, timeout=60)) as connection:
        connection.request('GET', '/metrics')
        text = connection.getresponse().read().decode()
    found = re.search(r'^process_resident_memory_bytes (\S+)$', text, re.MULTILINE)
    return float(found[1]) / 1e6 if found else float('nan')
