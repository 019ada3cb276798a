"""What happened, told to every page that listens."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

WAITING_EVENTS = 500
"""A page that lags so far behind is disconnected; it connects again and asks for everything."""


class Events:
    """Passes events on to all who listen; may be told of them in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Queue[str | None], asyncio.AbstractEventLoop] = {}

    def publish(self, event: str, data: dict[str, Any]) -> None:
        """Tell all listeners; nobody waits for them."""
        text = f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            try:
                loop.call_soon_threadsafe(_put, queue, text)
            except RuntimeError:  # its loop has ended
                self.leave(queue)

    def listen(self) -> asyncio.Queue[str | None]:
        """A queue of what will happen, as server-sent events; None at the end. Ask in a loop."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING_EVENTS)
        with self._lock:
            self._listeners[queue] = asyncio.get_running_loop()
        return queue

    def leave(self, queue: asyncio.Queue[str | None]) -> None:
        """Stop to listen."""
        with self._lock:
            self._listeners.pop(queue, None)

    def close(self) -> None:
        """End all queues."""
        with self._lock:
            listeners = list(self._listeners.items())
            self._listeners.clear()
        for queue, loop in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_end, queue)


def _put(queue: asyncio.Queue[str | None], text: str) -> None:
    if queue.full():
        _end(queue)
    else:
        queue.put_nowait(text)


def _end(queue: asyncio.Queue[str | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
