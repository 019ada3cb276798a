"""The studio's web application."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from segfit.errors import SegfitError
from segfit.serving.problems import MEDIA_TYPE, Problem, add_problem_handlers, make_problem
from segfit.studio.project import Studio
from segfit.studio.refusals import STATUS_OF, ConflictError
from segfit.studio.routes import (
    images,
    operations,
    project,
    proposals,
    results,
    tools,
    training,
)

REASONS = {
    400: "The body cannot be read",
    403: "Nothing can be saved in this folder",
    404: "There is no such image, tile or model",
    409: "Somebody else changed the same place, or the classes, meanwhile",
    422: "What was asked for is not possible, or not as described",
    507: "Nothing could be saved: the disk is full",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": reason,
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
    for status, reason in REASONS.items()
}
ROUTERS = (
    project.router,
    images.router,
    operations.router,
    proposals.router,
    tools.router,
    training.router,
    results.router,
)
PAGE = Path(__file__).parent / "web" / "built"
LARGEST_BODY = 4_000_000
"""Of a request, in bytes: a stroke of 20,000 points takes a tenth of that."""


def make_app(studio: Studio) -> FastAPI:
    """The API under ``/api``, and the page; to be run behind a ``serving.guard.Guard``."""
    app = FastAPI(title="segfit studio", openapi_url="/api/openapi.json", docs_url=None)
    app.state.studio = studio
    for router in ROUTERS:
        app.include_router(router, prefix="/api", responses=REFUSALS)
    add_problem_handlers(app)
    for kind in STATUS_OF:
        app.add_exception_handler(kind, _refuse)
    if PAGE.is_dir():
        app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, SegfitError)
    status = STATUS_OF.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY)
    more = None
    if isinstance(error, ConflictError):
        more = {"rev": error.rev, "dirty": error.dirty, "who": error.who}
    return make_problem(status, str(error), more=more)
