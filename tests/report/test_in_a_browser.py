"""The page in a real browser: its own policy lets it work, and it asks for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_page import OBJECTS, Reader, build

from chromium import open_chromium
from segfit.report import Candidate, write_report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    write_report(build(OBJECTS, worst=2, against=Candidate("other", Reader(OBJECTS))), path)
    return path


def test_the_slider_blends_and_nothing_is_fetched_or_complained_of(path):
    with open_chromium() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 800})
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        entry = page.locator(".worst").first
        layers = {
            name: entry.locator(f"[data-layer={name}]")
            for name in ("truth", "answer", "other-answer", "mistakes", "image")
        }

        def read_opacities() -> dict[str, str]:
            read = "element => getComputedStyle(element).opacity"
            return {name: layer.evaluate(read) for name, layer in layers.items()}

        hidden = {"other-answer": "0", "mistakes": "0", "image": "0"}
        assert read_opacities() == {"truth": "1", "answer": "0.5", **hidden}
        entry.locator("input[type=range]").focus()
        page.keyboard.press("Home")
        assert read_opacities() == {"truth": "1", "answer": "0", **hidden}
        entry.locator("input[value=mistakes]").check()
        assert read_opacities() == {"truth": "1", "answer": "0", **hidden, "mistakes": "1"}
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert [url for url in asked if not url.startswith(("file:", "data:image/webp"))] == []
        assert said == []
