#!/usr/bin/env python3
"""Work that nobody needs: what some steps cost, beside the plain form that cost more.

    python benchmarks/costs.py

Each step is timed in turns with a reference that gives the same answer, which is checked: masks of
the whole image for every outline, one look at all pixels for every class, a decomposition with full
matrices, a permutation of the data set for every crop, memory that goes back to the system in every
step of a training. Of batches, how the time to plan them grows
when masks double, and what a report keeps of each mask.
"""

from __future__ import annotations

import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from options import make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import Float64Array, Int32Array, Int64Array
from segfit.basics.geometry import fill_polygon, fill_window
from segfit.basics.memory import keep_memory
from segfit.batch.files import plan_files, prepare_folders
from segfit.batch.fit import FitJob, fit_masks
from segfit.batch.masks import find_mask_classes
from segfit.datasets.painting import PaintedObject, paint_objects
from segfit.model.architecture import ClassifierArchitecture
from segfit.networks.classifier import Classifier
from segfit.partition import partition_of, rasterize
from segfit.result.scoring import average_in_regions
from segfit.shapes import make_fit
from segfit.training.data.batches import pick_index

Step = Callable[[], Any]
STEP_CROPS = 8
"""Of a training step, as many as a plan takes of small crops."""

console = Console()


def main() -> None:
    parser = make_parser(__doc__, data=False)
    arguments = parse_arguments(parser, quick="")
    run = describe_run(seeds=[0], threads=arguments.threads)
    small = arguments.quick
    times = 1 if small else 5
    steps = {
        "paint": compare(*paint_outlines(20 if small else 200, side=1024), times=times),
        "score": compare(*score_regions(10 if small else 100, side=512), times=times),
        "line": compare(*fit_line(500 if small else 5000), times=times),
        "crop": compare(*pick_crops(1000 if small else 100_000, crops=64), times=times),
        "train": compare(*take_steps(1 if small else 10, side=64 if small else 256), times=times),
    }
    figures: dict[str, Any] = {
        "steps": steps,
        "plan": measure_planning(masks=50 if small else 1000, times=times),
        "report": measure_report(masks=2 if small else 4, side=64 if small else 384),
    }
    console.print(to_table(figures))
    console.print(write_result("costs", run, figures, folder=arguments.results))


def compare(what: str, now: Step, reference: Step, *, times: int) -> dict[str, Any]:
    """Median milliseconds of two forms of a step, in turns; their answers must be equal."""
    np.testing.assert_allclose(now(), reference(), rtol=1e-9, atol=1e-9)
    seconds: dict[str, list[float]] = {"now": [], "reference": []}
    for _ in range(times):
        for name, step in (("now", now), ("reference", reference)):
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
    ms = {name: 1000 * median(values) for name, values in seconds.items()}
    return {"what": what, **ms, "times": ms["reference"] / ms["now"]}


def paint_outlines(count: int, *, side: int) -> tuple[str, Step, Step]:
    """Polygons painted over each other: by windows, and by masks of the whole image."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = [rng.uniform(0, side, 2) + rng.uniform(5, 25) * circle for _ in range(count)]
    image = np.zeros((side, side, 3), np.uint8)

    def paint() -> Int32Array:
        filled = [fill_window([ring], height=side, width=side) for ring in rings]
        painted = [PaintedObject(mask, 1, n, corner) for n, (mask, corner) in enumerate(filled, 1)]
        return np.asarray(paint_objects(image, painted).objects)

    def paint_everywhere() -> Int32Array:
        objects = np.zeros((side, side), np.int32)
        beneath: set[int] = set()
        for number, ring in enumerate(rings, 1):
            mask = np.array(fill_polygon([ring], height=side, width=side))
            covered = mask & (objects > 0) & (objects != number)
            beneath.update(np.unique(objects[covered]).tolist())
            objects[mask] = number
        return objects

    return f"{count} outlines painted on {side}×{side} px", paint, paint_everywhere


def score_regions(classes: int, *, side: int) -> tuple[str, Step, Step]:
    """Mean probability of each region's class: all classes at once, and one after another."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, classes, (side // 16, side // 16)).astype(np.uint8)
    labels = np.kron(blocks, np.ones((16, 16), np.uint8))
    partition = partition_of(labels)
    of_pixels = rasterize(partition).ravel()
    drawn = rng.random((classes, side, side), np.float32)
    probabilities = drawn / drawn.sum(axis=0)

    def one_by_one() -> Float64Array:
        totals = np.zeros(partition.region_count)
        for label, plane in enumerate(probabilities):
            chosen = partition.labels[of_pixels] == label
            weights = plane.ravel()[chosen]
            totals += np.bincount(of_pixels[chosen], weights=weights, minlength=len(totals))
        return np.asarray(totals / np.bincount(of_pixels, minlength=len(totals)))

    what = f"regions of {classes} classes scored on {side}×{side} px"
    return what, lambda: average_in_regions(probabilities, partition.labels, of_pixels), one_by_one


def take_steps(steps: int, *, side: int) -> tuple[str, Step, Step]:
    """A classifier's steps in training, up to the gradients: with freed memory kept, and without.

    Before each, memory is as the one before has left it: the first form begins with none.
    """
    architecture = ClassifierArchitecture(outputs=1, output_stride=2, has_objects=True)
    network = Classifier(architecture).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.encoder.freeze_statistics()
    crops = torch.randint(0, 256, (STEP_CROPS, side, side, 3), dtype=torch.uint8)

    def step_freely() -> float:
        torch.manual_seed(0)  # of what is dropped
        for _ in range(steps):
            loss = network(crops).square().mean()
            loss.backward()
        return float(loss.detach())

    def step() -> float:
        with keep_memory():
            return step_freely()

    return f"{steps} training steps of {STEP_CROPS} crops of {side}×{side} px", step, step_freely


def fit_line(points: int) -> tuple[str, Step, Step]:
    """The direction of points along a line, by thin matrices and by full ones."""
    rng = np.random.default_rng(0)
    along = np.linspace(-1, 1, points)
    line = np.stack([along, 0.3 * along + rng.normal(scale=0.01, size=points)], axis=1)
    return (
        f"a line through {points:,} points",
        lambda: np.abs(np.linalg.svd(line, full_matrices=False)[2][1]),
        lambda: np.abs(np.linalg.svd(line)[2][1]),
    )


def pick_crops(images: int, *, crops: int) -> tuple[str, Step, Step]:
    """Which images a batch is cut from: by an epoch's order, and by one made for every crop."""

    def permute(position: int) -> int:
        epoch, place = divmod(position, images)
        return int(np.random.default_rng((0, epoch)).permutation(images)[place])

    def pick(choose: Callable[[int], int]) -> Int64Array:
        return np.array([choose(position) for position in range(crops)])

    return (
        f"{crops} crops out of {images:,} images",
        lambda: pick(lambda position: pick_index(position, images, seed=0)),
        lambda: pick(permute),
    )


def measure_planning(*, masks: int, times: int) -> dict[str, Any]:
    """Milliseconds to plan the files of so many masks, and of twice as many."""

    def plan(count: int) -> float:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            inputs = [Path(folder) / "masks" / f"{number}.png" for number in range(count)]
            files = plan_files(
                inputs,
                Path(folder) / "out",
                lambda stem: {"csv": (stem.with_suffix(".csv"),) * 2},
                also_read=[path.with_suffix(".jpg") for path in inputs],
            )
            prepare_folders(files, Path(folder) / "out", force=False)
        return 1000 * (time.perf_counter() - began)

    once, twice = [], []
    for _ in range(times):
        once.append(plan(masks))
        twice.append(plan(2 * masks))
    growth = median(twice) / median(once)
    return {"masks": masks, "ms": median(once), "ms_of_twice": median(twice), "growth": growth}


def measure_report(*, masks: int, side: int) -> dict[str, Any]:
    """Kilobytes that the report of a batch has of each fitted mask, beyond the first so many."""
    spots = np.zeros((side, side), np.uint8)
    for top in range(4, side - 12, 16):
        for left in range(4, side - 12, 16):
            spots[top : top + 9, left : left + 9] = 1
    regions = len(range(4, side - 12, 16)) ** 2

    def keep(count: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{number:03}.png" for number in range(count)]
            for path in paths:
                Image.fromarray(spots).save(path)
            classes, job = find_mask_classes(paths), FitJob(make_fit("hull"))
            tracemalloc.start()
            report = fit_masks(job, paths, classes, Path(folder) / "out", ["csv"])
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert [mask.regions for mask in report.done] == [regions] * count
        return kept

    keep(1)  # what is made once and stays
    grown = (keep(2 * masks) - keep(masks)) / masks
    return {"masks": masks, "regions": regions, "kb_per_mask": grown / 1000}


def to_table(figures: dict[str, Any]) -> Table:
    table = Table("step", title="Costs")
    for title in ("now", "reference", "times"):
        table.add_column(title, justify="right")
    for step in figures["steps"].values():
        table.add_row(
            step["what"],
            f"{step['now']:.3g} ms",
            f"{step['reference']:.3g} ms",
            f"{step['times']:.1f}",
        )
    plan, report = figures["plan"], figures["report"]
    table.add_row(
        f"files of {2 * plan['masks']} masks planned, beside {plan['masks']}",
        f"{plan['ms_of_twice']:.0f} ms",
        f"{plan['ms']:.0f} ms",
        f"{plan['growth']:.2f}",
    )
    what = f"kept of a fitted mask with {report['regions']} regions"
    table.add_row(what, f"{report['kb_per_mask']:.1f} kB", "", "")
    return table


if __name__ == "__main__":
    main()
