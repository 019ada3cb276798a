"""The studio in a real browser, for benchmarks and pictures; no benchmark itself."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.classes import IGNORE
from studio_server import TOKEN, Server

WAIT_S = 60
TILE_PX = 512
Points = Sequence[tuple[float, float]] | np.ndarray[Any, Any]


class Person:
    """Somebody at the page, who uses mouse and keys."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        page.set_default_timeout(1000 * WAIT_S)

    def open(self) -> Person:
        """The page, until the first image is there."""
        self.page.goto(f"{self.server.address}/?token={TOKEN}")
        self.page.wait_for_selector("[data-testid=stage][data-complete]:not([data-complete=''])")
        return self

    def find(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def see(self, name: str) -> str:
        return str(self.find("stage").get_attribute(f"data-{name}"))

    def settle(self) -> None:
        """Until all that was drawn is kept, and seen."""
        self.page.wait_for_selector("[data-testid=stage][data-settled=true][data-unsent='0']")

    def choose_image(self, number: int) -> None:
        """Step to an image by the keys; it has this number at the server."""
        while (seen := self.see("image")) != str(number):
            self.press("." if int(seen) < number else ",")
            self.page.wait_for_function(
                "seen => document.querySelector('[data-testid=stage]').dataset.image !== seen",
                arg=seen,
            )
        self.page.wait_for_selector(f"[data-testid=stage][data-complete='{number}']")
        self.settle()

    def rename_class(self, number: int, name: str) -> None:
        """Give a class another name in its form, which is closed before the server answers."""
        self.find(f"class-{number}-edit").click()
        self.find(f"class-{number}-name").fill(name)
        self.find(f"class-{number}-name").press("Enter")

    def place(self, path: Points) -> list[tuple[float, float]]:
        """Where on the screen image points (N, 2) in (x, y) are."""
        box = self.find("stage").bounding_box()
        corner = np.array([float(self.see("x")), float(self.see("y"))])
        placed = (np.asarray(path) - corner) * float(self.see("zoom")) + [box["x"], box["y"]]
        return [(x, y) for x, y in placed.tolist()]

    def draw(self, path: Points) -> None:
        """A stroke of the tool in hand through points (N, 2) in (x, y)."""
        first, *others = self.place(path)
        mouse = self.page.mouse
        mouse.move(*first)
        mouse.down()
        for point in others:
            mouse.move(*point)
        mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def ask(self, path: str) -> Any:
        return self.page.request.get(f"{self.server.address}/api{path}").json()

    def look_at(self, layer: str, number: int, shape: tuple[int, int]) -> UInt8Array:
        """Classes of an image's ``labels`` or ``proposal``, (H, W), 255 for none, as seen."""
        seen = np.full(shape, 255, np.uint8)
        for top in range(0, shape[0], TILE_PX):
            for left in range(0, shape[1], TILE_PX):
                at = f"/images/{number}/{layer}/0/{left // TILE_PX}/{top // TILE_PX}"
                answer = self.page.request.get(f"{self.server.address}/api{at}")
                if answer.status == 204:
                    continue
                tile = cv2.imdecode(np.frombuffer(answer.body(), np.uint8), cv2.IMREAD_COLOR)
                part = seen[top : top + TILE_PX, left : left + TILE_PX]
                part[:] = tile[: part.shape[0], : part.shape[1], 2]  # red; OpenCV reads BGR
        return seen

    def look_at_both(self, number: int, shape: tuple[int, int]) -> UInt8Array:
        """Labels, and the proposal where there are none, (H, W)."""
        labels = self.look_at("labels", number, shape)
        return np.where(labels == IGNORE, self.look_at("proposal", number, shape), labels)

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = WAIT_S) -> None:
        """Until something holds; raises ``TimeoutError`` where it does not in time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"it did not happen in {seconds:g} s")
            self.page.wait_for_timeout(50)


@contextmanager
def open_browser(**settings: Any) -> Iterator[Any]:
    """A page of a real Chromium; ``settings``: of its context."""
    from playwright import sync_api as playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise SystemExit("there is no chromium on the path: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **settings})
        yield context.new_page()
        browser.close()
