"""A studio in this process, asked as a page asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from asking import ask
from segfit.studio.app import make_app
from segfit.studio.project import Studio
from segfit.studio.proposals.proposals import Proposals
from segfit.studio.proposals.tools import Tools


class Page:
    """Asks a studio's API; raises for what is not answered as expected."""

    def __init__(self, studio, *, cookie=""):
        self.studio, self.app, self.cookie = studio, make_app(studio), cookie

    def ask(self, method, path, body=None):
        headers = {"cookie": self.cookie} if self.cookie else {}
        path, _, query = path.partition("?")
        chunks = (b"",)
        if body is not None:
            headers["content-type"] = "application/json"
            chunks = (json.dumps(body).encode(),)
        return ask(
            self.app, f"/api{path}", method=method, query=query, headers=headers, chunks=chunks
        )

    def get(self, path):
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def send(self, method, path, body=None, *, status=200):
        answer = self.ask(method, path, body)
        assert answer.status == status, answer.body
        return json.loads(answer.body)

    def name_classes(self, *classes, **more):
        version = self.get("/project")["classes_version"]
        given = [one if isinstance(one, dict) else {"name": one} for one in classes]
        return self.send("PUT", "/classes", {"version": version, "classes": given, **more})

    def operate(self, image, kind, *, status=200, **params):
        body = {"kind": kind, **params}
        return self.send("POST", f"/images/{image}/operations", body, status=status)

    def labels(self, image, level=0, x=0, y=0):
        """The tile (h, w, 3): class, origin, object code; None for an empty one."""
        answer = self.ask("GET", f"/images/{image}/labels/{level}/{x}/{y}")
        if answer.status == 204:
            return None
        assert answer.status == 200, answer.body
        found = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_UNCHANGED)
        return found[..., ::-1]


def save_image(path: Path, *, width=64, height=48, seed=0):
    """A small image of random grey squares."""
    path.parent.mkdir(parents=True, exist_ok=True)
    squares = np.random.default_rng(seed).integers(0, 255, (height // 8 + 1, width // 8 + 1, 3))
    pixels = squares.repeat(8, axis=0).repeat(8, axis=1)[:height, :width].astype(np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return pixels


@contextmanager
def opened(folder: Path, *, looks=False, **settings) -> Iterator[Page]:
    """A page of a studio that is open; without ``looks`` no network looks at the images."""
    with ExitStack() as stack:
        if not looks:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            stack.enter_context(patch.object(Proposals, "run", lambda self: None))
            stack.enter_context(patch.object(Tools, "prepare", lambda self, image: nothing))
            stack.enter_context(patch.object(Tools, "warm_up", lambda self: None))
        studio = Studio(folder, **settings)
        try:
            yield Page(studio)
        finally:
            studio.close()
