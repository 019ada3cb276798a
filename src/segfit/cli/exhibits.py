"""What ``segfit demo`` shows: images and models that ship with segfit, and nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from segfit.basics.arrays import UInt8Array
from segfit.basics.files import make_folder, write_file
from segfit.basics.text import list_first
from segfit.cli.display.demo import render_findings, render_steps
from segfit.cli.display.terminal import print_line
from segfit.errors import SegfitError
from segfit.formats.mask import write_mask
from segfit.formats.overlay import write_overlay
from segfit.formats.summary import summarise
from segfit.imaging.read import read_image
from segfit.result.segmentation import Segmentation
from segfit.segmenter import load
from segfit.version import __version__

DEMO_DATA = Path(__file__).parents[1] / "demo_data"
NUCLEI = DEMO_DATA / "nuclei"
SUMMARY_NAME = "summary.json"


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
    console.print(render_findings({one.exhibit.name: one.result for one in shown}))
    for one in shown:
        if one.result.note:
            print_line(console, f"{one.exhibit.name}: {one.result.note}")
    console.print(render_steps({one.exhibit.name: one.step_ms for one in shown}, STEPS))
    print_line(console, f"written into {output}: {', '.join([*names, SUMMARY_NAME])}")
    print_line(console, "\nwhat to try next:")
    images = show_path(NUCLEI / "val" / "images")
    for command, meaning in (
        (f"segfit predict nuclei {images} -o nuclei-output", "every image of a folder"),
        (
            f"segfit evaluate nuclei {show_path(NUCLEI)}",
            "compare the model with labels that people drew",
        ),
        (
            "segfit demo --train",
            'train a model of your own in a minute; needs pip install "segfit[train]"',
        ),
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


def prepare_output(output: Path, names: Sequence[str], *, force: bool) -> None:
    """Make the folder; raise ``SegfitError`` where results exist, unless ``force``."""
    existing = [name for name in names if (output / name).exists()]
    if existing and not force:
        raise SegfitError(
            f"{output} holds results already ({list_first(existing)}): choose another folder with "
            "-o, or allow overwriting with --force"
        )
    make_folder(output)


def show_path(path: Path) -> str:
    """The shorter of a path and its form relative to here."""
    return min(str(path), os.path.relpath(path), key=len)
