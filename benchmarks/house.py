#!/usr/bin/env python3
"""What a change of the code costs in speed: this checkout beside another one, in turns.

    python benchmarks/house.py --before ../before --suite

``--before`` is a folder with the ``src/`` of a former commit. Every measurement is a fresh process
that sees one of the two, before and after in turns, so that a busy moment meets both alike:

* a face of 512×384 px, array to labels, with the regression network;
* a field of 2048×2048 px of nuclei, array to objects;
* 200 training steps of a classifier, from opening the data to the written model;
* ``import segfit`` and ``segfit --help``, with Python's own start;
* with ``--suite``, the test suite, once each.

Ratios are after / before, of medians; nothing may be slower by more than 3 %.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from footprint import ASTRONAUT, run_python
from options import make_parser, parse_arguments
from results import DEMO_DATA, REPOSITORY, describe_run, read_commit, write_result
from tiny_sets import HEAD, write_tiny_set

MOST_RATIO = 1.03
NUCLEI = DEMO_DATA / "nuclei"
FACE_SHAPE = (512, 384)
STEPS = 200
WARM_UP_CALLS = 2

SEGMENT = """
import json, sys, time
import numpy as np
import segfit
model, image, calls, threads = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
segmenter = segfit.load(model, threads=threads)
seconds = []
for _ in range(calls):
    began = time.perf_counter()
    result = segmenter(image)
    result.labels
    if result.classes.names == ("background", "nucleus"):
        # What objects are called now, and what they were called before.
        found = result.objects if hasattr(result, "objects") else result.instances
    seconds.append(time.perf_counter() - began)
print(json.dumps({"home": segfit.__file__, "seconds": seconds}))
"""

TRAIN = """
import inspect, json, sys, time
import segfit
from segfit.training import train
data, output, steps, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
# What settings are called now, and what they were called before.
is_new = "component" in inspect.signature(train).parameters
plan = {
    "encoder": "plain",
    "scaling": {"kind": "frame", "long_side_px": 192, "stretch": True},
    "crop_px": [128, 128],
    "batch": 2,
    "steps": steps,
    "objects" if is_new else "instances": "grouped",
}
began = time.perf_counter()
train(
    data,
    output,
    plan=plan,
    threads=threads,
    force=True,
    **{"component" if is_new else "part": "classifier"},
)
print(json.dumps({"home": segfit.__file__, "seconds": [time.perf_counter() - began]}))
"""

HELP = "import sys; from {module} import main; sys.exit(main())"

console = Console()


@dataclass(frozen=True)
class Side:
    """A checkout to be measured, and where its networks are unpacked."""

    folder: Path
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes a Python process use this checkout."""
        return {"PYTHONPATH": str(self.folder / "src"), "SEGFIT_CACHE": str(self.cache)}

    @property
    def command_module(self) -> str:
        """The module that has the command line's ``main``."""
        is_file = (self.folder / "src" / "segfit" / "cli.py").is_file()
        return "segfit.cli" if is_file else "segfit.cli.app"


@dataclass(frozen=True)
class Load:
    """What is segmented: the side of the field, and the images that a process segments.

    Of the latter, the first ``WARM_UP_CALLS`` do not count.
    """

    field_px: int
    face_calls: int
    field_calls: int


LOAD, QUICK_LOAD = Load(2048, 40, 4), Load(256, 3, 3)
QUICK_MEASURES = ("field", "training", "segfit --help")
"""The others are made alike."""
Measure = Callable[[Side], float]
"""Seconds that something takes in a fresh process of one side."""


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--before", type=Path, required=True, help="folder of the former checkout")
    parser.add_argument("--rounds", type=int, default=7, help="of each pair (%(default)s)")
    parser.add_argument(
        "--training-rounds", type=int, default=3, help="pairs of trainings (%(default)s)"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="of training (%(default)s)")
    parser.add_argument("--suite", action="store_true", help="run both test suites, too")
    arguments = parse_arguments(
        parser,
        quick=f"--before {shlex.quote(str(REPOSITORY))} --rounds 1 --training-rounds 1 --steps 1",
    )
    before = arguments.before.resolve()
    if not (before / "src" / "segfit").is_dir():
        parser.error(f"{before} has no src/segfit: give the folder of a checkout with --before")
    run = describe_run(seeds=[0], threads=arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sides = {
            name: Side(path, work / f"cache-{name}")
            for name, path in (("before", before), ("after", REPOSITORY))
        }
        load = QUICK_LOAD if arguments.quick else LOAD
        data = write_tiny_set("dsb2018", work) if arguments.quick else NUCLEI
        measures = list_measures(work, data, load, threads=arguments.threads, steps=arguments.steps)
        if arguments.quick:  # both sides are this checkout: one look at it serves both
            sides["before"] = sides["after"]
            measures = {name: cache(measures[name]) for name in QUICK_MEASURES}
        rounds = dict.fromkeys(measures, arguments.rounds)
        rounds["training"] = arguments.training_rounds
        if arguments.suite:
            measures["suite"], rounds["suite"] = time_suite, 1
        seconds = measure_in_turns(measures, sides, rounds)
    figures: dict[str, Any] = {
        "commit_before": read_commit(before),
        "steps": arguments.steps,
        "most_ratio": MOST_RATIO,
        "median_seconds": {
            name: {side: median(values) for side, values in of_sides.items()}
            for name, of_sides in seconds.items()
        },
        "ratio": {name: divide_medians(of_sides) for name, of_sides in seconds.items()},
        "all_seconds": seconds,
    }
    if not arguments.suite:
        figures["median_seconds"]["suite"] = figures["ratio"]["suite"] = None
    console.print(to_table(figures))
    console.print(write_result("house", run, figures, folder=arguments.results))


def list_measures(
    work: Path, data: Path, load: Load, *, threads: int, steps: int
) -> dict[str, Measure]:
    """What is measured, by name; images are made in ``work`` once, for both sides."""
    face, field = work / "face.npy", work / "field.npy"
    np.save(face, make_face())
    np.save(field, make_field(load.field_px))
    trained = ["-c", TRAIN, str(data), str(work / "model.segfit"), str(steps), str(threads)]

    def segment(model: str, image: Path, calls: int) -> Measure:
        arguments = ["-c", SEGMENT, model, str(image), str(calls), str(threads)]
        return lambda side: median(run_worker(arguments, side)[WARM_UP_CALLS:])

    return {
        "face": segment("face", face, load.face_calls),
        "field": segment("nuclei", field, load.field_calls),
        "training": lambda side: median(run_worker(trained, side)),
        "import segfit": lambda side: time_python(["-c", "import segfit"], side),
        "segfit --help": lambda side: time_python(
            ["-c", HELP.format(module=side.command_module), "--help"], side
        ),
    }


def make_face() -> np.ndarray:
    """The head of the astronaut that ships, (512, 384, 3)."""
    head = np.ascontiguousarray(read_rgb(ASTRONAUT)[HEAD])
    return np.asarray(cv2.resize(head, FACE_SHAPE[::-1], interpolation=cv2.INTER_CUBIC))


def make_field(side_px: int) -> np.ndarray:
    """A square field of the nuclei that ship, as tiles."""
    tiles = [read_rgb(path) for path in sorted((NUCLEI / "train" / "images").iterdir())]
    side = min(min(tile.shape[:2]) for tile in tiles)
    count = side_px // side
    chosen = [tiles[index % len(tiles)][:side, :side] for index in range(count * count)]
    rows = [np.concatenate(chosen[row : row + count], 1) for row in range(0, len(chosen), count)]
    return np.concatenate(rows)


def read_rgb(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def run_worker(arguments: list[str], side: Side) -> list[float]:
    """Seconds that a worker printed; it must have imported this side's package."""
    _, printed = run_python(arguments, environment=side.environment)
    answer = json.loads(printed.splitlines()[-1])
    if not Path(answer["home"]).is_relative_to(side.folder):
        raise SystemExit(f"{answer['home']} was measured, but {side.folder} was meant")
    return [float(value) for value in answer["seconds"]]


def time_python(arguments: list[str], side: Side) -> float:
    seconds, _ = run_python(arguments, environment=side.environment)
    return seconds


def time_suite(side: Side) -> float:
    """Wall-clock seconds of a checkout's tests, passed or not."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=side.folder,
        env={**os.environ, **side.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    console.print(f"{side.folder.name}: {done.stdout.strip().splitlines()[-1]}")
    return time.perf_counter() - began


def measure_in_turns(
    measures: dict[str, Measure], sides: dict[str, Side], rounds: dict[str, int]
) -> dict[str, dict[str, list[float]]]:
    """Seconds by what was measured and side: A B A B …, all measures once before any again."""
    seconds: dict[str, dict[str, list[float]]] = {
        name: {side: [] for side in sides} for name in measures
    }
    for turn in range(max(rounds.values())):
        for name, measure in measures.items():
            if turn >= rounds[name]:
                continue
            for side_name, side in sides.items():
                seconds[name][side_name].append(measure(side))
            console.print(f"round {turn + 1}, {name}: {divide_medians(seconds[name]):.3f}")
    return seconds


def divide_medians(seconds: dict[str, list[float]]) -> float:
    """Median after the change over that before it."""
    return median(seconds["after"]) / median(seconds["before"])


def to_table(figures: dict[str, Any]) -> Table:
    table = Table("what", title="Seconds, medians")
    for title in ("before", "after", "after / before", "wanted"):
        table.add_column(title, justify="right")
    for name, seconds in figures["median_seconds"].items():
        if seconds is None:
            table.add_row(name, "–", "–", "–", "")
            continue
        shown = [f"{seconds[side]:.4f}" for side in ("before", "after")]
        table.add_row(name, *shown, f"{figures['ratio'][name]:.3f}", f"≤ {MOST_RATIO:g}")
    return table


if __name__ == "__main__":
    main()
