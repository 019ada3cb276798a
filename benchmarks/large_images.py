#!/usr/bin/env python3
"""Half a minute of training on photographs of 24 megapixels, against the same as small as it works.

    python benchmarks/large_images.py
    python benchmarks/large_images.py --quick

Twelve of FASSEG's portraits, 0.2 megapixels each, and the same enlarged: JPEG files with masks of
their size. ``segfit train --minutes 0.5`` gets both in turns, the wall clock of the whole command
is taken, and the models are measured on the set's validation images as they are.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table

import segfit
from footprint import run_python
from options import find_data, make_parser, open_build_folder, parse_arguments
from results import describe_run, write_result
from segfit.datasets import open_labelled
from segfit.evaluation.regions import evaluate

SET = "fasseg-frontal"
IMAGES = 12

console = Console()


@dataclass(frozen=True)
class Outcome:
    """One training: seconds of the whole command, and figures of the validation images."""

    megapixels: float
    seed: int
    minutes: float
    seconds: float
    mean_iou: float
    pixel_accuracy: float


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=0.5, help="of training (%(default)s)")
    parser.add_argument(
        "--megapixels", type=float, default=24.0, help="of an enlarged image (%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each (%(default)s)")
    arguments = parse_arguments(parser, quick="--minutes 0.4 --megapixels 0.1 --seeds 1")
    source = find_data(parser, arguments, SET)
    run = describe_run(seeds=range(arguments.seeds), threads=arguments.threads, data=[source])
    folder = open_build_folder(arguments) / "large-images"
    validation = open_labelled(source).splits["val"]
    small = write_images(source, folder / "small", megapixels=None)
    large = write_images(source, folder / "large", megapixels=arguments.megapixels)
    outcomes = []
    for seed in range(arguments.seeds):
        for data in (small, large):
            model = folder / "model.segfit"
            seconds, _ = run_python(
                [
                    "-m", "segfit", "train", str(data), "-o", str(model), "--force",
                    f"--minutes={arguments.minutes}", f"--seed={seed}",
                    f"--threads={arguments.threads}",
                ]
            )  # fmt: skip
            report = evaluate(segfit.load(model, threads=arguments.threads), validation)
            outcomes.append(
                Outcome(
                    megapixels=measure_megapixels(data),
                    seed=seed,
                    minutes=arguments.minutes,
                    seconds=seconds,
                    mean_iou=report.mean_iou,
                    pixel_accuracy=report.pixel_accuracy,
                )
            )
            console.print(outcomes[-1])
    console.print(to_table(outcomes))
    figures = {"set": SET, "images": IMAGES, "trainings": [vars(one) for one in outcomes]}
    console.print(write_result("large_images", run, figures, folder=arguments.results))


def write_images(source: Path, folder: Path, *, megapixels: float | None) -> Path:
    """A folder of the first training images and masks, enlarged to so many megapixels, if any."""
    shutil.rmtree(folder, ignore_errors=True)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    shutil.copy(source / "classes.json", folder)
    for path in sorted((source / "train" / "images").iterdir())[:IMAGES]:
        image = cv2.imread(str(path))
        mask = cv2.imread(str(source / "train" / "masks" / path.name), cv2.IMREAD_UNCHANGED)
        if megapixels is not None:
            factor = math.sqrt(megapixels * 1e6 / mask[..., 0].size)
            size = tuple(round(side * factor) for side in mask.shape[1::-1])
            image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
            mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
        kind = "png" if megapixels is None else "jpg"
        cv2.imwrite(str(folder / "images" / f"{path.stem}.{kind}"), image)
        cv2.imwrite(str(folder / "masks" / path.name), mask)
    return folder


def measure_megapixels(data: Path) -> float:
    """Of a folder's first image."""
    height, width = cv2.imread(str(min((data / "images").iterdir()))).shape[:2]
    return height * width / 1e6


def to_table(outcomes: list[Outcome]) -> Table:
    table = Table("megapixels", "seed", "seconds", "mean IoU", "pixel accuracy")
    for one in outcomes:
        table.add_row(
            f"{one.megapixels:.1f}", str(one.seed), f"{one.seconds:.1f}",
            f"{one.mean_iou:.3f}", f"{one.pixel_accuracy:.3f}",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
