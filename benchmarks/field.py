#!/usr/bin/env python3
"""A field of view of crowded nuclei: how long it takes, and whether windows change anything.

    python benchmarks/field.py

Fields are put together of the validation's fluorescence images of 256×256 px, every second one
mirrored so that neighbours meet without a seam. Timed, of a field of 1024×1024 px with about 400
nuclei: the whole path from the image to refined instances with outlines and scores, and its
parts. Compared, of one of
2048×2048 px: the objects found in windows that overlap by 128 px, and those of the whole field at
once, both refined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

import segfit
import segfit.classification.classify
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.classification.decision import Decision, decide_partition
from segfit.datasets import Dataset, LabelledImage, open_labelled
from segfit.imaging.pyramid import Pyramid
from segfit.metrics.instances import count_matches, find_overlaps
from segfit.refinement.outlines import refine_outlines
from tiny_sets import NUCLEUS_TILE_PX

TILE_PX, TIMES = 256, 7
WANTED_NUCLEI = 400
WINDOWS_PX = (segfit.classification.classify.WINDOW_PX, 512)
"""As they usually are, and smaller ones."""
LARGE_PX = 1 << 14
"""In windows of this size, the field is worked on as a whole."""

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="nuclei", help="a shipped model or a file (%(default)s)")
    arguments = parse_arguments(parser, quick="")
    folder = find_data(parser, arguments, "dsb2018")
    run = describe_run(seeds=[0], threads=arguments.threads, data=[folder])
    segmenter = segfit.load(arguments.model, threads=arguments.threads)
    validation = open_labelled(folder).splits["val"]

    tiles, tile_px = (1, NUCLEUS_TILE_PX) if arguments.quick else (4, TILE_PX)
    pool = find_tiles(validation, side_px=tile_px)
    field, nuclei = build_field(pool, tiles=tiles, wanted=WANTED_NUCLEI)
    timed = time_parts(segmenter, field, times=1 if arguments.quick else TIMES)
    found = int(segmenter(field).objects.max())
    large, large_nuclei = build_field(pool, tiles=2 * tiles, wanted=4 * WANTED_NUCLEI)
    windows = [compare_windows(segmenter, large, window_px=side) for side in WINDOWS_PX]
    figures: dict[str, Any] = {
        "field_1024": {"nuclei": nuclei, "found": found, "median_ms": timed},
        "field_2048": {"nuclei": large_nuclei, "windows": windows},
    }
    console.print(figures)
    console.print(write_result("field", run, figures, folder=arguments.results))


def find_tiles(validation: Dataset, *, side_px: int) -> list[LabelledImage]:
    """The fluorescence images of one size."""
    return [
        example
        for example in validation
        if example.name.startswith("fluorescence") and example.labels.shape == (side_px, side_px)
    ]


def build_field(
    pool: Sequence[LabelledImage], *, tiles: int, wanted: int, seed: int = 0
) -> tuple[UInt8Array, int]:
    """A square field of tiles × tiles images, and how many nuclei they have in all.

    Of many random choices the one whose number of nuclei is nearest to the wanted one.
    """
    counts = np.array([len(np.unique(example.objects)) - 1 for example in pool])
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(pool), tiles * tiles) for _ in range(2000)]
    best = min(draws, key=lambda draw: abs(int(counts[draw].sum()) - wanted))
    rows = []
    for row in range(tiles):
        line = []
        for column in range(tiles):
            tile = pool[best[row * tiles + column]].image
            tile = tile[::-1] if row % 2 else tile
            line.append(tile[:, ::-1] if column % 2 else tile)
        rows.append(np.concatenate(line, axis=1))
    return np.concatenate(rows), int(counts[best].sum())


def time_parts(segmenter: segfit.Segmenter, field: UInt8Array, *, times: int) -> dict[str, float]:
    """Median milliseconds of the whole path, and of its parts."""
    network = segmenter.outline_network
    assert network is not None
    pyramid = Pyramid(field)
    decision = Decision(threshold=segmenter.card.threshold)
    scores = segmenter.score(pyramid)
    first = decide_partition(scores, decision, segmenter.classes)
    parts: dict[str, Callable[[], object]] = {
        "whole": lambda: segmenter(field).regions,
        "classify": lambda: segmenter.score(Pyramid(field)),
        "group and trace": lambda: decide_partition(scores, decision, segmenter.classes),
        "refine": lambda: refine_outlines(first, pyramid, network=network, scores=scores),
    }
    milliseconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(times + 2):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            milliseconds[name].append(1000 * (time.perf_counter() - start))
    # The first runs are those of a network that is not yet warm.
    return {name: median(values[2:]) for name, values in milliseconds.items()}


def compare_windows(
    segmenter: segfit.Segmenter, field: UInt8Array, *, window_px: int
) -> dict[str, Any]:
    """Objects of a field in windows beside those of the field as a whole."""
    usual = segfit.classification.classify.WINDOW_PX
    found = {}
    for name, side_px in (("windows", window_px), ("whole", LARGE_PX)):
        segfit.classification.classify.WINDOW_PX = side_px
        found[name] = segmenter(field).objects
    segfit.classification.classify.WINDOW_PX = usual
    overlaps = find_overlaps(found["whole"], found["windows"])
    matched = count_matches(overlaps, 0.9)
    return {
        "window_px": window_px,
        "objects_whole": len(overlaps.true_px),
        "objects_in_windows": len(overlaps.predicted_px),
        "matched_at_iou_0.9": matched,
        "share": matched / max(len(overlaps.true_px), len(overlaps.predicted_px)),
    }


if __name__ == "__main__":
    main()
