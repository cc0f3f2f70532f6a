"""HTTP server of a reader: the socket, uvicorn, signals."""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable

from ..inference.reader import PhotoReader
from ..utils.errors import UserError
from ..utils.messages import say
from ..utils.validation import require_number

INSTALL = "the service needs FastAPI and uvicorn; install them with: pip install 'digits-reader[serve]'"
HOST, PORT = '127.0.0.1', 8000
CONNECTIONS = 512  # open at the same time; a process may have 1024 files by default
GRACE = 10  # seconds for the requests in work when the service is stopped


def serve(open_reader: Callable[[], PhotoReader], host: str = HOST, port: int = PORT) -> None:
    """Serve a reader by HTTP until SIGTERM or Ctrl-C; the requests in work are answered first.

    Args:
        open_reader: returns the reader; called when the address is free, since it takes longer.
        host: address of this machine to listen on. Defaults to 127.0.0.1: only programs on this machine are served.
        port: defaults to 8000. With 0 the system chooses a free one.

    Raises:
        UserError: FastAPI or uvicorn is not installed, or the address cannot be used.
    """
    try:
        import python_multipart  # noqa: F401 - Starlette imports it when a form comes
        import uvicorn

        from .app import make_app
    except ImportError as error:
        raise UserError(f'{INSTALL} ({error})') from None
    require_number('port', port, 0, 65535)
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            make_app(open_reader()),
            loop='asyncio',
            http='h11',
            ws='none',
            lifespan='on',
            log_level='error',
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)
        # uvicorn raises the signal again after its shutdown. The default action would end the process with a failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(server, 'should_exit', True))
        address = listener.getsockname()
        name = f'[{address[0]}]' if ':' in address[0] else address[0]
        say(f'digits-reader: http://{name}:{address[1]}/ is ready; Ctrl-C stops')
        if not ipaddress.ip_address(address[0]).is_loopback:
            say('note: other machines reach this service; it has no password and no encryption')
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Open the socket. Raises UserError if the address is unknown, of another machine, or in use."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind)
        try:
            if os.name == 'posix':  # on Windows, another program could take the port over
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f'{host} port {port}: cannot listen there ({reason}); choose another --host or --port'
        ) from None
    return listener
