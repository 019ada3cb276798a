#!/usr/bin/env python3
"""What segfit costs beside its network: memory, imports, the first start and the next ones.

    python benchmarks/footprint.py --model face

Everything is measured in fresh processes without torch, files warm in the system's cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result

ASTRONAUT = DEMO_DATA / "astronaut.jpg"
IMAGE_SIZE = (384, 512)  # width, height
MOST_MB, MOST_IMPORT_SECONDS, MOST_HELP_SECONDS = 400, 0.3, 0.4

START = """
import json, resource, sys, time
from pathlib import Path

began = time.perf_counter()
import segfit
segmenter = segfit.load(sys.argv[1], threads=int(sys.argv[3]))
loaded = time.perf_counter()
segmenter(sys.argv[2])
done = time.perf_counter()
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.is_file() else []
peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print(json.dumps({
    "load_seconds": loaded - began,
    "first_image_seconds": done - loaded,
    "peak_mb": [*peaks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss][0] * 1024 / 1e6,
    "maxrss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    "torch_imported": "torch" in sys.modules,
}))
"""
"""Prints what a start costs. VmHWM is the process's own peak; ru_maxrss, in KiB on Linux, may also
be that of the process that started it."""

COMMANDS = {
    "python": ["-c", "pass"],
    "import segfit": ["-c", "import segfit"],
    "import segfit.segmenter": ["-c", "import segfit.segmenter"],
    # What the installed command does, wherever it is installed.
    "segfit --help": [
        "-c",
        "import sys; from segfit.cli.app import main; sys.exit(main())",
        "--help",
    ],
}
"""Python's arguments of what is timed; plain Python for comparison."""

console = Console()


@dataclass(frozen=True)
class Start:
    """One process that loads a model and segments one image; seconds and megabytes (10⁶)."""

    load_seconds: float
    first_image_seconds: float
    process_seconds: float
    peak_mb: float
    maxrss_mb: float


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--model", default="face", help="a shipped model or a file (%(default)s)")
    parser.add_argument("--runs", type=int, default=9, help="of each command (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="pairs of starts (%(default)s)")
    arguments = parse_arguments(parser, quick="--runs 1 --starts 1")

    run = describe_run(seeds=(), threads=arguments.threads)
    seconds = time_commands(runs=arguments.runs)
    first, second = measure_starts(
        arguments.model, threads=arguments.threads, pairs=arguments.starts
    )
    figures: dict[str, Any] = {
        "image": f"{IMAGE_SIZE[1]}×{IMAGE_SIZE[0]}",
        "model": arguments.model,
        "peak_mb": {
            "first_start": max(start.peak_mb for start in first),
            "second_start": max(start.peak_mb for start in second),
        },
        "seconds": {name: median(values) for name, values in seconds.items()},
        "load_seconds": {
            "first_start": median(start.load_seconds for start in first),
            "second_start": median(start.load_seconds for start in second),
        },
        "all_seconds": seconds,
        "all_starts": {
            "first": [vars(start) for start in first],
            "second": [vars(start) for start in second],
        },
    }
    console.print(to_table(figures))
    console.print(write_result("footprint", run, figures, folder=arguments.results))


def time_commands(*, runs: int) -> dict[str, list[float]]:
    """Wall-clock seconds of each command, taking turns, after one run that warms the files."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, command in COMMANDS.items():
            took, _ = run_python(command)
            if turn > 0:
                seconds[name].append(took)
    return seconds


def measure_starts(model: str, *, threads: int, pairs: int) -> tuple[list[Start], list[Start]]:
    """Pairs of a start with an empty cache and one with the cache that the first left."""
    first, second = [], []
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "astronaut.png"
        Image.open(ASTRONAUT).crop((64, 0, 64 + IMAGE_SIZE[0], IMAGE_SIZE[1])).save(image)
        for pair in range(pairs):
            cache = {"SEGFIT_CACHE": str(Path(folder) / f"cache-{pair}")}
            for starts in (first, second):
                starts.append(measure_start(model, image, threads=threads, environment=cache))
    return first, second


def measure_start(
    model: str, image: Path, *, threads: int, environment: Mapping[str, str]
) -> Start:
    """Load the model and segment the image in a process of its own."""
    took, printed = run_python(
        ["-c", START, model, str(image), str(threads)], environment=environment
    )
    figures = json.loads(printed)
    if figures.pop("torch_imported"):
        raise SystemExit("prediction imported torch: nothing on its way may")
    return Start(process_seconds=took, **figures)


def run_python(
    arguments: list[str], *, environment: Mapping[str, str] | None = None
) -> tuple[float, str]:
    """Seconds that a Python process took, and what it printed."""
    began = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    if answer.returncode != 0:
        raise SystemExit(f"python {arguments[1]} failed:\n{answer.stderr}")
    return took, answer.stdout


def to_table(figures: Mapping[str, Any]) -> Table:
    table = Table("what", title="Footprint")
    table.add_column("measured", justify="right")
    table.add_column("wanted", justify="right")
    limits = {"import segfit": MOST_IMPORT_SECONDS, "segfit --help": MOST_HELP_SECONDS}
    for name, seconds in figures["seconds"].items():
        wanted = f"< {limits[name]} s" if name in limits else ""
        table.add_row(name, f"{seconds:.3f} s", wanted)
    for start in ("first_start", "second_start"):
        title = start.replace("_", " ")
        table.add_row(f"load a model, {title}", f"{figures['load_seconds'][start]:.3f} s", "")
        table.add_row(
            f"peak memory, {title}", f"{figures['peak_mb'][start]:.0f} MB", f"< {MOST_MB} MB"
        )
    return table


if __name__ == "__main__":
    main()
