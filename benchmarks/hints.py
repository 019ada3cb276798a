#!/usr/bin/env python3
"""GrabCut and the random walker from a rectangle: what needs no training at all.

    python benchmarks/hints.py

Faces of FASSEG frontal (all that is not background) from a rectangle around the head, and nuclei of
DSB2018, every one from its own rectangle; both rectangles are the truth's, 5 % of their side (3 px
at least) wider. A nucleus is looked for in a window of three times its rectangle; of each image
every 8th nucleus counts. Beside them the rectangle itself, and what the shipped models reach there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

import segfit
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.classical.grabcut import GrabCut
from segfit.classical.random_walker import RandomWalker
from segfit.datasets import Dataset, open_labelled

METHODS: dict[str, type[GrabCut] | type[RandomWalker]] = {
    "grabcut": GrabCut,
    "random-walker": RandomWalker,
}
WIDER, LEAST_PX = 0.05, 3
EVERY = 8
SMALLEST_PX = 12

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    arguments = parse_arguments(parser, quick="")
    faces = find_data(parser, arguments, "fasseg-frontal")
    nuclei = find_data(parser, arguments, "dsb2018")
    run = describe_run(seeds=[], threads=arguments.threads, data=[faces, nuclei])
    figures = {
        "faces": measure_faces(open_labelled(faces).splits["val"]),
        "nuclei": measure_nuclei(open_labelled(nuclei).splits["val"]),
    }
    console.print(figures)
    console.print(write_result("hints", run, figures, folder=arguments.results))


def measure_faces(dataset: Dataset) -> dict[str, Any]:
    segmenter = segfit.load("face")
    ious: dict[str, list[float]] = {name: [] for name in (*METHODS, "rectangle", "face model")}
    for example in track(dataset, "faces", total=len(dataset)):
        truth = (example.labels != dataset.classes.background) & (example.labels != 255)
        rectangle = find_rectangle(truth)
        for name, found in apply_all(example.image, rectangle).items():
            ious[name].append(iou(found, truth))
        ious["face model"].append(iou(segmenter(example.image).labels > 0, truth))
    return summarise(ious)


def measure_nuclei(dataset: Dataset) -> dict[str, Any]:
    ious: dict[str, list[float]] = {name: [] for name in (*METHODS, "rectangle")}
    for example in track(dataset, "nuclei", total=len(dataset)):
        assert example.objects is not None
        for number in range(1, int(example.objects.max()) + 1, EVERY):
            truth = example.objects == number
            if not truth.any():
                continue
            left, top, right, bottom = find_rectangle(truth)
            if min(right - left, bottom - top) < SMALLEST_PX:
                continue
            width, height = right - left, bottom - top
            rows = slice(max(0, int(top - height)), int(bottom + height))
            columns = slice(max(0, int(left - width)), int(right + width))
            shift = (columns.start, rows.start) * 2
            rectangle = tuple(np.subtract((left, top, right, bottom), shift).tolist())
            window = np.ascontiguousarray(example.image[rows, columns])
            for name, found in apply_all(window, rectangle).items():
                ious[name].append(iou(found, truth[rows, columns]))
    return summarise(ious)


def apply_all(
    image: UInt8Array, rectangle: tuple[float, float, float, float]
) -> dict[str, BoolArray]:
    """What each method finds, (H, W); and the rectangle."""
    found = {name: kind(rectangle=rectangle)(image).labels == 1 for name, kind in METHODS.items()}
    left, top, right, bottom = (max(0, round(side)) for side in rectangle)
    filled = np.zeros(image.shape[:2], bool)
    filled[top:bottom, left:right] = True
    return {**found, "rectangle": filled}


def find_rectangle(mask: BoolArray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom around a mask, a little wider, one pixel inside the image."""
    rows, columns = np.nonzero(mask)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    x, y = (max(LEAST_PX, WIDER * side) for side in (right - left, bottom - top))
    height, width = mask.shape
    return (
        float(max(1, left - x)),
        float(max(1, top - y)),
        float(min(width - 1, right + x)),
        float(min(height - 1, bottom + y)),
    )


def iou(found: BoolArray, truth: BoolArray) -> float:
    return float((found & truth).sum() / max(1, (found | truth).sum()))


def summarise(ious: dict[str, list[float]]) -> dict[str, Any]:
    return {
        "objects": len(ious["rectangle"]),
        **{
            name: {"mean_iou": float(np.mean(values)), "median_iou": float(np.median(values))}
            for name, values in ious.items()
        },
    }


if __name__ == "__main__":
    main()
