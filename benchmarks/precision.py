#!/usr/bin/env python3
"""A classifier in int8 and bfloat16 beside single precision: its time, and what is lost.

    python benchmarks/precision.py

Times are the network's alone and a whole call's, taken in turns, so that all precisions meet the
same load; the ratios are of the least times. Losses are of the whole model with its regression
network, on the validation images; their 95 % intervals by drawing images anew, the same ones in
every precision.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from measured_rows import format_loss
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.datasets import Dataset, open_labelled
from segfit.evaluation.instances import InstanceFigures
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import GroupFigures, Report
from segfit.model.archive import read_model
from segfit.model.precision import FASTER, Precision
from segfit.model.shipped import find_model
from segfit.runtime.precision import list_fast
from segfit.runtime.session import Backend, Opening
from segfit.runtime.sessions import open_session
from segfit.training.precisions import find_losses, read_figures

SETS = {"face": "fasseg-frontal", "nuclei": "dsb2018"}
SIZES = {"face": ((256, 192), (512, 384)), "nuclei": ((256, 256), (512, 512))}
"""Heights and widths at which the network is timed: the usual one, and twice that."""
INTERVAL = (2.5, 97.5)

console = Console()


@dataclass(frozen=True)
class Effort:
    """Models that are measured, looks at each size in each precision, images drawn anew."""

    models: tuple[str, ...]
    looks: int
    draws: int


EFFORT, QUICK_EFFORT = Effort(("face", "nuclei"), 150, 1000), Effort(("face",), 2, 5)


def main() -> None:
    parser = make_parser(__doc__)
    arguments = parse_arguments(parser, quick="")
    effort = QUICK_EFFORT if arguments.quick else EFFORT
    folders = {name: find_data(parser, arguments, SETS[name]) for name in effort.models}
    run = describe_run(seeds=(0,), threads=arguments.threads, data=list(folders.values()))
    figures: dict[str, Any] = {"fast": [str(one) for one in list_fast()], "models": {}}
    for name, folder in folders.items():
        validation = open_labelled(folder).splits["val"]
        methods = {
            precision: segfit.load(name, threads=arguments.threads, precision=precision)
            for precision in (Precision.SINGLE, *list_fast())
        }
        figures["models"][name] = {
            "images": len(validation),
            "times": measure_times(
                name,
                methods,
                validation[0].image,
                looks=effort.looks,
                threads=arguments.threads,
            ),
            "losses": measure_losses(methods, validation, draws=effort.draws),
            "auto": repr(segfit.load(name, threads=arguments.threads)).splitlines()[-1].strip(" >"),
        }
    console.print(to_table(figures["models"]))
    console.print(write_result("precision", run, figures, folder=arguments.results))


def measure_times(
    name: str,
    methods: Mapping[Precision, segfit.Segmenter],
    image: UInt8Array,
    *,
    looks: int,
    threads: int,
) -> list[dict[str, Any]]:
    """Milliseconds of the classifier at each size, and of a call on an image."""
    model = read_model(find_model(name))
    sessions = {
        one: open_session(Opening(model, Backend.OPENVINO, threads, one), "classifier")
        for one in methods
    }
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for height, width in SIZES[name]:
        images = {"images": rng.integers(0, 256, (1, height, width, 3), np.uint8)}
        looking = {one: partial(session.run, images) for one, session in sessions.items()}
        rows.append({"what": f"classifier, {height}×{width} px", **time_in_turns(looking, looks)})
    calls = {one: partial(method, image) for one, method in methods.items()}
    size = "×".join(str(side) for side in image.shape[:2])
    rows.append({"what": f"image to result, {size} px", **time_in_turns(calls, looks)})
    return rows


def time_in_turns(
    actions: Mapping[Precision, Callable[[], object]], looks: int
) -> dict[str, dict[str, float]]:
    """Median and least milliseconds of each, and the least as a share of single precision's."""
    took: dict[Precision, list[float]] = {one: [] for one in actions}
    for turn in range(looks + 1):
        for one, action in actions.items():
            began = time.perf_counter()
            action()
            if turn > 0:  # the first one fills buffers
                took[one].append((time.perf_counter() - began) * 1e3)
    least = {one: min(values) for one, values in took.items()}
    return {
        "median_ms": {str(one): float(np.median(values)) for one, values in took.items()},
        "least_ms": {str(one): value for one, value in least.items()},
        "ratio": {str(one): value / least[Precision.SINGLE] for one, value in least.items()},
    }


def measure_losses(
    methods: Mapping[Precision, segfit.Segmenter], validation: Dataset, *, draws: int
) -> dict[str, dict[str, dict[str, float]]]:
    """What each figure loses, and its interval."""
    of_images = {
        one: [evaluate(method, validation.subset([number])) for number in range(len(validation))]
        for one, method in methods.items()
    }

    def lose(numbers: Sequence[int]) -> dict[Precision, dict[str, float]]:
        return find_losses(
            {
                one: read_figures(join([reports[number] for number in numbers]))
                for one, reports in of_images.items()
            }
        )

    rng = np.random.default_rng(0)
    drawn = [lose(rng.integers(0, len(validation), len(validation)).tolist()) for _ in range(draws)]
    losses: dict[str, dict[str, dict[str, float]]] = {}
    for one, found in lose(range(len(validation))).items():
        losses[str(one)] = {}
        for name, loss in found.items():
            low, high = np.percentile([again[one][name] for again in drawn], INTERVAL).tolist()
            losses[str(one)][name] = {"loss": loss, "low": low, "high": high}
    return losses


def join(reports: Sequence[Report]) -> GroupFigures:
    """The figures of some images together."""
    first, instances = reports[0], None
    if first.instances is not None:
        counts = [report.instances.counts for report in reports if report.instances is not None]
        instances = InstanceFigures(reduce(add, counts), first.instances.object_classes)
    totals = {
        name: reduce(add, [report.counts[name] for report in reports]) for name in first.counts
    }
    return GroupFigures(first.class_names, totals, len(reports), instances, None, None)


def to_table(models: Mapping[str, Any]) -> Table:
    table = Table("model", "what", title="Beside single precision")
    for precision in FASTER:
        table.add_column(precision, justify="right")
    for name, found in models.items():
        for row in found["times"]:
            ratios = [f"{row['ratio'].get(one, np.nan):.2f}" for one in FASTER]
            table.add_row(name, row["what"], *ratios)
        figures = next(iter(found["losses"].values()), {})
        for figure in figures:
            table.add_row(
                name,
                f"lost of {figure}, points",
                *(
                    format_loss(found["losses"][one][figure]) if one in found["losses"] else "–"
                    for one in FASTER
                ),
            )
    return table


if __name__ == "__main__":
    main()
