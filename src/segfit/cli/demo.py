"""What ``segfit demo`` does: images and models that ship with segfit, and nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

from segfit.arrays import UInt8Array
from segfit.cli.display.terminal import draw_class, print_line
from segfit.cli.display.training_panel import TrainingDisplay
from segfit.cli.display.training_tables import render_result
from segfit.cli.follow import follow_training
from segfit.datasets import Dataset, open_labelled
from segfit.errors import SegfitError
from segfit.evaluation.regions import evaluate
from segfit.files import make_folder, write_file
from segfit.formats.draw import encode_image
from segfit.formats.mask import write_mask
from segfit.formats.overlay import write_overlay
from segfit.formats.summary import summarise
from segfit.imaging.read import read_image
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.segmenter import Segmenter, load
from segfit.text import list_first
from segfit.version import __version__

DEMO_DATA = Path(__file__).parents[1] / "demo_data"
NUCLEI = DEMO_DATA / "nuclei"
SUMMARY_NAME = "summary.json"
# Many small steps suit a minute, and nuclei look alike from every side.
TRAINING_PLAN: Mapping[str, Any] = {
    "batch": 2,
    "augmentation": {"flip_vertical": True, "rotation_deg": 180},
}
MODEL_NAME = "nuclei_demo.segfit"
COMPARISON_NAME = "comparison.png"


@dataclass(frozen=True)
class Exhibit:
    """An image to show, and the model for it.

    ``cut_px``: the part that is shown, (top, bottom, left, right); None for all. ``height_px``:
    what that part is enlarged to; None for no change.
    """

    name: str
    model: str
    path: Path
    cut_px: tuple[int, int, int, int] | None = None
    height_px: int | None = None

    def result_names(self) -> tuple[str, str]:
        """Names of the mask's and the overlay's file."""
        return f"{self.name}_mask.png", f"{self.name}_overlay.jpg"


EXHIBITS = (
    # The face model knows portraits that a head fills, 512 px high, before a plain wall.
    Exhibit(
        "face",
        "face",
        DEMO_DATA / "astronaut.jpg",
        cut_px=(0, 190, 140, 304),
        height_px=512,
    ),
    Exhibit("nuclei", "nuclei", NUCLEI / "val" / "images" / "fluorescence_573a657d5e5f.png"),
)


@dataclass(frozen=True)
class Shown:
    """What was found in an exhibit, and the milliseconds of every step."""

    exhibit: Exhibit
    result: Segmentation
    step_ms: dict[str, float]


def run_demo(
    output: Path, *, force: bool, console: Console, exhibits: Sequence[Exhibit] = EXHIBITS
) -> None:
    """Segment the exhibits, write masks, overlays and a summary, and tell what was found.

    Raises ``SegfitError`` where results exist (unless ``force``) or cannot be written.
    """
    names = [name for exhibit in exhibits for name in exhibit.result_names()]
    prepare_output(output, [*names, SUMMARY_NAME], force=force)
    shown = [show(exhibit, output, force=force) for exhibit in exhibits]
    summary = {
        "segfit_version": __version__,
        "images": [
            {
                "name": one.exhibit.name,
                **summarise(one.result),
                "cut_px": one.exhibit.cut_px,
                "height_px": one.exhibit.height_px,
                "step_ms": {step: round(ms, 2) for step, ms in one.step_ms.items()},
            }
            for one in shown
        ],
    }
    text = json.dumps(summary, indent=1) + "\n"
    write_file(output / SUMMARY_NAME, text.encode(), force=force)
    console.print(render_findings(shown))
    console.print(render_steps(shown))
    print_line(console, f"written to {output}: {', '.join([*names, SUMMARY_NAME])}")
    print_line(console, "\nwhat to try next:")
    images = _relative(NUCLEI / "val" / "images")
    for command, meaning in (
        (f"segfit predict nuclei {images} -o nuclei-output", "every image of a folder"),
        (f"segfit evaluate nuclei {_relative(NUCLEI)}", "beside labels that people drew"),
        ("segfit demo --train", 'train your own in a minute; needs pip install "segfit[train]"'),
    ):
        print_line(console, f"  {command}\n      {meaning}")


def show(exhibit: Exhibit, output: Path, *, force: bool) -> Shown:
    """Segment one exhibit and write its mask and its overlay."""
    marks = [time.perf_counter()]
    segmenter = load(exhibit.model)
    marks.append(time.perf_counter())
    image = read_cut(exhibit)
    marks.append(time.perf_counter())
    found = segmenter(image)
    result = replace(found, image_name=exhibit.path.name, model_name=segmenter.card.name)
    marks.append(time.perf_counter())
    mask_name, overlay_name = exhibit.result_names()
    write_mask(result, output / mask_name, force=force)
    write_overlay(result, output / overlay_name, force=force)
    marks.append(time.perf_counter())
    lengths_ms = (1000 * np.diff(marks)).tolist()
    return Shown(exhibit, result, dict(zip(STEPS, lengths_ms, strict=True)))


STEPS = ("load the model", "read the image", "segment", "write")


def read_cut(exhibit: Exhibit) -> UInt8Array:
    """The part of the exhibit's image that is shown, at the size at which it is shown."""
    image = read_image(exhibit.path)
    top, bottom, left, right = exhibit.cut_px or (0, image.shape[0], 0, image.shape[1])
    cut = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    if exhibit.height_px is not None:
        width_px = round(cut.width * exhibit.height_px / cut.height)
        cut = cut.resize((width_px, exhibit.height_px), Image.Resampling.LANCZOS)
    return np.asarray(cut, dtype=np.uint8)


def render_findings(shown: Sequence[Shown]) -> Table:
    """Class by class, what was found in every image."""
    table = Table("image", "class")
    for title in ("area", "share", "regions", "objects", "mean probability"):
        table.add_column(title, justify="right")
    for one in shown:
        colors = one.result.classes.colors
        for index, entry in enumerate(one.result.summary()):
            sure = entry.mean_probability
            table.add_row(
                one.exhibit.name if index == 0 else "",
                draw_class(entry.name, colors[index]),
                f"{entry.area_px} px",
                f"{entry.share:.1%}",
                str(entry.regions),
                "–" if entry.objects is None else str(entry.objects),
                "–" if sure is None else f"{sure:.2f}",
            )
        table.add_section()
    return table


def render_steps(shown: Sequence[Shown]) -> Table:
    """How long every step took."""
    table = Table("step")
    for one in shown:
        table.add_column(f"{one.exhibit.name}, ms", justify="right")
    for step in STEPS:
        table.add_row(step, *(f"{one.step_ms[step]:.1f}" for one in shown))
    return table


def run_training_demo(
    output: Path,
    *,
    minutes: float,
    force: bool,
    console: Console,
    plan: Mapping[str, Any] = TRAINING_PLAN,
) -> None:
    """Train on the two dozen nuclei images, and compare the model with the truth of six more.

    Raises ``SegfitError`` where results exist (unless ``force``) or training is not installed.
    """
    prepare_output(output, [MODEL_NAME, COMPARISON_NAME], force=force)
    display = TrainingDisplay(console, title="training on 24 images of nuclei")
    result = follow_training(
        display, NUCLEI, output / MODEL_NAME, minutes=minutes, plan=plan, force=force
    )
    console.print(render_result(result))
    unseen = open_labelled(NUCLEI).splits["val"]
    segmenter = load(result.path)
    report = evaluate(segmenter, unseen)
    comparison = draw_comparison(segmenter, unseen)
    path = output / COMPARISON_NAME
    write_file(path, encode_image(comparison, path), force=force)
    print_line(
        console,
        f"mean IoU on {len(unseen)} images that it never trained on: {report.mean_iou:.3f}, "
        f"{1000 * report.seconds_per_image:.0f} ms each",
    )
    if report.instances is not None:
        objects = report.instances.objects
        print_line(
            console,
            f"nuclei: {objects.matched} of {objects.true} found with an IoU of 0.5, and "
            f"{objects.predicted - objects.matched} more that are not nuclei",
        )
    print_line(console, f"they lie beside the truth in {path}")
    print_line(console, "\nwhat to try next:")
    for command in (
        f"segfit info {result.path}",
        f"segfit predict {result.path} {_relative(NUCLEI / 'val' / 'images')} -o nuclei-output",
        "segfit train YOUR_IMAGES -o mine.segfit",
    ):
        print_line(console, f"  {command}")


TILE_PX = 240
GAP_PX = 8
LABEL_PX = 96
FOOT_PX = 30
PAPER = (250, 250, 248)
INK = (40, 40, 44)


def draw_comparison(segmenter: Segmenter, dataset: Dataset) -> UInt8Array:
    """Draw a column for each image: itself, its truth, and what the segmenter found.

    Returns (H, W, 3) uint8.
    """
    rows = ("image", "truth", "prediction")
    width = LABEL_PX + len(dataset) * (TILE_PX + GAP_PX) + GAP_PX
    height = GAP_PX + len(rows) * (TILE_PX + GAP_PX) + FOOT_PX
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for row, title in enumerate(rows):
        middle = GAP_PX + row * (TILE_PX + GAP_PX) + TILE_PX // 2
        draw.text((LABEL_PX - GAP_PX, middle), title, fill=INK, font=font, anchor="rm")
    for column, example in enumerate(dataset):
        left = LABEL_PX + column * (TILE_PX + GAP_PX)
        result = segmenter(example.image)
        truth = Segmentation(
            example.image, LabelGrid(example.labels, example.objects), dataset.classes
        )
        for row, drawn in enumerate((example.image, truth.overlay(), result.overlay())):
            tile = cut_tile(drawn)
            sheet.paste(Image.fromarray(tile), (left, GAP_PX + row * (TILE_PX + GAP_PX)))
        confusion = confusion_matrix(example.labels, result.labels, len(dataset.classes))
        caption = f"mean IoU {mean_iou(confusion):.3f}"
        at = (left + TILE_PX // 2, height - FOOT_PX // 2 - GAP_PX // 2)
        draw.text(at, caption, fill=INK, font=font, anchor="mm")
    return np.asarray(sheet, dtype=np.uint8)


def cut_tile(drawn: UInt8Array) -> UInt8Array:
    """The middle square of an image, brought to a tile's size."""
    side = min(drawn.shape[:2])
    top, left = ((length - side) // 2 for length in drawn.shape[:2])
    square = Image.fromarray(np.ascontiguousarray(drawn[top : top + side, left : left + side]))
    return np.asarray(square.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS), dtype=np.uint8)


def prepare_output(output: Path, names: Sequence[str], *, force: bool) -> None:
    """Make the folder; raise ``SegfitError`` where results exist, unless ``force``."""
    existing = [name for name in names if (output / name).exists()]
    if existing and not force:
        raise SegfitError(
            f"{output} holds results already ({list_first(existing)}): choose another folder with "
            "-o, or allow overwriting with --force"
        )
    make_folder(output)


def _relative(path: Path) -> str:
    """The shorter of a path and its form relative to here."""
    return min(str(path), os.path.relpath(path), key=len)
