#!/usr/bin/env python
"""Take the pictures of docs/studio.md and the README's animation, in a real Chromium.

    python recipes/make_studio_images.py

A scripted user opens a copy of the demo's nuclei images without their labels, draws, accepts,
trains and looks at every page; where to draw is read from the demo's true labels. ``--quick`` draws
on two images and trains for seconds.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "benchmarks"))

from segfit.datasets import Dataset, open_labelled  # noqa: E402
from stroke_user import Stroke, draw_first, draw_next  # noqa: E402
from studio_browser import Person, open_browser  # noqa: E402
from studio_server import running_studio  # noqa: E402

NUCLEI = REPOSITORY / "src" / "segfit" / "demo_data" / "nuclei"
IMAGES = REPOSITORY / "docs" / "images" / "studio"
DESK, LARGE, TABLET = (1280, 720), (1920, 1080), (820, 1180)
FRAME = (960, 540)
BRUSH = 36
"""Of the slider from 0 to 100: about 9 px."""
LABELLED = 6
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


class Camera:
    """Takes stills and frames of an animation of one page."""

    def __init__(self, page: Any, output: Path) -> None:
        self.page, self.output = page, output
        self.frames: list[tuple[Image.Image, int]] = []

    def still(self, name: str, size: tuple[int, int] = DESK) -> None:
        """What the page looks like at a size, as a file."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.wait_for_timeout(600)
        self._take().save(self.output / f"{name}.webp", quality=80, method=6)
        self.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        self.page.wait_for_timeout(300)

    def frame(self, milliseconds: int = 100) -> None:
        """One more frame of the animation, which is seen so long."""
        taken = self._take().resize(FRAME, Image.Resampling.LANCZOS)
        self.frames.append((taken, milliseconds))

    def write_animation(self, path: Path) -> None:
        first, *others = [image for image, _ in self.frames]
        durations = [milliseconds for _, milliseconds in self.frames]
        first.save(
            path, save_all=True, append_images=others, duration=durations, loop=0, quality=70,
            method=4, minimize_size=True,
        )  # fmt: skip

    def _take(self) -> Image.Image:
        return Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=IMAGES)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    make_images(arguments.output, quick=arguments.quick)


def make_images(output: Path, *, quick: bool) -> None:
    """All pictures, into a folder."""
    output.mkdir(parents=True, exist_ok=True)
    truths = open_labelled(NUCLEI).splits["train"]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "nuclei"
        folder.mkdir()
        for image in sorted((NUCLEI / "train" / "images").iterdir())[: 3 if quick else 24]:
            shutil.copy(image, folder)
        with running_studio(folder) as server, open_browser() as page:
            person, camera = Person(page, server), Camera(page, output)
            walk_through(person, camera, truths, quick=quick)


def walk_through(person: Person, camera: Camera, truths: Dataset, *, quick: bool) -> None:
    """From the first visit to the last page."""
    person.open()
    person.page.wait_for_timeout(500)
    camera.still("first-visit")
    person.page.evaluate(CURSOR)
    camera.frame(1500)
    by_name = {Path(truths[index].name).stem: index for index in range(len(truths))}
    entries = person.ask("/images?limit=24")["images"]
    for place, entry in enumerate(entries[: 2 if quick else LABELLED]):
        truth = truths[by_name[Path(entry["name"]).stem]].labels
        is_nucleus = np.asarray(truth != truths.classes.background, np.uint8)
        label(person, camera, entry["id"], is_nucleus, in_detail=place == 0)
    camera.still("proposal-accepted")
    hover_over_regions(person, camera, entries[-1]["id"])
    train(person, camera, minutes=0.2 if quick else 1.5)
    show_pages(person, camera, entries)
    if not quick:
        camera.write_animation(camera.output / "studio.webp")


def label(
    person: Person, camera: Camera, number: int, truth: np.ndarray[Any, Any], *, in_detail: bool
) -> None:
    """Strokes until little is wrong, then accepted; ``in_detail``: shown as they are drawn."""
    person.choose_image(number)
    camera.frame(500)
    person.find("brush-size").fill(str(BRUSH))
    strokes: list[Stroke] = draw_first(truth) if in_detail else []
    for index, stroke in enumerate(strokes):
        draw(person, camera, stroke)
        if index:
            wait_for_proposal(person, number)
        camera.frame(700)
    if person.find("ask-name-input").is_visible():
        person.find("ask-name-input").fill("Ada")
        person.find("ask-name-save").click()
    if in_detail:
        camera.still("two-strokes")
    seen = person.look_at("labels", number, truth.shape)
    proposed = person.look_at("proposal", number, truth.shape)
    stroke = draw_next(truth, np.where(seen == 255, proposed, seen))
    if stroke is not None:
        draw(person, camera, stroke)
        person.page.wait_for_timeout(1500)
        camera.frame(600)
    person.press("a")
    person.settle()
    if person.ask(f"/images/{number}")["state"] != "done":
        person.press("d")
        person.page.wait_for_timeout(400)
    camera.frame(500)


def wait_for_proposal(person: Person, number: int) -> None:
    person.wait_for(lambda: person.ask(f"/images/{number}")["proposal_rev"] > 0, seconds=30)
    person.page.wait_for_timeout(1200)


def draw(person: Person, camera: Camera, stroke: Stroke) -> None:
    """A stroke with the mouse, every other point a frame."""
    person.press("1" if stroke.label == 0 else "2")
    path = person.place(stroke.path[:: max(1, len(stroke.path) // 10), ::-1] + 0.5)
    mouse = person.page.mouse
    mouse.move(*path[0])
    mouse.down()
    for index, point in enumerate(path[1:]):
        mouse.move(*point)
        if index % 2 == 0:
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
        person.page.wait_for_timeout(400 if step == 0 else 150)
        camera.frame(120)
    camera.still("region-under-the-hand")


def train(person: Person, camera: Camera, *, minutes: float) -> None:
    """Train, and look at the curve meanwhile."""
    answer = person.page.request.post(
        f"{person.server.address}/api/training",
        data={"minutes": minutes},
        headers={"Origin": person.server.address},
    )
    assert answer.ok, answer.text()
    person.wait_for(lambda: bool(person.ask("/training")["curve"]), seconds=180)
    person.find("train").click()
    person.page.wait_for_timeout(1500)
    camera.still("training")
    for _ in range(8):
        person.page.wait_for_timeout(round(minutes * 60_000 / 10))
        camera.frame(400)
    person.wait_for(
        lambda: person.ask("/training")["state"] in ("finished", "failed"),
        seconds=60 * minutes + 300,
    )
    person.page.wait_for_timeout(800)
    camera.frame(900)
    person.press("Escape")


def show_pages(person: Person, camera: Camera, entries: list[dict[str, Any]]) -> None:
    """The model's proposal on a new image, Judge, Take away; dark, large and on a tablet."""
    person.choose_image(entries[-2]["id"])
    person.page.wait_for_timeout(2500)
    camera.frame(1200)
    camera.still("model-proposes", LARGE)
    camera.still("tablet", TABLET)
    person.find("page-judge").click()
    person.page.wait_for_timeout(6000)
    camera.frame(1800)
    camera.still("judge")
    person.find("page-takeaway").click()
    person.page.wait_for_timeout(800)
    camera.frame(1500)
    camera.still("take-away")
    person.find("page-image").click()
    person.page.emulate_media(color_scheme="dark")
    person.page.wait_for_timeout(800)
    camera.frame(1500)
    camera.still("dark")


if __name__ == "__main__":
    main()
