#!/usr/bin/env python
"""Take the pictures of docs/studio.md and the README's animation, in a real Chromium.

    python recipes/make_studio_images.py

A scripted user opens a copy of the demo's nuclei images without their labels, draws, accepts,
trains and looks at every page; where to draw is read from the demo's true labels. It is an error
where a screen is wider than its window, at any of three sizes. ``tests/studio/test_page_story.py``
walks through the same with images of its own.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "benchmarks"))

from segfit.basics.arrays import UInt8Array  # noqa: E402
from segfit.datasets import open_labelled  # noqa: E402
from stroke_user import Stroke, draw_first, draw_next, measure_iou  # noqa: E402
from studio_browser import Person, open_browser  # noqa: E402
from studio_server import running_studio  # noqa: E402

NUCLEI = REPOSITORY / "src" / "segfit" / "demo_data" / "nuclei"
IMAGES = REPOSITORY / "docs" / "images" / "studio"
DESK, LARGE, TABLET = (1280, 720), (1920, 1080), (820, 1180)
SIZES = (DESK, LARGE, TABLET)
FRAME = (960, 540)
BRUSH = 36
"""Of the slider from 0 to 100: about 9 px."""
LABELLED = 6
CONTENT, FURTHER = 0.85, 6
"""A proposal of this IoU is accepted, or what so many further strokes have made of it."""
START_S = 600
"""Until a training's first step, at most."""
FRAME_MS = 5000
"""Between frames of a training."""
CURSOR = """() => {
  const drawn = document.createElement("div");
  drawn.id = "cursor-of-the-animation";
  for (const [name, value] of Object.entries({position: "fixed", zIndex: "99", width: "18px",
      height: "18px", borderRadius: "50%", border: "2px solid #fff", background: "#0008",
      transform: "translate(-50%, -50%)", pointerEvents: "none", left: "-40px"}))
    drawn.style.setProperty(name.replace(/[A-Z]/g, (c) => "-" + c.toLowerCase()), value);
  document.body.append(drawn);
  addEventListener("pointermove", (event) => {
    drawn.style.setProperty("left", event.clientX + "px");
    drawn.style.setProperty("top", event.clientY + "px");
  }, true);
}"""


FIND_WIDER = """() => {
  const scrolls = (element) => element.closest(".film-scroll, pre, .unseen") !== null;
  const isCut = (element) => element.scrollWidth > element.clientWidth + 1;
  const all = [...document.querySelectorAll("#studio *")].filter((element) =>
    element.checkVisibility() && !scrolls(element));
  const wider = all.filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -1 || right > innerWidth + 1);
  });
  const titles = "button, a, legend, h2, h3";
  const cut = all.filter((element) => element.matches(titles) && isCut(element));
  return [...wider, ...cut].map((element) => element.outerHTML.slice(0, 200));
}"""
AWAIT_RESIZE = """() => {
  window.resized = new Promise((done) =>
    addEventListener("resize", () => requestAnimationFrame(done), { once: true }));
}"""


class Camera:
    """Takes stills and, where it is ``animated``, frames of an animation of one page."""

    def __init__(self, page: Any, output: Path, *, animated: bool) -> None:
        self.page, self.output, self.animated = page, output, animated
        self.frames: list[tuple[Image.Image, int]] = []

    def still(self, name: str, size: tuple[int, int] = DESK) -> None:
        """What the page looks like at a size, as a file. It has to fit into all of ``SIZES``."""
        for each in (*SIZES, size):
            self._resize(each)
            wider = find_wider(self.page)
            if wider:
                raise SystemExit(f"{name} is wider than a window of {each}: {wider[:5]}")
        self.linger(600)
        self._take().save(self.output / f"{name}.webp", quality=80, method=6)
        self._resize(DESK)
        self.linger(300)

    def frame(self, milliseconds: int = 100) -> None:
        """One more frame of the animation, which is seen so long."""
        if self.animated:
            taken = self._take().resize(FRAME, Image.Resampling.LANCZOS)
            self.frames.append((taken, milliseconds))

    def linger(self, milliseconds: int) -> None:
        """Give whoever watches time, and what fades in; nobody watches without an animation."""
        if self.animated:
            self.page.wait_for_timeout(milliseconds)

    def write_animation(self, path: Path) -> None:
        """All frames; nothing where there are none."""
        if not self.frames:
            return
        first, *others = [image for image, _ in self.frames]
        durations = [milliseconds for _, milliseconds in self.frames]
        first.save(
            path, save_all=True, append_images=others, duration=durations, loop=0, quality=70,
            method=4, minimize_size=True,
        )  # fmt: skip

    def _resize(self, size: tuple[int, int]) -> None:
        width, height = size
        if self.page.viewport_size == {"width": width, "height": height}:
            return
        self.page.evaluate(AWAIT_RESIZE)
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.evaluate("() => window.resized")

    def _take(self) -> Image.Image:
        return Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")


def find_wider(page: Any) -> list[str]:
    """What of a page is out of its window, or cut off, to the side."""
    found: list[str] = page.evaluate(FIND_WIDER)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "nuclei"
        folder.mkdir()
        for image in sorted((NUCLEI / "train" / "images").iterdir()):
            shutil.copy(image, folder)
        with running_studio(folder) as server, open_browser() as page:
            camera = Camera(page, arguments.output, animated=True)
            person = Person(page, server).open()
            walk_through(person, camera, read_truths(), labelled=LABELLED)
            camera.write_animation(arguments.output / "studio.webp")


def read_truths() -> dict[str, UInt8Array]:
    """Where nuclei are (1) and where not (0), by the images' names without suffix."""
    data = open_labelled(NUCLEI).splits["train"]
    background = data.classes.background
    return {Path(each.name).stem: np.asarray(each.labels != background, np.uint8) for each in data}


def walk_through(
    person: Person, camera: Camera, truths: Mapping[str, UInt8Array], *, labelled: int
) -> None:
    """From the first visit to the last page; the first ``labelled`` images get labels.

    ``truths``: where the second class is (1), the first one (0), by the images' names without
    suffix.
    """
    camera.linger(500)
    camera.still("first-visit")
    person.page.evaluate(CURSOR)
    camera.frame(1500)
    entries = person.ask("/images")["images"]
    for place, entry in enumerate(entries[:labelled]):
        truth = truths[Path(entry["name"]).stem]
        label(person, camera, entry["id"], truth, in_detail=place == 0)
    camera.still("proposal-accepted")
    hover_over_regions(person, camera, entries[-1]["id"])
    train(person, camera)
    show_pages(person, camera, entries[-1]["id"])


def label(
    person: Person, camera: Camera, number: int, truth: UInt8Array, *, in_detail: bool
) -> None:
    """Strokes until little is wrong, then accepted; ``in_detail``: shown as they are drawn."""
    person.choose_image(number)
    camera.frame(500)
    person.find("brush-size").fill(str(BRUSH))
    strokes: list[Stroke] = draw_first(truth) if in_detail else []
    for index, stroke in enumerate(strokes):
        if index == 0:
            draw(person, camera, stroke, in_detail=True)
        else:
            draw_and_see(person, camera, stroke, in_detail=True)
    if person.find("ask-name-input").is_visible():
        person.find("ask-name-input").fill("Ada")
        person.find("ask-name-save").click()
    if in_detail:
        camera.still("two-strokes")
    wait_for_proposal(person)
    for _ in range(FURTHER):
        seen = person.look_at_both(number, truth.shape)
        stroke = draw_next(truth, seen)
        if stroke is None or measure_iou(truth, seen) >= CONTENT:
            break
        draw_and_see(person, camera, stroke, in_detail=in_detail)
    person.press("a")
    person.settle()
    if person.ask(f"/images/{number}")["state"] != "done":
        person.press("d")
        camera.linger(400)
    camera.frame(500)


def wait_for_proposal(person: Person) -> None:
    person.wait_for(lambda: int(person.see("proposal")) > 0)


def draw_and_see(person: Person, camera: Camera, stroke: Stroke, *, in_detail: bool) -> None:
    """A stroke, and what is proposed after it."""
    before = person.see("proposal")
    draw(person, camera, stroke, in_detail=in_detail)
    person.wait_for(lambda: person.see("proposal") != before)
    camera.linger(1000)
    camera.frame(600)


def draw(person: Person, camera: Camera, stroke: Stroke, *, in_detail: bool) -> None:
    """A stroke with the mouse; ``in_detail``: every other point a frame."""
    person.press("1" if stroke.label == 0 else "2")
    path = person.place(stroke.path[:: max(1, len(stroke.path) // 10), ::-1] + 0.5)
    mouse = person.page.mouse
    mouse.move(*path[0])
    mouse.down()
    for index, point in enumerate(path[1:]):
        mouse.move(*point)
        if in_detail and index % 2 == 0:
            camera.frame(80)
    mouse.up()
    person.settle()


def hover_over_regions(person: Person, camera: Camera, number: int) -> None:
    """The region of the edge hierarchy under the pointer, smaller and larger."""
    person.choose_image(number)
    person.find("tool-region").click()
    box = person.find("stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for step in range(12):
        person.page.mouse.move(middle[0] - 60 + 10 * step, middle[1] - 30 + 5 * step)
        camera.linger(400 if step == 0 else 150)
        camera.frame(120)
    person.find("status-here").get_by_text("region ").wait_for()
    camera.still("region-under-the-hand")


def train(person: Person, camera: Camera) -> None:
    """Train, and look at the curve meanwhile."""
    person.find("train").click()
    person.find("train-start").click()
    person.wait_for(lambda: bool(person.ask("/training")["curve"]), seconds=START_S)
    person.find("train").click()
    camera.linger(1500)
    camera.still("training")
    while person.find("train-state").get_attribute("data-state") not in ("finished", "failed"):
        person.page.wait_for_timeout(FRAME_MS if camera.animated else 50)
        camera.frame(400)
    camera.linger(800)
    camera.frame(900)
    person.press("Escape")


def show_pages(person: Person, camera: Camera, number: int) -> None:
    """The model's proposal on a new image, Judge, Take away; dark, large and on a tablet."""
    person.choose_image(number)
    wait_for_proposal(person)
    camera.linger(2500)
    camera.frame(1200)
    camera.still("model-proposes", LARGE)
    camera.still("tablet", TABLET)
    person.find("page-judge").click()
    person.page.frame_locator("[data-testid=report]").locator("h1").wait_for()
    camera.linger(1500)
    camera.frame(1800)
    camera.still("judge")
    person.find("page-takeaway").click()
    person.find("takeaway-download").wait_for()
    camera.linger(800)
    camera.frame(1500)
    camera.still("take-away")
    person.find("page-image").click()
    person.page.emulate_media(color_scheme="dark")
    camera.linger(800)
    camera.frame(1500)
    camera.still("dark")


if __name__ == "__main__":
    main()
