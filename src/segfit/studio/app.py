"""The studio's web application."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from segfit.errors import SegfitError
from segfit.studio.class_editing import OldVersionError
from segfit.studio.database import StorageError
from segfit.studio.editing import ConflictError, ReadOnlyError
from segfit.studio.project import Studio
from segfit.studio.routes import images, operations, project

ROUTERS = (project.router, images.router, operations.router)
BUILT = Path(__file__).parent / "web" / "built"
PROBLEM = "application/problem+json"
STATUS_OF: tuple[tuple[type[SegfitError], int, str], ...] = (
    (ConflictError, 409, "Changed meanwhile"),
    (OldVersionError, 409, "Changed meanwhile"),
    (ReadOnlyError, 403, "Nothing can be saved"),
    (StorageError, 507, "Not saved"),
    (SegfitError, 422, "Not possible"),
)
OWN_HEADER, OWN_VALUE = "x-segfit", "studio"
"""Of every request that changes something: no other page can send it without being asked first."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def make_app(studio: Studio) -> FastAPI:
    """The API under ``/api``, and the page."""
    app = FastAPI(title="segfit studio", openapi_url="/api/openapi.json", docs_url=None)
    app.state.studio = studio
    for router in ROUTERS:
        app.include_router(router, prefix="/api")
    app.add_exception_handler(SegfitError, _explain)
    app.add_exception_handler(KeyError, _explain_missing)
    app.add_exception_handler(RequestValidationError, _explain_invalid)

    @app.middleware("http")
    async def check_header(request: Request, call_next):  # type: ignore[no-untyped-def]
        if request.method not in READING and request.headers.get(OWN_HEADER) != OWN_VALUE:
            detail = f"a request that changes something needs the header {OWN_HEADER}: {OWN_VALUE}"
            return _problem(403, "Not from the studio's page", detail)
        return await call_next(request)

    if BUILT.is_dir():
        app.mount("/", StaticFiles(directory=BUILT, html=True))
    return app


def _problem(status: int, title: str, detail: str, **more: object) -> Response:
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, media_type=PROBLEM)


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, SegfitError)
    status, title = next((s, t) for kind, s, t in STATUS_OF if isinstance(error, kind))
    more = {}
    if isinstance(error, ConflictError):
        more = {"rev": error.rev, "dirty": error.dirty, "who": error.who}
    return _problem(status, title, str(error), **more)


async def _explain_missing(request: Request, error: Exception) -> Response:
    return _problem(404, "Not there", f"there is no {error.args[0]} here")


async def _explain_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return _problem(422, "Not understood", f"{place}: {first['msg']}")
