#!/usr/bin/env python3
"""Do the intervals of ``segfit report`` hold what they say?

    python benchmarks/report_intervals.py

The 482 training images of the nuclei stand for all images of their kind: their figures are the true
ones. Sets of a few of them are drawn, and it is counted how many of the intervals, which are made
from a set alone, hold the true figure: of the nuclei model, of Otsu's threshold, and of the
difference of the two. 95 % is wanted. The intervals without what widens them for few images stand
beside them. Kinds of images are drawn as they come, so that a set of six may lack the rare ones.

For the learning curve, points are drawn about known power laws, and it is counted how many of the
intervals hold what more images would bring.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import norm

from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.datasets import open_labelled
from segfit.evaluation.regions import evaluate
from segfit.methods import open_comparable
from segfit.report.intervals import FEWEST_DRAWS, Key, Resampled, add_up, list_figures, resample
from segfit.report.learning import LearningPoint, fit_learning

SIZES = (5, 6, 12, 25, 50)
SHOWN: tuple[Key, ...] = (
    ("IoU", None),
    ("IoU", 1),
    ("pixel accuracy", None),
    ("F@1 px", None),
    ("AP@0.5", None),
    ("PQ", None),
)
LAWS = ((0.8, 0.5, 0.1, 0.01), (1.0, 0.7, 0.1, 0.01), (0.6, 0.3, 0.05, 0.02))
"""Of learning curves: a, b, c and the standard deviation of a training about them."""
NUMBERS = ((5, 10, 20, 40), (5, 10, 20, 40, 80), (4, 8, 12, 16, 24, 32))

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sets", type=int, default=200, help="of each size (%(default)s)")
    parser.add_argument("--split", default="train", help="the images to draw from (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse_arguments(parser, quick="--sets 1 --split val")
    folder = find_data(parser, arguments, "dsb2018")
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    images = open_labelled(folder).splits[arguments.split]
    with_threads = functools.partial(open_comparable, min_area_px=16, threads=arguments.threads)
    reports = [evaluate(with_threads(name), images, group_of=str) for name in ("nuclei", "otsu")]
    groups = [list(report.groups.values()) for report in reports]
    wholes = [add_up(group) for group in groups]
    true = [list_figures(whole, whole) for whole in wholes]
    rng = np.random.default_rng(arguments.seed)
    intervals: dict[str, Any] = {}
    for size in SIZES[:1] if arguments.quick else SIZES:
        held: list[dict[str, list[list[bool]]]] = []
        for number in track(range(arguments.sets), f"{size} images"):
            chosen = rng.integers(len(images), size=size)
            model, other = (
                resample(
                    [group[place] for place in chosen], resamples=FEWEST_DRAWS * 2, seed=number
                )
                for group in groups
            )
            differences = {key: true[0][key] - true[1][key] for key in SHOWN}
            held.append(
                {
                    "nuclei": look(model, true[0]),
                    "otsu": look(other, true[1]),
                    "difference": look(model.take(SHOWN) - other.take(SHOWN), differences),
                }
            )
        intervals[str(size)] = {
            what: count_held([one[what] for one in held])
            for what in ("nuclei", "otsu", "difference")
        }
    learning = measure_learning(2 if arguments.quick else 300, rng)
    console.print(to_table(intervals))
    for name, share in learning.items():
        console.print(f"learning curve, {name}: {share:.1%}")
    figures = {
        "sets": arguments.sets,
        "true": {"nuclei": to_names(true[0]), "otsu": to_names(true[1])},
        "intervals": intervals,
        "learning": learning,
    }
    console.print(write_result("report-intervals", run, figures, folder=arguments.results))


def look(resampled: Resampled, true: dict[Key, float]) -> list[list[bool]]:
    """Whether each figure's interval, and that which is not widened, holds the true figure."""
    estimates = resampled.estimate()
    held = []
    for key in SHOWN:
        interval = estimates[key].interval
        drawn = resampled.drawn[:, resampled.keys.index(key)]
        low, high = np.nanquantile(drawn, norm.cdf([-1.96, 1.96]))
        is_held = interval is not None and interval.low <= true[key] <= interval.high
        held.append([bool(is_held), bool(low <= true[key] <= high)])
    return held


def count_held(held: Sequence[list[list[bool]]]) -> dict[str, dict[str, float]]:
    shares = np.array(held).mean(axis=0)
    return {
        name_figure(key): {"held": float(widened), "not_widened": float(plain)}
        for key, (widened, plain) in zip(SHOWN, shares, strict=True)
    }


def measure_learning(trials: int, rng: np.random.Generator) -> dict[str, float]:
    """How many intervals hold the gain, for each law and each choice of numbers of images."""
    shares = {}
    for numbers, (a, b, c, scatter) in itertools.product(NUMBERS, LAWS):
        images = np.array(numbers, float)
        held = []
        for _ in track(range(trials), "learning curves"):
            values = 1 - (a * images**-b + c) + rng.normal(0, scatter, len(images))
            values = np.clip(values, 0, 1)
            points = [LearningPoint(*one) for one in zip(numbers, values.tolist(), strict=True)]
            curve = fit_learning(points, drawn=values[None], draws=500)
            gain = a * images[-1] ** -b - a * (images[-1] + curve.more) ** -b
            interval = curve.gain_interval
            held.append(interval is not None and interval.low - 1e-9 <= gain <= interval.high)
        law = f"{a:g} n^-{b:g} + {c:g}, trainings scatter by {scatter:g}"
        shares[f"{law}, at {', '.join(map(str, numbers))} images"] = float(np.mean(held))
    return shares


def name_figure(key: Key) -> str:
    title, index = key
    return title if index is None else f"{title} of class {index}"


def to_names(figures: dict[Key, float]) -> dict[str, float]:
    return {name_figure(key): figures[key] for key in SHOWN}


def to_table(intervals: dict[str, Any]) -> Table:
    """Share of the intervals that hold the true figure, without the widening in brackets."""
    table = Table("images", "of", *map(name_figure, SHOWN))
    for size, methods in intervals.items():
        for method, shares in methods.items():
            cells = (f"{one['held']:.1%} ({one['not_widened']:.1%})" for one in shares.values())
            table.add_row(size, method, *cells)
    return table


if __name__ == "__main__":
    main()
