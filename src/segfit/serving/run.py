"""A server from its first to its last second: address, start, end."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from segfit.errors import SegfitError
from segfit.serving.connection import BoundedConnection
from segfit.serving.hosts import is_loopback

LOCAL = "127.0.0.1"
FIRST_PORT, LAST_PORT = 7860, 7959
"""Where a free port is looked for."""
SHORTEST_TOKEN = 16
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{SHORTEST_TOKEN},}}")  # fit for addresses and cookies
LARGEST_HEADERS = 16 * 1024
"""Of a request, in bytes, its first line included."""
MOST_CONNECTIONS, WAITING = 500, 128
"""Connections that are open, and that wait to be."""
KEEP_ALIVE_S = 5
PATIENCE_S = 10
"""How long requests that are being answered may take when the server ends."""


@dataclass(frozen=True, eq=False)
class Listener:
    """An address that is taken, so that nobody else gets it before the server runs.

    ``host``: what it is bound to. ``token``: None where none is needed.
    """

    socket: socket.socket
    host: str
    port: int
    token: str | None = None

    @property
    def address(self) -> str:
        """Where the server is, as a browser on this machine has it."""
        host = {"0.0.0.0": LOCAL, "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def first_address(self) -> str:
        """The address to open first: with the token, where one is needed."""
        return self.address if self.token is None else f"{self.address}?token={self.token}"

    def close(self) -> None:
        """Leave the address to others."""
        self.socket.close()


def listen(host: str = LOCAL, port: int | None = None, *, token: str | None = None) -> Listener:
    """Take an address: a free port from 7860 on, if none is given (0: any).

    Raises ``SegfitError`` for a port that is taken, a host that is not this machine's, one that
    others reach without a token, and a token that is short enough to be guessed or unfit for
    an address.
    """
    if token is None and not is_loopback(host):
        raise SegfitError(f"{host} is reached from other machines: give a token")
    if token is not None and not _TOKEN.fullmatch(token):
        raise SegfitError(
            f"the token has {len(token)} characters: give {SHORTEST_TOKEN} or more, all of them "
            "letters of ASCII, digits, - or _"
        )
    for one in [port] if port is not None else range(FIRST_PORT, LAST_PORT + 1):
        try:
            bound = _bind(host, one)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            if getattr(error, "errno", None) not in (errno.EADDRINUSE, errno.EACCES):
                raise SegfitError(
                    f"cannot listen at {host} ({reason}): give the name or an "
                    "address of this machine, such as 127.0.0.1"
                ) from error
            if port is not None:
                raise SegfitError(
                    f"port {port} cannot be had ({reason}): give another, or none for the "
                    "first that is free"
                ) from error
        else:
            return Listener(bound, host, bound.getsockname()[1], token)
    raise SegfitError(f"the ports {FIRST_PORT} to {LAST_PORT} are all taken: give one with --port")


def run_app(
    app: ASGIApp,
    listener: Listener,
    *,
    on_started: Callable[[], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
    patience_s: int = PATIENCE_S,
) -> None:
    """Run an app, behind its guard, until Ctrl-C or a signal to terminate; see ``make_server``."""
    server = make_server(app, on_started=on_started, on_stopping=on_stopping, patience_s=patience_s)
    with _terminating_like_ctrl_c():
        try:
            server.run(sockets=[listener.socket])
        except KeyboardInterrupt:  # it has ended as it should, and says once more why
            pass
        finally:
            listener.close()


def make_server(
    app: ASGIApp,
    *,
    on_started: Callable[[], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
    patience_s: int = PATIENCE_S,
) -> uvicorn.Server:
    """What runs an app: ``run(sockets=[listener.socket])``, until its ``should_exit`` is true.

    ``on_started`` is told when requests are answered. ``on_stopping`` is told when the server is to
    end and before it waits for what it is still answering, ``patience_s`` at most: whoever streams
    without end should end then.
    """
    # What is wrong with a form is said to who sent it, and is no matter of the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=WAITING,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=patience_s,
        h11_max_incomplete_event_size=LARGEST_HEADERS,
    )
    return _Server(config, on_started, on_stopping)


def open_browser(address: str) -> None:
    """Open an address in the user's browser, if there is one, without waiting for it."""
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


class _Server(uvicorn.Server):
    """uvicorn's, which tells when it has started and when it is to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None] | None,
        on_stopping: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._on_started, self._on_stopping = on_started, on_stopping

    async def main_loop(self) -> None:
        if self._on_started is not None:
            self._on_started()
        await super().main_loop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._on_stopping is not None:
            self._on_stopping()
        await super().shutdown(sockets)


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it lets others take the address away
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(WAITING)  # bound alone, another process could still have it
    except OSError:
        bound.close()
        raise
    return bound


@contextmanager
def _terminating_like_ctrl_c() -> Iterator[None]:
    """Within it, a signal to terminate does what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
