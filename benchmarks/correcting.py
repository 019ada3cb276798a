#!/usr/bin/env python3
"""Strokes to labels of 0.95 mean IoU: a model's proposals put right, beside starting from nothing.

    python benchmarks/correcting.py

Ten faces of FASSEG frontal's validation split, from which the model has not learned, each labelled
by the simulated user of ``stroke_user.py``: one stroke at a time in the largest wrong region, until
the image's own mean IoU, over the classes that it has, is 0.95. A stroke labels what it covers. The
rest of an image is

- ``model``: what the model proposes;
- ``strokes``: what is learned from this image's strokes so far, anew after each;
- ``nothing``: background.

``--most`` strokes an image end a try that gets no further; such an image counts with that many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

import segfit
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.datasets import open_labelled
from segfit.metrics.confusion import confusion_matrix, iou_per_class
from segfit.scribbles.features import FeatureExtractor, open_features
from segfit.scribbles.fitting import fit_pixels
from segfit.scribbles.marks import Marks
from stroke_user import Stroke, draw_first, draw_next

WANTED = 0.95
MODEL = "face"

Propose = Callable[[UInt8Array], UInt8Array]
"""From what was labelled by hand (H, W) to labels of the whole image (H, W)."""

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--most", type=int, default=200)
    arguments = parse_arguments(parser, quick="--images 1 --most 8")
    folder = find_data(parser, arguments, "fasseg-frontal")
    run = describe_run(seeds=[], threads=arguments.threads, data=[folder])
    faces = open_labelled(folder).splits["val"]
    segmenter = segfit.load(MODEL, threads=arguments.threads)
    features = open_features(threads=arguments.threads)
    strokes: dict[str, list[int]] = {"model": [], "strokes": [], "nothing": []}
    reached: dict[str, list[float]] = {name: [] for name in strokes}
    count = min(arguments.images, len(faces))
    for index in track(range(count), "faces"):
        face = faces[index]
        starts = {
            "model": (propose_by_model(segmenter, face.image), list[Stroke]()),
            "strokes": (
                propose_by_strokes(features, face.image, faces.classes),
                draw_first(face.labels),
            ),
            "nothing": (propose_nothing, list[Stroke]()),
        }
        for name, (propose, first) in starts.items():
            drawn, quality = label_image(face.labels, propose, first, most=arguments.most)
            strokes[name].append(drawn)
            reached[name].append(quality)
    figures = summarise(strokes, reached, most=arguments.most)
    console.print(figures)
    console.print(write_result("correcting", run, figures, folder=arguments.results))


def propose_by_model(segmenter: segfit.Segmenter, image: UInt8Array) -> Propose:
    proposed = segmenter(image).labels
    return lambda _: proposed


def propose_by_strokes(
    features: FeatureExtractor, image: UInt8Array, classes: ClassTable
) -> Propose:
    described = features.describe(image)

    def propose(labelled: UInt8Array) -> UInt8Array:
        marks = Marks.from_labels(labelled)
        if len(np.unique(marks.classes)) < 2:
            return propose_nothing(labelled)
        logits = fit_pixels([(described, marks)], classes).score(described).logits
        height, width = labelled.shape
        return np.asarray(logits.argmax(axis=0)[:height, :width], np.uint8)

    return propose


def propose_nothing(labelled: UInt8Array) -> UInt8Array:
    return np.zeros_like(labelled)


def label_image(
    truth: UInt8Array, propose: Propose, first: list[Stroke], *, most: int
) -> tuple[int, float]:
    """How many strokes were drawn, and the mean IoU that they came to."""
    labelled = np.full_like(truth, IGNORE)
    for stroke in first:
        labelled[tuple(stroke.points.T)] = stroke.label
    drawn = len(first)
    while True:
        now = np.where(labelled == IGNORE, propose(labelled), labelled)
        quality = measure_quality(truth, now)
        stroke = draw_next(truth, now)
        if quality >= WANTED or drawn >= most or stroke is None:
            return drawn, quality
        labelled[tuple(stroke.points.T)] = stroke.label
        drawn += 1


def measure_quality(truth: UInt8Array, labels: UInt8Array) -> float:
    """Mean IoU of one image, over the classes that it has."""
    count = 1 + int(max(truth[truth != IGNORE].max(), labels.max()))
    return float(np.nanmean(iou_per_class(confusion_matrix(truth, labels, count))))


def summarise(
    strokes: dict[str, list[int]], reached: dict[str, list[float]], *, most: int
) -> dict[str, Any]:
    model = np.mean(strokes["model"])
    return {
        "wanted_mean_iou": WANTED,
        "most": most,
        **{
            name: {
                "mean_strokes": round(float(np.mean(drawn)), 1),
                "share_of_it_that_the_model_needs": round(float(model / np.mean(drawn)), 3),
                "images_that_got_there": sum(quality >= WANTED for quality in reached[name]),
                "mean_iou_at_the_end": round(float(np.mean(reached[name])), 3),
                "strokes": drawn,
            }
            for name, drawn in strokes.items()
        },
    }


if __name__ == "__main__":
    main()
