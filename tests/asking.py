"""Ask an app: as a server would call it, and over a real connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from segfit.serving.run import Listener, listen, make_server


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(app, path="/", *, method="GET", query="", headers=None, chunks=(b"",), port=7860):
    """The answer of an ASGI app to one request; ``chunks`` of its body, None for one that hangs."""
    given = {"host": f"localhost:{port}", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.encode(), value.encode("latin-1"))
            for name, values in given.items()
            for value in ([values] if isinstance(values, str) else values)
        ],
        "server": ("127.0.0.1", port),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    left = list(chunks)
    sent = []

    async def receive():
        if not left or left[0] is None:
            await asyncio.Event().wait()
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, *rest = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message["body"] for message in rest),
    )


@contextmanager
def running(app, *, token=None, listener: Listener | None = None) -> Iterator[Listener]:
    """An app that is served on a free port, from within this process."""
    listener = listener or listen(port=0, token=token)
    started = threading.Event()
    server = make_server(app, on_started=started.set, patience_s=5)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener.socket]})
    thread.start()
    try:
        assert started.wait(10)
        yield listener
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
    assert not thread.is_alive()
