"""Errors are answered as problems, in segfit's words, without a traceback."""

import json
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from asking import ask, running
from segfit.errors import SegfitError
from segfit.serving.problems import MEDIA_TYPE, add_problem_handlers, make_problem

app = FastAPI()
add_problem_handlers(app)


@app.get("/mistake")
def mistake() -> None:
    raise SegfitError("caf\udce9.png is an empty file: copy it again")


@app.get("/number")
def number(count: int) -> int:
    return count


@app.get("/conflict")
def conflict() -> None:
    raise HTTPException(409, "the classes changed meanwhile", {"retry-after": "1"})


@app.get("/broken")
def broken() -> None:
    raise RuntimeError("a secret path")


@pytest.mark.parametrize(
    ("path", "query", "status", "detail"),
    [
        ("/mistake", "", 422, "caf�.png is an empty file: copy it again"),
        ("/number", "count=x", 422, "query.count: expected an integer, given 'x'"),
        ("/number", "", 422, "query.count is missing"),
        ("/conflict", "", 409, "the classes changed meanwhile"),
        ("/nothing", "", 404, "there is nothing at /nothing"),
    ],
)
def test_an_error_is_a_problem(path, query, status, detail):
    answer = ask(app, path, query=query)
    assert answer.status == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert json.loads(answer.body) == {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }


def test_its_headers_and_further_members_are_kept():
    assert ask(app, "/conflict").headers["retry-after"] == "1"
    assert json.loads(make_problem(409, "old", more={"rev": 7}).body)["rev"] == 7


def test_a_mistake_of_ours_tells_nothing_of_itself(caplog):
    with running(app) as listener:
        answer = httpx.get(f"{listener.address}broken")
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("this is a mistake of segfit")
    assert "secret" not in answer.text
    assert "a secret path" in caplog.text  # where who runs the server finds it
