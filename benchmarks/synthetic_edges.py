#!/usr/bin/env python3
"""How exactly the regression network finds borders that are known exactly.

    python benchmarks/synthetic_edges.py --train-minutes 10

Trains a network on drawn images (``segfit.training.data.synthetic``) and measures it on others:
discs, ellipses, polygons with round corners and blobs over a grid of contrast, blur and noise. It
begins at outlines that are 3 px off, inwards or outwards, and wavy. An error is the distance of a
vertex of the refined outline from the true one, along the true normal, outwards positive; all
vertices count. Beside it, measured the same way: ``skimage.measure.find_contours`` on the smoothed
image, halfway between the medians inside and outside, which are taken where the truth has the
objects. Its smoothing is the best on validation scenes, for every setting anew, and what it finds
further than 4 px from the true outline is left out. Both can be held against the Cramér–Rao bound
of ``edge_bound.py``, for one strip and for all strips in reach along a straight border.

The network's standard errors are multiplied by one temperature, found on validation scenes of all
settings.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter
from skimage.measure import find_contours

from edge_bound import STRIPS_IN_REACH, bound_error_px
from images import save
from options import QUICK_MINUTES, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.classes import ClassTable
from segfit.datasets import Dataset
from segfit.datasets.labelled import Reading, Source
from segfit.datasets.stats import measure_labels
from segfit.model.scaling import Scaling
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.partition import partition_of
from segfit.refinement.outlines import OutlineNetwork, refine_outlines
from segfit.training.data.synthetic import (
    SIDE_PX,
    Look,
    SyntheticView,
    SyntheticViews,
    draw_outlines,
    draw_view,
    measure_outline_distances,
)
from segfit.training.engine import Engine
from segfit.training.events import OutlineRound
from segfit.training.inference import as_outline_network
from segfit.training.outlines import OutlineTraining
from segfit.training.plan.plan import Plan
from segfit.training.residuals import fit_temperature

TRAINING, VALIDATION, HELD_OUT = 0, 1, 2
"""Seeds."""
CONTRASTS = (20.0, 50.0, 100.0, 200.0)
BLURS_PX = (0.7, 1.0, 2.0)
NOISES = (0.0, 2.0, 5.0, 10.0, 20.0)
MOST_ERROR_PX, MOST_BIAS_PX = 0.10, 0.02
START_PX, WAVES, WAVE_PX = 3.0, 8, 0.2
"""How far off outlines begin, and the size of each wave along them."""
CELL_PX = 8.0
"""Outlines that are up to 4 px off look as if cells of a score grid were so wide."""
SMOOTHINGS_PX = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
FARTHEST_CONTOUR_PX = 4.0
CURVATURES = (-math.inf, -0.005, 0.005, 0.05, 0.1, math.inf)
"""Of the true outline, in 1/px: concave, straight, and round by ever smaller radii."""

console = Console()


@dataclass(frozen=True)
class Setting:
    """How scenes look: grey levels of contrast and noise, a blur in pixels."""

    contrast: float
    blur_px: float
    noise_levels: float


REFERENCE = Setting(contrast=100.0, blur_px=1.0, noise_levels=5.0)


@dataclass(frozen=True)
class Errors:
    """Of (V,) vertices: distance from the true outline, its curvature there, the error claimed."""

    error_px: Float64Array
    curvature: Float64Array
    claimed_px: Float64Array

    def chosen(self, which: BoolArray) -> Errors:
        return Errors(self.error_px[which], self.curvature[which], self.claimed_px[which])

    def summarise(self) -> dict[str, float]:
        residual = np.abs(self.error_px) / self.claimed_px
        return {
            "vertices": len(self.error_px),
            "error_px": root_mean_square(self.error_px),
            "bias_px": mean_or_nan(self.error_px),
            "within_1": mean_or_nan(residual <= 1),
            "within_2": mean_or_nan(residual <= 2),
        }


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--train-minutes", type=float, required=True)
    parser.add_argument("--scenes", type=int, default=16, help="per setting (%(default)s)")
    arguments = parse_arguments(parser, quick=f"--scenes 1 --train-minutes {QUICK_MINUTES}")
    run = describe_run(seeds=[TRAINING, VALIDATION, HELD_OUT], threads=arguments.threads)
    torch.set_num_threads(arguments.threads)

    training = train_network(arguments.train_minutes)
    network = as_outline_network(training.best)
    settings = [Setting(*values) for values in itertools.product(CONTRASTS, BLURS_PX, NOISES)]
    if arguments.quick:
        settings = [REFERENCE]
    temperature = find_temperature(network, settings)
    measured = [
        (setting, measure_setting(setting, network, temperature, scenes=arguments.scenes))
        for setting in settings
    ]
    errors = dict(measured)[REFERENCE]["errors"]
    rows = [{**asdict(setting), **figures["row"]} for setting, figures in measured]
    reference = next(row for row in rows if asdict(REFERENCE).items() <= row.items())
    everything = join_errors(figures["errors"] for _, figures in measured)
    figures = {
        "training": {
            "minutes": training.seconds / 60,
            "steps": training.step,
            "width": training.network.architecture.width,
        },
        "temperature": temperature,
        "reference": {
            **reference,
            "by_curvature": summarise_by_curvature(errors),
            "is_exact": reference["error_px"] <= MOST_ERROR_PX,
            "is_unbiased": abs(reference["bias_px"]) < MOST_BIAS_PX,
        },
        "all_settings": everything.summarise(),
        "settings": rows,
    }
    console.print(to_table(rows))
    console.print({key: value for key, value in figures.items() if key != "settings"})
    draw_against_noise(rows, arguments.results / "images" / "synthetic-edges.png")
    console.print(write_result("synthetic-edges", run, figures, folder=arguments.results))


def train_network(minutes: float) -> Engine[OutlineRegressor, OutlineRound]:
    """A network that works without a classifier, trained on drawn images alone."""
    plan = Plan(
        scaling=Scaling(kind="field", factor=1.0),
        crop_px=(SIDE_PX, SIDE_PX),
        batch=1,
        minutes=minutes,
    )
    training = OutlineTraining(
        SyntheticViews(seed=TRAINING),
        make_dataset(SyntheticViews(seed=VALIDATION), 4),
        plan,
        seed=TRAINING,
        budget_seconds=60 * minutes,
    )
    engine = Engine(training)
    with console.status(f"training for {minutes:g} minutes"):
        engine.run(on_event=lambda _event: None, save=lambda _state: None)
    return engine


def make_dataset(views: SyntheticViews, count: int) -> Dataset:
    """The first views as a data set: a training wants to see how far it is."""
    drawn = [views(step) for step in range(count)]
    readings = [Reading(view.image, view.labels) for view in drawn]
    return Dataset(
        ClassTable.from_names(("background", "object")),
        [
            Source(f"drawn-{number}", lambda reading=reading: reading)
            for number, reading in enumerate(readings)
        ],
        stats=[measure_labels(view.labels, class_count=2) for view in drawn],
    )


def draw_scene(setting: Setting, seed: int, number: int) -> SyntheticView:
    """A grey scene; objects are brighter and darker than their background in turns."""
    outlines = draw_outlines(np.random.default_rng((seed, number)))
    step = (0.5 if number % 2 else -0.5) * setting.contrast
    levels = np.array([[127.5 - step] * 3, [127.5 + step] * 3])
    look = Look(levels, setting.blur_px, setting.noise_levels, grey=True)
    return draw_view(outlines, look, np.random.default_rng((seed, number, 1)))


def draw_start(view: SyntheticView, rng: np.random.Generator) -> UInt8Array:
    """Labels of the objects, grown or shrunk by ``START_PX`` each, with waves along the outline."""
    shifts_px = []
    for ring in view.outlines:
        angles = np.arange(len(ring)) * (2 * math.pi / len(ring))
        shift_px = np.full(len(ring), START_PX * rng.choice([-1, 1]))
        for waves in range(1, WAVES + 1):
            phase = rng.uniform(0, 2 * math.pi)
            shift_px += WAVE_PX * rng.standard_normal() * np.cos(waves * angles + phase)
        shifts_px.append(shift_px)
    centres = np.stack(np.meshgrid(np.arange(SIDE_PX), np.arange(SIDE_PX)), axis=2) + 0.5
    distances_px, _, nearest = measure_outline_distances(view.outlines, centres.reshape(-1, 2))
    inside = distances_px < np.concatenate(shifts_px)[nearest]
    return inside.reshape(SIDE_PX, SIDE_PX).astype(np.uint8)


def refine_scene(view: SyntheticView, network: OutlineNetwork, *, seed: int, number: int) -> Errors:
    """Errors of the vertices after the network has moved outlines that were off."""
    first = partition_of(draw_start(view, np.random.default_rng((seed, number, 2))))
    refined, _ = refine_outlines(first, view.image, network=network, cell_px=CELL_PX)
    # The last point of a closed arc repeats its first.
    counted = ~refined.is_edge[refined.arc_of_point]
    counted[refined.arc_starts[1:] - 1] = False
    errors_px, curvatures, _ = measure_outline_distances(view.outlines, refined.points[counted])
    assert refined.error_px is not None
    return Errors(errors_px, curvatures, refined.error_px[counted])


def join_errors(pieces: Iterable[Errors]) -> Errors:
    listed = list(pieces)
    return Errors(
        np.concatenate([piece.error_px for piece in listed]),
        np.concatenate([piece.curvature for piece in listed]),
        np.concatenate([piece.claimed_px for piece in listed]),
    )


def find_temperature(network: OutlineNetwork, settings: Sequence[Setting]) -> float:
    """What claims must be multiplied by to be standard errors, over all settings at once."""
    errors = join_errors(
        refine_scene(
            draw_scene(setting, VALIDATION, number), network, seed=VALIDATION, number=number
        )
        for setting in settings
        for number in range(2)
    )
    return fit_temperature(np.abs(errors.error_px) / errors.claimed_px)


def measure_setting(
    setting: Setting, network: OutlineNetwork, temperature: float, *, scenes: int
) -> dict[str, Any]:
    """Network, contours and bounds at one setting: the errors, and a row of figures."""
    drawn = [draw_scene(setting, HELD_OUT, number) for number in range(scenes)]
    refined = join_errors(
        refine_scene(view, network, seed=HELD_OUT, number=number)
        for number, view in enumerate(drawn)
    )
    errors = Errors(refined.error_px, refined.curvature, temperature * refined.claimed_px)
    validation = [draw_scene(setting, VALIDATION, number) for number in range(4)]
    smoothing_px = min(
        SMOOTHINGS_PX, key=lambda px: root_mean_square(find_contour_errors(validation, px))
    )
    contours_px = find_contour_errors(drawn, smoothing_px)
    bounds = {
        name: bound_error_px(*asdict(setting).values(), strips=strips)
        for name, strips in (("strip_bound_px", 1), ("reach_bound_px", STRIPS_IN_REACH))
    }
    row = {
        **errors.summarise(),
        "contour_error_px": root_mean_square(contours_px),
        "contour_bias_px": float(contours_px.mean()),
        "contour_smoothing_px": smoothing_px,
        **bounds,
    }
    return {"errors": errors, "row": row}


def find_contour_errors(views: Sequence[SyntheticView], smoothing_px: float) -> Float64Array:
    """Errors of the points of contours at half level in the smoothed images."""
    pieces = []
    for view in views:
        grey = view.image[..., 0].astype(np.float64)
        half = (np.median(grey[view.labels == 0]) + np.median(grey[view.labels == 1])) / 2
        contours = find_contours(gaussian_filter(grey, smoothing_px), half)
        points = np.concatenate([np.empty((0, 2)), *contours])[:, ::-1] + 0.5
        errors_px = measure_outline_distances(view.outlines, points)[0]
        pieces.append(errors_px[np.abs(errors_px) < FARTHEST_CONTOUR_PX])
    return np.concatenate(pieces)


def root_mean_square(values: Float64Array) -> float:
    return math.sqrt(mean_or_nan(values**2))


def mean_or_nan(values: Float64Array | BoolArray) -> float:
    """The mean of values (V,), NaN where there are none."""
    return float(values.mean()) if values.size else math.nan


def summarise_by_curvature(errors: Errors) -> list[dict[str, float]]:
    """Figures by the true outline's curvature, in 1/px."""
    return [
        {
            "from_curvature": low,
            "to_curvature": high,
            **errors.chosen((errors.curvature > low) & (errors.curvature <= high)).summarise(),
        }
        for low, high in itertools.pairwise(CURVATURES)
    ]


def to_table(rows: Sequence[dict[str, Any]]) -> Table:
    columns = {
        "contrast": ("contrast", ".0f"),
        "blur px": ("blur_px", ".1f"),
        "noise": ("noise_levels", ".0f"),
        "error px": ("error_px", ".3f"),
        "bias px": ("bias_px", "+.3f"),
        "within 1": ("within_1", ".1%"),
        "within 2": ("within_2", ".1%"),
        "contours px": ("contour_error_px", ".3f"),
        "their bias": ("contour_bias_px", "+.3f"),
        "smoothed px": ("contour_smoothing_px", ".1f"),
        "bound, strip": ("strip_bound_px", ".3f"),
        "in reach": ("reach_bound_px", ".3f"),
    }
    table = Table(title="Distance from the true outline, root mean square")
    for title in columns:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*(format(row[key], form) for key, form in columns.values()))
    return table


def draw_against_noise(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Errors over noise at the reference's contrast and blur, rounding counted as noise."""
    chosen = [
        row
        for row in rows
        if (row["contrast"], row["blur_px"]) == (REFERENCE.contrast, REFERENCE.blur_px)
    ]
    noises = [math.hypot(row["noise_levels"], math.sqrt(1 / 12)) for row in chosen]
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    for key, style, label in (
        ("contour_error_px", "s-", "find_contours, best smoothing"),
        ("error_px", "o-", "regression network"),
        ("strip_bound_px", "--", "Cramér–Rao bound, one strip"),
        ("reach_bound_px", ":", f"Cramér–Rao bound, {STRIPS_IN_REACH} strips, straight border"),
    ):
        axes.loglog(noises, [row[key] for row in chosen], style, label=label)
    axes.set(
        title=f"Contrast {REFERENCE.contrast:g} levels, blur {REFERENCE.blur_px:g} px",
        xlabel="noise, with that of rounding (grey levels)",
        ylabel="distance from the true outline, RMS (px)",
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")
    save(figure, path)


if __name__ == "__main__":
    main()
