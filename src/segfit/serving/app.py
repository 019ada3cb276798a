"""``segfit serve``: a model's predictions over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp

from segfit.segmenter import Segmenter
from segfit.serving.answering import Limits, Predictor, answer_full
from segfit.serving.described import (
    ALL_REFUSALS,
    ANY_RESULT,
    FIGURES,
    ONE_IMAGE,
    SEVERAL_IMAGES,
    SOME_REFUSALS,
    ZIP,
    describe_app,
)
from segfit.serving.guard import Guard
from segfit.serving.hosts import AllowedHosts
from segfit.serving.metrics import Counting, Metrics
from segfit.serving.page import PAGE_HEADERS, STYLE, render_page
from segfit.serving.predict import list_formats
from segfit.serving.problems import add_problem_handlers
from segfit.serving.queue import QueueFullError, WorkQueue
from segfit.serving.settings import PredictionParameters, describe_parameters
from segfit.version import __version__

LIVE, READY, HEALTH = "/health/live", "/health/ready", "/health"
OPEN_PATHS = (LIVE, READY, HEALTH)
"""What watches over a server needs no token."""


class ClassInfo(BaseModel):
    """A class that the model tells apart."""

    index: int
    name: str
    color: tuple[int, int, int]
    has_objects: bool


class ModelInfo(BaseModel):
    """What a client needs to know of the model."""

    name: str
    description: str
    classes: list[ClassInfo]
    background: int | None
    provides: list[str]
    threshold: float | None
    channels: list[int] | None
    licence: str
    created: str
    segfit_version: str


class FormatInfo(BaseModel):
    """A format of results."""

    name: str
    purpose: str


class Health(BaseModel):
    """How the server is."""

    live: bool
    ready: bool
    running: int
    waiting: int


def make_app(
    segmenter: Segmenter, *, hosts: AllowedHosts, token: str | None, limits: Limits
) -> ASGIApp:
    """The app, behind its guard; it ends the threads that it predicts in when it ends."""
    queue = WorkQueue(workers=limits.workers, longest=limits.longest_queue)
    metrics = Metrics(queue)

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        yield
        queue.close()

    app = FastAPI(
        title=f"segfit serve: {segmenter.card.name}",
        version=__version__,
        description="Segments images. Every error is a problem (RFC 9457): what was given, what "
        "was expected, what to do.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=live,
    )
    add_problem_handlers(app)
    app.add_exception_handler(QueueFullError, answer_full)
    formats = list_formats(segmenter.provides)
    _add_predictions(app, Predictor(segmenter, queue, metrics, limits), list(formats))
    _add_descriptions(app, segmenter, formats)
    _add_figures(app, queue, metrics)
    described = describe_app(app, needs_token=token is not None)
    _add_pages(app, described, list(formats))
    guarded = Guard(
        app,
        hosts=hosts,
        largest_body=limits.largest_body,
        token=token,
        open_paths=OPEN_PATHS,
        body_s=limits.time_limit_s,
    )
    return Counting(guarded, metrics=metrics, paths=list(described["paths"]))


def _add_predictions(app: FastAPI, predictor: Predictor, formats: list[str]) -> None:
    parameters: Any = Annotated[describe_parameters(formats), Query()]

    def make_endpoint(*, is_batch: bool) -> Callable[..., Awaitable[Response]]:
        async def answer(request: Request, settings: PredictionParameters) -> Response:
            return await predictor.answer(request, settings.to_wish(), is_batch=is_batch)

        answer.__annotations__["settings"] = parameters  # the model says which there are
        return answer

    app.post(
        "/predict",
        summary="Segment an image",
        response_class=Response,
        responses={200: ANY_RESULT, **ALL_REFUSALS},
        openapi_extra=ONE_IMAGE,
    )(make_endpoint(is_batch=False))
    app.post(
        "/predict/batch",
        summary="Segment several images",
        response_class=Response,
        responses={200: ZIP, **ALL_REFUSALS},
        openapi_extra=SEVERAL_IMAGES,
    )(make_endpoint(is_batch=True))


def _add_descriptions(app: FastAPI, segmenter: Segmenter, formats: dict[str, str]) -> None:
    @app.get("/formats", summary="What results can be written as", responses=SOME_REFUSALS)
    async def show_formats() -> list[FormatInfo]:
        return [FormatInfo(name=name, purpose=purpose) for name, purpose in formats.items()]

    @app.get("/model", summary="What the model tells apart", responses=SOME_REFUSALS)
    async def show_model() -> ModelInfo:
        return describe_model(segmenter)


def _add_figures(app: FastAPI, queue: WorkQueue, metrics: Metrics) -> None:
    def measure() -> Health:
        return Health(
            live=True, ready=not queue.is_full, running=queue.running, waiting=queue.waiting
        )

    @app.get(HEALTH, summary="How the server is")
    async def show_health() -> Health:
        return measure()

    @app.get(LIVE, summary="Whether the server answers")
    async def show_life() -> Health:
        return measure()

    @app.get(
        READY,
        summary="Whether the server takes on more work",
        responses={503: {"model": Health, "description": "The queue is full"}},
    )
    async def show_readiness(response: Response) -> Health:
        health = measure()
        response.status_code = 200 if health.ready else 503
        return health

    @app.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: FIGURES, **SOME_REFUSALS},
    )
    async def show_metrics() -> Response:
        return metrics.show()


def _add_pages(app: FastAPI, described: dict[str, Any], formats: list[str]) -> None:
    page = render_page(described, formats)

    @app.get("/", include_in_schema=False)
    async def show_page() -> Response:
        return HTMLResponse(page, headers=PAGE_HEADERS)

    @app.get("/style.css", include_in_schema=False)
    async def show_style() -> Response:
        return Response(STYLE, media_type="text/css")

    @app.get("/openapi.json", include_in_schema=False)
    async def show_description() -> dict[str, Any]:
        return described


def describe_model(segmenter: Segmenter) -> ModelInfo:
    """What a model's card says, as far as it matters to who sends images."""
    card, classes = segmenter.card, segmenter.classes
    return ModelInfo(
        name=card.name,
        description=card.description,
        classes=[
            ClassInfo(
                index=index,
                name=name,
                color=classes.colors[index],
                has_objects=index in classes.object_classes,
            )
            for index, name in enumerate(classes.names)
        ],
        background=classes.background,
        provides=sorted(segmenter.provides),
        threshold=card.threshold if classes.is_binary else None,
        channels=None if card.channels is None else list(card.channels),
        licence=card.licence,
        created=card.created,
        segfit_version=card.segfit_version,
    )
