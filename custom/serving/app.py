"""HTTP application of a reader: routes, limits of a request, metrics, headers."""

import asyncio
import base64
import dataclasses
import hashlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..inference.answers import answer_of
from ..inference.reader import PhotoReader
from ..inference.records import answer_record
from ..structures.photos import MAX_PIXELS, stored_size
from ..utils.errors import UserError
from ..utils.messages import one_line
from ..utils.validation import require_number
from .documentation import documentation_page
from .reading_queue import ReadingQueue

MEGA = 10**6
CLIENT_LEFT = 499  # nginx's code for its log; nobody receives it
PARTS = 8  # of a form; one of them is the photo
HEADERS = {
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
}
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OWN = "; connect-src 'self'; img-src 'self' blob: data:"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the service; a request over one of them is answered with 4xx or 503.

    Attributes:
        upload: size of a request, in bytes. Defaults to 20 million.
        pixels: of a photo, checked before it is decoded. Defaults to 50 million.
        requests: photos that are uploaded, wait or are read at the same time. Defaults to 32.
        seconds: for the upload and the reading of a photo. Defaults to 30.

    Raises:
        UserError: a limit is out of range.
    """

    upload: int = 20 * MEGA
    pixels: int = 50 * MEGA
    requests: int = 32
    seconds: float = 30

    def __post_init__(self) -> None:
        require_number('upload', self.upload, 1)
        require_number('pixels', self.pixels, 1, MAX_PIXELS)
        require_number('requests', self.requests, 1, 1000)
        require_number('seconds', self.seconds, 0.001)


class DigitBox(BaseModel):
    """A digit of a number."""

    digit: int = Field(description='0 to 9')
    score: float = Field(description='score of the detector, 0 to 1')
    box: list[float] = Field(description='x_min, y_min, x_max, y_max in pixels of the upright photo')


class Number(BaseModel):
    """A number in the photo."""

    number: str = Field(description='leading zeros are kept')
    confidence: float = Field(description='probability that the number is right, 0 to 1')
    digits: list[DigitBox] = Field(description='in reading order')
    box: list[float] = Field(description='x_min, y_min, x_max, y_max in pixels of the upright photo')


class Reading(BaseModel):
    """The reading of a photo."""

    number: str | None = Field(description='the main number; null if the photo has none, or it is unsure')
    unsure: bool = Field(description='whether the number has not as many digits as the service was told')
    read: str | None = Field(description='the main number as it was read, also if it is unsure')
    confidence: float = Field(description='probability that the main number is right, 0 to 1')
    digits: list[DigitBox] = Field(description='of the main number, in reading order')
    left_out: list[DigitBox] = Field(description='confident digits that are not in the main number, best first')
    numbers: list[Number] = Field(description='all numbers of the photo, in reading order')
    ms: float = Field(description='milliseconds from the end of the upload to the answer')


class Refusal(BaseModel):
    """A refused request."""

    error: str = Field(description='one line')


class Health(BaseModel):
    """The state of the service."""

    status: str
    requests: int = Field(description='photos that are uploaded, wait or are read now')


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {'model': Refusal, 'description': 'The request has no photo.'},
    408: {'model': Refusal, 'description': 'The upload took too long.'},
    413: {'model': Refusal, 'description': 'The request has too many bytes, or the photo too many pixels.'},
    422: {'model': Refusal, 'description': 'The file is damaged, or of a format that is not read.'},
    503: {'model': Refusal, 'description': 'The service is busy. Retry-After has the seconds to wait.'},
}
_BINARY = {'schema': {'type': 'string', 'format': 'binary'}}
_FORM = {'type': 'object', 'required': ['file'], 'properties': {'file': _BINARY['schema']}}
BODY = {
    'requestBody': {
        'required': True,
        'description': 'The photo, as the body itself or as the first file of a form.',
        'content': {'image/*': _BINARY, 'multipart/form-data': {'schema': _FORM}},
    }
}


class _Metrics(Collector):
    """Metrics of one application, in a registry of their own."""

    def __init__(self, reading: ReadingQueue) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        self.requests = counter('digits_reader_requests', 'HTTP requests', ['path', 'code'])
        self.photos = counter('digits_reader_photos', 'Photos that were read, by result: number, none', ['result'])
        self.seconds = Histogram(
            'digits_reader_read_seconds', 'Time from the end of an upload to its answer', registry=self.registry
        )
        ProcessCollector(registry=self.registry)
        self.reading = reading
        self.registry.register(self)

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the gauges, for the registry."""
        text = 'Photos that are uploaded, wait or are read now'
        return [GaugeMetricFamily('digits_reader_in_progress', text, self.reading.taken)]


class _Frame:
    """ASGI middleware: headers of every answer, and the count of requests by path and code."""

    def __init__(self, app: ASGIApp, metrics: _Metrics, paths: frozenset[str]) -> None:
        self.app, self.metrics, self.paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return

        async def send_framed(message: Message) -> None:
            if message['type'] == 'http.response.start':
                path = scope['path'] if scope['path'] in self.paths else 'other'
                self.metrics.requests.labels(path, message['status']).inc()
                present = {name.lower() for name, _ in message['headers']}
                added = {'Content-Security-Policy': CLOSED, **HEADERS}.items()
                pairs = [(name.lower().encode(), value.encode()) for name, value in added]
                message['headers'] = [*message['headers'], *(pair for pair in pairs if pair[0] not in present)]
            await send(message)

        await self.app(scope, receive, send_framed)


class _Form(MultiPartParser):
    spool_max_size = 1 << 40  # bytes: the size of a request is limited, so nothing is written to a disk


def make_app(reader: PhotoReader, limits: Limits = Limits()) -> FastAPI:
    """Make the application: POST /v1/read, GET /healthz, /metrics, /docs, /openapi.json, and the page at /.

    Args:
        reader: reads the photos, in one thread.
        limits: defaults to `Limits()`.
    """
    reading = ReadingQueue(reader, limits.requests)
    metrics = _Metrics(reading)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(reading.close)

    app = FastAPI(
        title='digits-reader',
        description='Reads the numbers in photos.',
        version='1',
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.reading = reading

    @app.post('/v1/read', responses=REFUSALS, openapi_extra=BODY, summary='Read the numbers in a photo')
    async def read(request: Request) -> Reading:
        if not reading.reserve():
            raise HTTPException(503, f'{limits.requests} photos are in work; try again', {'Retry-After': '1'})
        until = time.monotonic() + limits.seconds
        try:
            photo = await asyncio.wait_for(_upload(request, limits.upload), limits.seconds)
            started = time.perf_counter()
            await asyncio.to_thread(_require_size, photo, limits.pixels)
        except BaseException as error:
            reading.release()
            if isinstance(error, asyncio.TimeoutError):
                raise HTTPException(408, f'the upload took over {limits.seconds:g} s') from None
            raise
        future = asyncio.wrap_future(reading.submit(photo))
        gone = asyncio.create_task(_wait_until_gone(request))
        try:
            either: set[asyncio.Future] = {future, gone}
            await asyncio.wait(either, timeout=until - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientDisconnect
            if not future.done():
                raise HTTPException(503, f'the reading took over {limits.seconds:g} s; try again', {'Retry-After': '5'})
            answer = answer_of(0, Path(), future.result(), 0, reader.options.digits)
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        finally:
            gone.cancel()
            future.cancel()
        seconds = time.perf_counter() - started
        record = answer_record(answer)
        metrics.photos.labels('number' if record['number'] else 'none').inc()
        metrics.seconds.observe(seconds)
        return Reading(**record, ms=round(1000 * seconds, 1))

    health_models: dict[int | str, dict[str, Any]] = {200: {'model': Health}, 503: {'model': Health}}

    @app.get('/healthz', responses=health_models, summary='Tell whether the service reads photos')
    async def healthz() -> JSONResponse:
        health = Health(status='ok' if reading.is_alive else 'the reading thread ended', requests=reading.taken)
        return JSONResponse(health.model_dump(), 200 if reading.is_alive else 503)

    @app.get('/metrics', response_class=Response, summary='Metrics in the text format of Prometheus')
    async def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    text = files(__package__).joinpath('page.html').read_text(encoding='utf-8')
    page = _html(text.replace('{limit}', str(limits.upload)))
    documentation = _html(documentation_page(app.openapi()))
    app.add_route('/', lambda request: page, include_in_schema=False)
    app.add_route('/docs', lambda request: documentation, include_in_schema=False)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(ClientDisconnect, lambda request, error: Response(status_code=CLIENT_LEFT))
    app.add_exception_handler(Exception, _fail)
    paths = frozenset(['/', '/docs', '/openapi.json', '/v1/read', '/healthz', '/metrics'])
    app.add_middleware(_Frame, metrics=metrics, paths=paths)
    return app


async def _upload(request: Request, limit: int) -> bytes:
    """Return the photo of a request: its body, or the first file of a form."""
    too_large = HTTPException(413, f'the request is over {limit / MEGA:g} MB; send a smaller photo')
    length = request.headers.get('content-length', '')

    async def body() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                yield chunk
            elif size > 2 * limit:  # a client that gets no answer before it has sent all may miss the answer
                break
        if size > limit:
            raise too_large

    if length.isdecimal() and int(length) > 2 * limit:
        raise too_large
    if not request.headers.get('content-type', '').lower().startswith('multipart/form-data'):
        content = b''.join([chunk async for chunk in body()])
    else:
        try:
            form = await _Form(request.headers, body(), max_files=PARTS, max_fields=PARTS).parse()
        except (MultiPartException, KeyError) as error:
            raise HTTPException(400, f'the form cannot be read ({error})') from None
        uploads = [part for _, part in form.multi_items() if not isinstance(part, str)]
        content = await uploads[0].read() if uploads else b''
        await form.close()
    if not content:
        raise HTTPException(400, 'the request has no photo; send one as the body, or as a file of a form')
    return content


def _require_size(photo: bytes, limit: int) -> None:
    """Raise HTTPException if a photo is no image, or has more pixels than the limit; nothing is decoded."""
    try:
        width, height = stored_size(photo)
    except UserError as error:
        raise HTTPException(422, str(error)) from None
    if width * height > limit:
        raise HTTPException(413, f'photo: {width}x{height} pixels are over {limit / MEGA:g} million; scale it down')


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())['type'] != 'http.disconnect':
        pass


def _html(text: str) -> HTMLResponse:
    """Return a page whose policy allows its own inline script and style, and connections to this service alone."""
    policy = CLOSED + OWN
    for element, directive in (('script', 'script-src'), ('style', 'style-src')):
        for content in re.findall(f'<{element}>(.*?)</{element}>', text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            policy += f"; {directive} 'sha256-{digest}'"
    return HTMLResponse(text, headers={'Content-Security-Policy': policy, 'Cache-Control': 'no-cache'})


async def _refuse(request: Request, error: Any) -> JSONResponse:
    return JSONResponse({'error': one_line(error.detail)}, error.status_code, error.headers)


async def _fail(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({'error': 'internal error; the log of the service has its cause'}, 500)
