"""What went wrong with a request, as ``application/problem+json`` (RFC 9457), never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from textwrap import shorten

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from segfit.basics.text import encode_text, say_mistake
from segfit.errors import SegfitError

MEDIA_TYPE = "application/problem+json"
SHOWN_CHARACTERS = 80
"""Of what was given."""


class Problem(BaseModel):
    """What every refused request is answered with."""

    title: str = Field(description="The kind of problem, the same for all of a status")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What was given, what was expected, what to do")


def make_problem(
    status: int,
    detail: str,
    *,
    more: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a request that is refused or failed.

    ``more``: further members, such as the revision that a conflict is about.
    """
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    text = json.dumps({**content, **(more or {})}, ensure_ascii=False, allow_nan=False)
    return Response(encode_text(text), status, media_type=MEDIA_TYPE, headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Let an app answer every exception by a problem.

    ``SegfitError`` gives 422 and its message, as do parameters that are not as described;
    ``HTTPException`` its own status; anything else 500, and its traceback in the log alone.
    """
    app.add_exception_handler(SegfitError, _answer_mistake)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_refused)
    app.add_exception_handler(Exception, _answer_failed)


def describe_invalid(error: RequestValidationError) -> str:
    """The first thing wrong with what was sent: where it is, what was expected, what was given."""
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"])
    if first["type"] == "missing":
        return f"{place} is missing"
    if first["type"] == "extra_forbidden":
        return f"there is no {place}: leave it out, or write it as it is called"
    given = shorten(repr(first.get("input")), SHOWN_CHARACTERS, placeholder=" …")
    return f"{place}: {say_mistake(first['msg'])}, given {given}"


# Starlette calls these by the type that they are added for.
async def _answer_mistake(request: Request, error: Exception) -> Response:
    return make_problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return make_problem(HTTPStatus.UNPROCESSABLE_ENTITY, describe_invalid(error))


async def _answer_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"there is nothing at {request.url.path}"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and error.headers is not None:
        takes = error.headers.get("Allow", "nothing")
        detail = f"{request.url.path} takes {takes}, given {request.method}"
    return make_problem(error.status_code, detail, headers=error.headers)


async def _answer_failed(request: Request, error: Exception) -> Response:
    return make_problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "this is a mistake of segfit, not yours; the server's log says what happened",
    )
