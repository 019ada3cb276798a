#!/usr/bin/env python3
"""What an image costs with a classifier at low resolution and the regression network on top.

    python benchmarks/refinement.py

The model's classifier works at half of the resolution of the smallest image here. Timed in one
run, in turns, in OpenVINO fp32:

* 512×384: the refinement alone (partition, sampling, network, filling), in all and by its parts;
* 512×384 and 1024×768: from array to labels, beside the network alone of a U-Net with the same
  encoder at full resolution;
* 4000×3000: from array to labels, beside the same classifier run at full resolution; the peak
  memory of a process of its own that loads the model and segments such an image;
* 0.25 to 48 megapixels, the same image enlarged, so that its borders are as complex: seconds
  against megapixels, and the power with which they grow.

The images: the astronaut that ships, cut to the head, enlarged; and nine such heads as tiles.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from footprint import ASTRONAUT, run_python
from images import save
from options import make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.classification.decision import Decision, decide_labels, decide_partition
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.read import read_image
from segfit.model.archive import read_model
from segfit.model.precision import Precision
from segfit.model.scaling import Scaling
from segfit.model.shipped import find_model
from segfit.partition import Partition, rasterize_labels
from segfit.partition.untangle import untangle
from segfit.refinement.outlines import (
    OutlineNetwork,
    choose_steps,
    move_vertices,
    open_scene,
    refine_outlines,
    sample_strips,
    start_walk,
)
from segfit.result.scores import Scores
from segfit.runtime.session import Session
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter
from tiny_sets import HEAD
from unet import open_peer, time_in_turns

MOST_REFINEMENT_MS = 15.0
MOST_PEAK_MB = 800.0

PEAK = """
import json, sys
from pathlib import Path
import numpy as np
import segfit
image = np.load(sys.argv[2])
segmenter = segfit.load(sys.argv[1], threads=int(sys.argv[3]))
regions = len(segmenter(image).regions)
lines = Path("/proc/self/status").read_text().splitlines()
peak_mb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
print(json.dumps({"peak_mb": peak_mb, "image_mb": image.nbytes / 1e6, "regions": regions}))
"""

console = Console()

Size = tuple[int, int]
"""Height and width of an image."""


@dataclass(frozen=True)
class Series:
    """What is timed, how often, and how many times faster it is wanted to be.

    ``sizes`` beside a U-Net, ``photograph`` beside full resolution, ``megapixels`` for the growth.
    """

    sizes: dict[Size, float]
    photograph: Size
    photograph_wanted: float
    megapixels: tuple[float, ...]
    turns: int
    photograph_turns: int


SERIES = Series(
    sizes={(512, 384): 5.0, (1024, 768): 9.0},
    photograph=(4000, 3000),
    photograph_wanted=15.0,
    megapixels=(0.25, 1, 4, 12, 24, 48),
    turns=40,
    photograph_turns=9,
)
QUICK_SERIES = Series({(128, 96): 5.0}, (256, 192), 15.0, (0.03, 0.06), 1, 1)


@dataclass(frozen=True)
class Contender:
    """A model, opened once, with the parts of its path at hand."""

    segmenter: Segmenter
    sessions: dict[str, Session]
    regressor: OutlineNetwork
    scaling: Scaling

    def score(self, image: UInt8Array | Pyramid, scaling: Scaling | None = None) -> Scores:
        """The classifier's scores, at its own working size or another."""
        return self.scale(scaling or self.scaling).score(image)

    def scale(self, scaling: Scaling) -> Segmenter:
        """The same model at another working size."""
        card = self.segmenter.card.model_copy(update={"scaling": scaling})
        return Segmenter(card, self.sessions)

    def begin(self, scores: Scores) -> Partition:
        """First outlines of the regions, in the image's frame."""
        return decide_partition(scores, Decision(), self.segmenter.classes)


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--model", default="face", help="a shipped model or a file (%(default)s)")
    arguments = parse_arguments(parser, quick="")
    series = QUICK_SERIES if arguments.quick else SERIES
    run = describe_run(seeds=(), threads=arguments.threads)
    contender = open_contender(arguments.model, threads=arguments.threads)
    sizes = [
        measure_size(contender, size, series, threads=arguments.threads) for size in series.sizes
    ]
    photographs = {
        name: measure_photograph(contender, image, series)
        for name, image in (
            ("one head", enlarge(series.photograph)),
            ("nine heads", tile(series.photograph, count=3)),
        )
    }
    peak = measure_peak(arguments.model, series.photograph, threads=arguments.threads)
    growth = [
        measure_growth(contender, megapixels, turns=series.photograph_turns)
        for megapixels in series.megapixels
    ]
    figures = {
        "model": arguments.model,
        "working_px": contender.scaling.long_side_px,
        "sizes": sizes,
        "photographs": photographs,
        "peak": peak,
        "growth": growth,
        "growth_powers": {
            name: fit_power([row["megapixels"] for row in growth], [row[name] for row in growth])
            for name in ("refinement_ms", "end_to_end_ms", "border_px")
        },
    }
    show(figures)
    draw_growth(growth, arguments.results / "images" / "refinement-growth.png")
    console.print(write_result("refinement", run, figures, folder=arguments.results))


def open_contender(model: str, *, threads: int) -> Contender:
    contents = read_model(find_model(model))
    sessions = open_sessions(contents, threads=threads, precision=Precision.SINGLE)
    card = contents.card
    regressor = card.regressor
    assert regressor is not None
    network = OutlineNetwork(
        sessions["regressor"].run, regressor.architecture, regressor.temperature
    )
    return Contender(Segmenter(card, sessions), sessions, network, card.scaling)


def enlarge(size: Size) -> UInt8Array:
    """The head at another size, (height, width)."""
    head = np.ascontiguousarray(read_image(ASTRONAUT)[HEAD])
    return np.asarray(cv2.resize(head, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def tile(size: Size, *, count: int) -> UInt8Array:
    """An image (height, width) of ``count`` × ``count`` heads."""
    height, width = (math.ceil(side / count) for side in size)
    tiled = np.tile(enlarge((height, width)), (count, count, 1))
    return np.ascontiguousarray(tiled[: size[0], : size[1]])


def refine(contender: Contender, scores: Scores, pyramid: Pyramid) -> UInt8Array:
    refined, _ = refine_outlines(
        contender.begin(scores), pyramid, network=contender.regressor, scores=scores
    )
    return rasterize_labels(refined)


def measure_size(
    contender: Contender, size: Size, series: Series, *, threads: int
) -> dict[str, Any]:
    """The refinement and its parts, the whole path, and the U-Net's network."""
    image = enlarge(size)
    half = replace(contender.scaling, long_side_px=max(size) // 2)
    scores = contender.score(image, half)
    segmenter = contender.scale(half)
    batch = np.ascontiguousarray(image[None])
    peer = open_peer(size, threads=threads)
    jobs: dict[str, Callable[[], object]] = {
        "end_to_end": lambda: segmenter(image),
        "refinement": lambda: refine(contender, scores, Pyramid(image)),
        "unet_network": lambda: peer(batch),
    }
    seconds = time_in_turns(jobs, turns=series.turns)
    milliseconds = {name: 1000 * median(values) for name, values in seconds.items()}
    parts, vertices = time_parts(contender, scores, image, turns=series.turns)
    return {
        "height": size[0],
        "width": size[1],
        "working_px": half.long_side_px,
        "median_ms": milliseconds,
        "parts_ms": parts,
        "vertices": vertices,
        "times_faster": milliseconds["unet_network"] / milliseconds["end_to_end"],
        "wanted": series.sizes[size],
    }


def time_parts(
    contender: Contender, scores: Scores, image: UInt8Array, *, turns: int
) -> tuple[dict[str, float], list[int]]:
    """Median milliseconds of each part of a refinement, summed over its passes."""
    first = contender.begin(scores)
    scene = open_scene(
        first, image, scores, cell_px=scores.cell_px, architecture=contender.regressor.architecture
    )
    jobs: dict[str, Callable[[], object]] = {"partition": lambda: contender.begin(scores)}
    partition: Partition = first
    vertices = []
    for number, step_px in enumerate(choose_steps(scores.cell_px)[:-1]):
        walk = start_walk(partition, step_px)
        strips = sample_strips(walk, scene)
        offsets, errors = contender.regressor.run(strips.inputs())
        moved = move_vertices(walk, offsets, errors)
        vertices.append(len(walk.points))
        jobs |= {
            f"sampling {number}": lambda p=partition, s=step_px: sample_strips(
                start_walk(p, s), scene
            ),
            f"network {number}": lambda s=strips: contender.regressor.run(s.inputs()),
            f"moving {number}": lambda w=walk, o=offsets, e=errors: move_vertices(w, o, e),
            f"untangling {number}": lambda p=partition, w=walk, m=moved: untangle(
                p, w.partition, m
            ),
        }
        partition, _ = untangle(partition, walk.partition, moved)
    jobs["filling"] = lambda: rasterize_labels(partition)
    parts: dict[str, float] = {}
    for name, values in time_in_turns(jobs, turns=turns).items():
        part = name.split()[0]
        parts[part] = parts.get(part, 0.0) + 1000 * median(values)
    return parts, vertices


def measure_photograph(contender: Contender, image: UInt8Array, series: Series) -> dict[str, Any]:
    """The whole path beside the same classifier at the photograph's own resolution."""
    full = Scaling(kind="frame", long_side_px=max(image.shape))
    jobs: dict[str, Callable[[], object]] = {
        "end_to_end": lambda: contender.segmenter(image),
        "full_resolution": lambda: decide_labels(contender.score(image, full), Decision()),
    }
    seconds = time_in_turns(jobs, turns=series.photograph_turns)
    milliseconds = {name: 1000 * median(values) for name, values in seconds.items()}
    parts, vertices = time_parts(contender, contender.score(image), image, turns=series.turns)
    return {
        "height": image.shape[0],
        "width": image.shape[1],
        "median_ms": milliseconds,
        "parts_ms": parts,
        "vertices": vertices,
        "times_faster": milliseconds["full_resolution"] / milliseconds["end_to_end"],
        "wanted": series.photograph_wanted,
    }


def measure_peak(model: str, size: Size, *, threads: int) -> dict[str, Any]:
    """Peak memory of a process that segments the photograph, the image itself included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.npy"
        np.save(path, enlarge(size))
        path_of_model = str(find_model(model))
        _, answer = run_python(["-c", PEAK, path_of_model, str(path), str(threads)])
    return {**json.loads(answer), "wanted_mb": MOST_PEAK_MB}


def measure_growth(contender: Contender, megapixels: float, *, turns: int) -> dict[str, Any]:
    height = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    image = enlarge((height, round(height * 3 / 4)))
    scores = contender.score(image)
    pyramid = Pyramid(image)
    refined, _ = refine_outlines(
        contender.begin(scores), pyramid, network=contender.regressor, scores=scores
    )
    jobs: dict[str, Callable[[], object]] = {
        "refinement": lambda: refine_outlines(
            contender.begin(scores), pyramid, network=contender.regressor, scores=scores
        ),
        "end_to_end": lambda: contender.segmenter(image),
    }
    seconds = time_in_turns(jobs, turns=turns)
    begin, end = (refined.points[refined.segments + step] for step in (0, 1))
    inner = ~refined.is_edge[refined.arc_of_point[refined.segments]]
    return {
        "megapixels": image.shape[0] * image.shape[1] / 1e6,
        "border_px": float(np.hypot(*(end - begin)[inner].T).sum()),
        **{f"{name}_ms": 1000 * median(values) for name, values in seconds.items()},
    }


def fit_power(megapixels: list[float], values: list[float]) -> float:
    """The power with which values grow with the area: 0.5 for a length, 1 for an area."""
    return float(np.polyfit(np.log(megapixels), np.log(values), 1)[0])


def show(figures: dict[str, Any]) -> None:
    table = Table("image", title="Milliseconds, medians")
    for title in ("refinement", "end to end", "peer", "times faster", "wanted"):
        table.add_column(title, justify="right")
    for row in figures["sizes"]:
        ms = row["median_ms"]
        table.add_row(
            f"{row['height']}×{row['width']}, beside a U-Net",
            f"{ms['refinement']:.1f}",
            f"{ms['end_to_end']:.1f}",
            f"{ms['unet_network']:.1f}",
            f"{row['times_faster']:.2f}",
            f"{row['wanted']:g}",
        )
    for name, row in figures["photographs"].items():
        ms = row["median_ms"]
        table.add_row(
            f"{row['height']}×{row['width']}, {name}, beside full resolution",
            f"{sum(row['parts_ms'].values()):.1f}",
            f"{ms['end_to_end']:.1f}",
            f"{ms['full_resolution']:.1f}",
            f"{row['times_faster']:.1f}",
            f"{row['wanted']:g}",
        )
    console.print(table)
    for row in (*figures["sizes"], *figures["photographs"].values()):
        parts = ", ".join(f"{name} {value:.1f}" for name, value in row["parts_ms"].items())
        console.print(f"{row['height']}×{row['width']}, vertices {row['vertices']}: {parts}")
    console.print(f"peak {figures['peak']['peak_mb']:.0f} MB; growth {figures['growth_powers']}")


def draw_growth(growth: list[dict[str, Any]], path: Path) -> None:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    megapixels = np.array([row["megapixels"] for row in growth])
    for name, title in (("refinement_ms", "refinement"), ("end_to_end_ms", "end to end")):
        axes.loglog(megapixels, [row[name] for row in growth], "o-", label=title)
    first = growth[0]["refinement_ms"]
    for power, title in ((0.5, "as the border's length"), (1.0, "as the area")):
        axes.loglog(
            megapixels, first * (megapixels / megapixels[0]) ** power, "--", color="grey",
            linewidth=0.8 if power == 0.5 else 1.6, label=title,
        )  # fmt: skip
    axes.set_xlabel("megapixels")
    axes.set_ylabel("milliseconds")
    axes.set_title("One image, enlarged")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    save(figure, path)


if __name__ == "__main__":
    main()
