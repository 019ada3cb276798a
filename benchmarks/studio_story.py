#!/usr/bin/env python3
"""From a folder of images without labels to a trained model, by a scripted user in the browser.

    python benchmarks/studio_story.py

The two dozen nuclei images of the demo, without their labels. The user names a class, draws on each
image what ``stroke_user.py`` would draw (a stroke for each class, then in the largest wrong region
while the proposal's IoU is below 0.85, three more at most), accepts the proposal, says *done*, and
trains for ``--minutes``. All of it is done with mouse and keys in a real Chromium; where to draw is
read from the demo's true labels, and from the proposal as the page has it. Measured is the IoU of
nuclei on the demo's six held-out images, which are not in the folder.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import segfit
from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from segfit.datasets import Dataset, open_labelled
from segfit.metrics.confusion import confusion_matrix, iou_per_class
from stroke_user import BRUSH_PX, Stroke, draw_first, draw_next, measure_iou
from studio_browser import Person, open_browser
from studio_server import running_studio

NUCLEI = DEMO_DATA / "nuclei"
CONTENT = 0.85
FURTHER = 3

console = Console()


@dataclass
class Story:
    """What happened when, in seconds since the command was given."""

    begun: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)
    strokes: int = 0

    def note(self, what: str) -> None:
        self.seconds[what] = round(time.monotonic() - self.begun, 1)
        console.print(f"{self.seconds[what]:7.1f} s  {what}")


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--minutes", type=float, default=2.0, help="of training (%(default)s)")
    parser.add_argument("--images", type=int, default=24)
    arguments = parse_arguments(parser, quick="--images 3 --minutes 0.2")
    run = describe_run(seeds=[0], threads=arguments.threads, data=[NUCLEI])
    splits = open_labelled(NUCLEI).splits
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "nuclei"
        names = copy_images(folder, count=arguments.images)
        story = Story()
        with running_studio(folder) as server, open_browser(accept_downloads=True) as page:
            model = tell(Person(page, server), story, splits["train"], names, arguments)
        ious, proposed = measure(model, splits["val"])
    figures = {
        "images": arguments.images,
        "strokes": story.strokes,
        "minutes_of_training": arguments.minutes,
        "seconds": story.seconds,
        "nucleus_iou_on_held_out_images": round(ious, 3),
        "mean_iou_on_held_out_images": round(proposed, 3),
    }
    console.print(figures)
    console.print(write_result("studio-story", run, figures, folder=arguments.results))


def copy_images(folder: Path, *, count: int) -> list[str]:
    """Only images: the folder begins without any label. Their names, without suffix."""
    folder.mkdir()
    images = sorted((NUCLEI / "train" / "images").iterdir())[:count]
    for image in images:
        shutil.copy(image, folder)
    return [image.stem for image in images]


def tell(person: Person, story: Story, truths: Dataset, names: list[str], arguments: Any) -> Path:
    """The whole story; the downloaded model."""
    person.open()
    story.note("the first image is on the screen")
    name_class(person)
    by_name = {Path(truths[index].name).stem: index for index in range(len(truths))}
    for entry in person.ask(f"/images?limit={len(names)}")["images"]:
        truth = truths[by_name[Path(entry["name"]).stem]]
        label(person, story, entry["id"], (truth.labels != truths.classes.background))
    story.note(f"{len(names)} images are labelled")
    train(person, minutes=arguments.minutes)
    story.note("the model is trained")
    person.find("page-takeaway").click()
    with person.page.expect_download() as download:
        person.page.locator("[data-testid^=takeaway-model-]").first.click()
    path = Path(tempfile.mkdtemp()) / "nuclei.segfit"
    download.value.save_as(path)
    story.note("the model is downloaded")
    return path


def name_class(person: Person) -> None:
    """The class that is there is called nucleus, and has objects."""
    number = next(c["index"] for c in person.ask("/project")["classes"] if c["name"] == "object")
    person.rename_class(number, "nucleus")
    if not person.find(f"class-{number}-objects").is_visible():
        person.find(f"class-{number}-edit").click()
    person.find(f"class-{number}-objects").check()
    person.press("Escape")
    person.wait_for(
        lambda: any(
            one["name"] == "nucleus" and one["has_objects"]
            for one in person.ask("/project")["classes"]
        ),
        seconds=10,
    )
    brush = round(100 * float(np.log(BRUSH_PX) / np.log(400)))
    person.find("tool-brush").click()
    person.find("brush-size").fill(str(brush))


def label(person: Person, story: Story, number: int, is_nucleus: np.ndarray[Any, Any]) -> None:
    """Strokes until the proposal is right enough; accepted, done."""
    person.choose_image(number)
    truth = np.asarray(is_nucleus, np.uint8)
    proposal = person.look_at("proposal", number, truth.shape)
    queue = draw_first(truth) if (proposal == 255).all() else []
    for stroke in queue:
        put(person, story, stroke, number)
    for _ in range(FURTHER):
        now = person.look_at_both(number, truth.shape)
        if measure_iou(truth, now) >= CONTENT:
            break
        stroke = draw_next(truth, now)
        if stroke is None:
            break
        put(person, story, stroke, number)
    person.look_at_both(number, truth.shape)
    person.press("a")
    person.settle()
    if person.ask(f"/images/{number}")["state"] != "done":
        person.press("d")
    person.wait_for(lambda: person.ask(f"/images/{number}")["state"] == "done", seconds=20)


def put(person: Person, story: Story, stroke: Stroke, number: int) -> None:
    """Draw a stroke in the page, and wait for what is proposed then."""
    before = person.see("proposal")
    person.press("1" if stroke.label == 0 else "2")
    person.draw(np.asarray(stroke.path[:: max(1, len(stroke.path) // 12), ::-1], float) + 0.5)
    person.settle()
    story.strokes += 1
    if story.strokes > 1:  # of one class alone nothing is learned
        person.wait_for(lambda: person.see("proposal") != before, seconds=20)


def train(person: Person, *, minutes: float) -> None:
    """Train for some minutes, until the model is there."""
    answer = person.page.request.post(
        f"{person.server.address}/api/training",
        data={"minutes": minutes},
        headers={"Origin": person.server.address},
    )
    assert answer.ok, answer.text()
    person.wait_for(
        lambda: person.ask("/training")["state"] in ("finished", "failed"),
        seconds=60 * minutes + 240,
    )
    state = person.ask("/training")
    if state["state"] == "failed":
        raise SystemExit(f"the training failed: {state['message']}")


def measure(model: Path, held_out: Dataset) -> tuple[float, float]:
    """IoU of nuclei, and of both classes, on images that were not in the folder."""
    segmenter = segfit.load(model)
    nucleus = segmenter.classes.names.index("nucleus")
    confusion = np.zeros((2, 2), np.int64)
    for example in held_out:
        truth = np.asarray(example.labels != held_out.classes.background, np.uint8)
        found = np.asarray(segmenter(example.image).labels == nucleus, np.uint8)
        confusion += confusion_matrix(truth, found, 2)
    ious = iou_per_class(confusion)
    return float(ious[1]), float(ious.mean())


if __name__ == "__main__":
    main()
