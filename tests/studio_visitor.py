"""Somebody at the studio's page, as tests have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from chromium import playwright
from studio_browser import Person

WIDTH, HEIGHT = 320, 240
RADIUS = 60
"""Of the disc in ``draw_images``, whose middle is the image's."""


class Visitor(Person):
    """Remembers what the browser complained of; opens an image by its name."""

    def __init__(self, page: Any, server: Any) -> None:
        super().__init__(page, server)
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    def open(self, image: str = "disc.png") -> Visitor:
        super().open()
        self.choose(image)
        return self

    def choose(self, image: str) -> None:
        """Take an image from the filmstrip."""
        self.find("film-list").get_by_text(image, exact=True).click()
        self.expect("image-name").to_contain_text(image)
        self.settle()

    def expect(self, name: str) -> Any:
        """What is expected of an element, in time."""
        return playwright.expect(self.find(name))

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.place([(x, y)])[0])

    def point(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.place([(x, y)])[0])

    def send(self, method: str, path: str, data: Any = None) -> Any:
        """Ask the server past the page, as another program would."""
        answer = self.page.request.fetch(
            f"{self.server.address}/api{path}",
            method=method,
            data=data,
            headers={"X-Segfit": "studio"},
        )
        assert answer.ok, answer.text()
        return answer.json()

    def count_pixels(self, name: str = "object") -> int:
        classes = self.ask("/project")["classes"]
        return next(entry["pixels"] for entry in classes if entry["name"] == name)

    def undo(self, times: int = 1) -> None:
        """Take back so many steps, one after the other."""
        for _ in range(times):
            rev = self.see("rev")
            self.press("Control+z")
            self.wait_for(lambda rev=rev: self.see("rev") != rev)
        self.settle()

    def catch_operations(self) -> list[dict[str, Any]]:
        """Answers operations in the server's place, and keeps what was sent."""
        sent: list[dict[str, Any]] = []

        def answer(route: Any) -> None:
            sent.append(json.loads(route.request.post_data))
            done = {"dirty": None, "state": "corrected", "changed_px": 0, "message": None}
            route.fulfill(json={"rev": 1, "can_undo": False, "can_redo": False, **done})

        self.page.route("**/operations", answer)
        return sent


def draw_images(folder: Path, names: Sequence[str] = ("disc.png", "<b>negative<b>.png")) -> None:
    """A bright disc on dark, and its negative, by turns; one name has markup in it."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc = np.hypot(rows - HEIGHT / 2, columns - WIDTH / 2) < RADIUS
    image = np.where(disc, 200, 40).astype(np.uint8)
    for number, name in enumerate(names):
        gray = 255 - image if number % 2 else image
        Image.fromarray(np.dstack([gray] * 3)).save(folder / name)
