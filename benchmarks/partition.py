#!/usr/bin/env python3
"""What tracing a label grid and drawing it again cost, on one core, as the border grows.

    python benchmarks/partition.py

The grids are cells around random points, as an image of grains or of tissue has them. One series
has images of different sizes with the same number of regions, so that the border grows with the
image's side; the other has one size with more and more regions. Needs Linux, which can hold a
process to one core.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from images import save
from options import make_parser, parse_arguments
from results import describe_run, read_versions, write_result
from segfit.basics.arrays import UInt8Array
from segfit.partition import partition_of, rasterize

CLASSES = 250
"""So many that few neighbours have the same class and become one region."""
MOST_SECONDS = 1.5  # of partition_of at the reference

console = Console()


@dataclass(frozen=True)
class Series:
    """Grids to measure: of different sizes (width, height), and of different numbers of regions.

    ``size`` and ``regions`` are those of the reference, which both series have.
    """

    size: tuple[int, int]
    regions: int
    sizes: tuple[tuple[int, int], ...]
    region_counts: tuple[int, ...]

    def list_grids(self) -> list[tuple[tuple[int, int], int]]:
        """Size and number of regions of every grid, the reference only once."""
        grids = [(size, self.regions) for size in self.sizes]
        grids += [(self.size, count) for count in self.region_counts]
        return list(dict.fromkeys(grids))


SERIES = Series(
    size=(4000, 3000),
    regions=2000,
    sizes=((577, 433), (1155, 866), (2309, 1732), (4000, 3000), (8000, 6000)),
    region_counts=(100, 500, 2000, 6000, 20_000),
)
"""0.25, 1, 4, 12 and 48 megapixels."""
QUICK_SERIES = Series((160, 120), 40, sizes=((80, 60), (160, 120)), region_counts=(20, 40))


@dataclass(frozen=True)
class Cost:
    """What one grid cost: medians of the seconds, peaks of the memory beside what went in."""

    width: int
    height: int
    regions: int
    border_px: int
    points: int
    trace_seconds: float
    raster_seconds: float
    trace_peak_bytes: int
    raster_peak_bytes: int
    all_trace_seconds: tuple[float, ...]
    all_raster_seconds: tuple[float, ...]


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.set_defaults(threads=1)
    parser.add_argument("--runs", type=int, default=5, help="of each grid (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse_arguments(parser, quick="--runs 1")
    if arguments.threads != 1:
        parser.error("this is measured on one core: leave --threads out")
    hold_to_one_core()

    run = describe_run(seeds=[arguments.seed], threads=1)
    run = replace(run, packages={**run.packages, **read_versions(["scipy"])})
    series = QUICK_SERIES if arguments.quick else SERIES
    measured = {
        (size, count): measure_cost(
            draw_cells(size, count, seed=arguments.seed), runs=arguments.runs
        )
        for size, count in series.list_grids()
    }
    by_size = [measured[size, series.regions] for size in series.sizes]
    by_regions = [measured[series.size, count] for count in series.region_counts]

    figures = collect_figures(measured[series.size, series.regions], by_size, by_regions)
    console.print(to_table([*by_size, *by_regions]))
    console.print(describe_reference(figures))
    draw_growth(series, by_size, by_regions, arguments.results / "images" / "partition-growth.png")
    console.print(write_result("partition", run, figures, folder=arguments.results))


def hold_to_one_core() -> None:
    """Let this process, with any threads of its libraries, run on one core only."""
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("this needs Linux: elsewhere Python cannot hold a process to one core")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def draw_cells(size: tuple[int, int], count: int, *, seed: int) -> UInt8Array:
    """A label grid (H, W) of ``count`` cells: the pixels nearest to each of as many points."""
    width, height = size
    rng = np.random.default_rng(seed)
    seeds = rng.choice(width * height, count, replace=False)
    distant = np.ones((height, width), np.uint8)
    distant.ravel()[seeds] = 0
    _, cells = cv2.distanceTransformWithLabels(
        distant, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    class_of_cell = rng.integers(0, CLASSES, count + 1, dtype=np.uint8)
    return np.asarray(class_of_cell[cells])


def measure_cost(labels: UInt8Array, *, runs: int) -> Cost:
    """Trace the grid and draw it again, ``runs`` times after one that is not counted."""
    partition = partition_of(labels)
    if not np.array_equal(partition.labels[rasterize(partition)], labels):
        raise SystemExit("drawing the partition did not give the grid that it was traced from")
    trace_seconds = time_runs(lambda: partition_of(labels), runs=runs)
    raster_seconds = time_runs(lambda: rasterize(partition), runs=runs)
    return Cost(
        width=labels.shape[1],
        height=labels.shape[0],
        regions=partition.region_count,
        border_px=count_border_px(labels),
        points=len(partition.points),
        trace_seconds=median(trace_seconds),
        raster_seconds=median(raster_seconds),
        # Apart from the timing, which it would slow down.
        trace_peak_bytes=measure_peak(lambda: partition_of(labels)),
        raster_peak_bytes=measure_peak(lambda: rasterize(partition)),
        all_trace_seconds=tuple(trace_seconds),
        all_raster_seconds=tuple(raster_seconds),
    )


def time_runs(work: Callable[[], object], *, runs: int) -> list[float]:
    """Wall-clock seconds of each run."""
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds


def measure_peak(work: Callable[[], object]) -> int:
    """Most bytes that Python and NumPy held at once while it ran, its result included."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def count_border_px(labels: UInt8Array) -> int:
    """Length of the border between regions, the image's edge left out."""
    across = np.count_nonzero(labels[:, 1:] != labels[:, :-1])
    return int(across + np.count_nonzero(labels[1:] != labels[:-1]))


def fit_slope(costs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    """Exponent of the border's length by which a cost grows: the slope on log-log axes."""
    border_px = [cost.border_px for cost in costs]
    slope, _ = np.polyfit(np.log(border_px), np.log([of(cost) for cost in costs]), 1)
    return float(slope)


def fit_slopes(costs: Sequence[Cost]) -> dict[str, float]:
    return {
        "trace_seconds": fit_slope(costs, lambda cost: cost.trace_seconds),
        "raster_seconds": fit_slope(costs, lambda cost: cost.raster_seconds),
        "trace_peak_bytes": fit_slope(costs, lambda cost: cost.trace_peak_bytes),
        "raster_peak_bytes": fit_slope(costs, lambda cost: cost.raster_peak_bytes),
    }


def collect_figures(
    reference: Cost, by_size: Sequence[Cost], by_regions: Sequence[Cost]
) -> dict[str, Any]:
    """What the result file holds; a slope of 1 is a cost in proportion to the border."""
    return {
        "reference": asdict(reference),
        "wanted_trace_seconds": MOST_SECONDS,
        "slopes": {
            "size_grows": fit_slopes(by_size),
            "regions_grow": fit_slopes(by_regions),
        },
        "size_grows": [asdict(cost) for cost in by_size],
        "regions_grow": [asdict(cost) for cost in by_regions],
    }


def to_table(costs: Sequence[Cost]) -> Table:
    table = Table("image", title="Partition, on one core")
    for column in ("regions", "border", "trace", "raster", "trace, peak", "raster, peak"):
        table.add_column(column, justify="right")
    for cost in dict.fromkeys(costs):
        table.add_row(
            f"{cost.width}×{cost.height}",
            str(cost.regions),
            f"{cost.border_px} px",
            f"{cost.trace_seconds:.3f} s",
            f"{cost.raster_seconds:.3f} s",
            f"{cost.trace_peak_bytes / 1e6:.0f} MB",
            f"{cost.raster_peak_bytes / 1e6:.0f} MB",
        )
    return table


def describe_reference(figures: Mapping[str, Any]) -> str:
    reference, slopes = figures["reference"], figures["slopes"]
    return (
        f"{reference['width']}×{reference['height']}, {reference['regions']} regions: "
        f"{reference['trace_seconds']:.2f} s (wanted: < {MOST_SECONDS} s); seconds grow with the "
        f"border's length to the power of {slopes['size_grows']['trace_seconds']:.2f} as the "
        f"image grows, {slopes['regions_grow']['trace_seconds']:.2f} as regions get more"
    )


def draw_growth(
    series: Series, by_size: Sequence[Cost], by_regions: Sequence[Cost], path: Path
) -> None:
    """Seconds and peak memory over the border's length, both axes logarithmic."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    width, height = series.size
    for costs, grows, line in (
        (by_size, f"{series.regions} cells, more pixels", "o-"),
        (by_regions, f"{width}×{height}, more cells", "s--"),
    ):
        border_px = [cost.border_px for cost in costs]
        for what, color in (("trace", "tab:blue"), ("raster", "tab:orange")):
            seconds = [getattr(cost, f"{what}_seconds") for cost in costs]
            megabytes = [getattr(cost, f"{what}_peak_bytes") / 1e6 for cost in costs]
            time_axes.plot(border_px, seconds, line, color=color, label=f"{what}: {grows}")
            memory_axes.plot(border_px, megabytes, line, color=color)
    time_axes.set(ylabel="seconds on one core")
    memory_axes.set(ylabel="peak memory, MB")
    for axes in (time_axes, memory_axes):
        axes.set(xscale="log", yscale="log", xlabel="length of the border, px")
        axes.grid(alpha=0.3, which="both")
    time_axes.axhline(MOST_SECONDS, color="gray", linestyle=":")
    time_axes.legend(fontsize="x-small")
    save(figure, path)


if __name__ == "__main__":
    main()
