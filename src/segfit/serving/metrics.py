"""What is counted and timed, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Collection
from http import HTTPStatus

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segfit.serving.queue import WorkQueue

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
OTHER = "other"
"""The path of whatever nobody serves: there is no end of these."""
REFUSED = {
    HTTPStatus.UNAUTHORIZED: "no token",
    HTTPStatus.FORBIDDEN: "another site",
    HTTPStatus.REQUEST_TIMEOUT: "slow body",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "large body",
    HTTPStatus.UNPROCESSABLE_ENTITY: "mistake",
    HTTPStatus.TOO_MANY_REQUESTS: "full queue",
    HTTPStatus.GATEWAY_TIMEOUT: "time limit",
}


class Metrics:
    """The figures of one app."""

    def __init__(self, queue: WorkQueue) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "segfit_requests",
            "Requests answered",
            ["path", "status"],
            registry=self._registry,
        )
        self.refused = Counter(
            "segfit_refused", "Requests refused, by why", ["reason"], registry=self._registry
        )
        self.seconds = Histogram(
            "segfit_request_seconds",
            "From a request's headers to the end of its answer",
            ["path"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self.images = Counter(
            "segfit_images", "Images segmented, or failed", ["outcome"], registry=self._registry
        )
        for reason in REFUSED.values():
            self.refused.labels(reason)
        for name, text, read in (
            ("segfit_queue_length", "Requests that wait", lambda: queue.waiting),
            ("segfit_running", "Requests that are worked on", lambda: queue.running),
        ):
            Gauge(name, text, registry=self._registry).set_function(read)

    def show(self) -> Response:
        """All figures as Prometheus reads them."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class Counting:
    """An ASGI app that counts and times the requests to another one."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, paths: Collection[str]) -> None:
        """``paths``: those that are told apart."""
        self._app = app
        self._metrics = metrics
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else OTHER
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self._app(scope, receive, send_watched)
        finally:
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)
            self._metrics.requests.labels(path, status).inc()
            if status in REFUSED:
                self._metrics.refused.labels(REFUSED[HTTPStatus(status)]).inc()
