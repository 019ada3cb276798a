#!/usr/bin/env python3
"""What it takes to open labels over images that no memory holds: by the image, and by the labels.

    python benchmarks/labelled_slides.py

- ``sides``: six areas with the same labels on slides of several sizes: ``open_labelled``, which
  reads every window once, in a process of its own.
- ``points``: the same on a small slide, with outlines of more and more points.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rich.console import Console

from huge_images import read_nuclei, write_slide
from options import find_data, make_parser, open_build_folder, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array

AREA_PX = 1024
AREAS = 6
CELLS_IN_AREA = 300

BASE_POINTS = 40_000
OPEN = """
import json, sys, time
from pathlib import Path
from segfit.datasets import open_labelled

start = time.perf_counter()
data = open_labelled(sys.argv[1])
seconds = time.perf_counter() - start
lines = Path("/proc/self/status").read_text().splitlines()
peak_kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps({
    "seconds": seconds,
    "peak_mb": peak_kib * 1024 / 1e6,
    "windows": sum(map(len, data.splits.values())),
}))
"""
"""Prints what opening takes. VmHWM is the process's own peak; ru_maxrss may be its parent's."""

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sides", default="5000,10000,20000", help="of slides (%(default)s)")
    parser.add_argument(
        "--points", default="100000,1000000,10000000", help="of all outlines (%(default)s)"
    )
    arguments = parse_arguments(parser, quick="--sides 2600 --points 40000")
    source = find_data(parser, arguments, "dsb2018")
    run = describe_run(seeds=(0,), threads=arguments.threads, data=[source])
    build = open_build_folder(arguments) / "labelled-slides"
    nuclei = read_nuclei(source)
    sides = [int(side) for side in arguments.sides.split(",")]
    counts = [int(count) for count in arguments.points.split(",")]
    by_side = [(side, BASE_POINTS) for side in sides]
    by_points = [(sides[0], count) for count in counts]
    measured = {
        case: measure(build, nuclei, side=case[0], points=case[1])
        for case in dict.fromkeys([*by_side, *by_points])
    }
    figures = {
        "areas": AREAS,
        "area_px": AREA_PX,
        "sides": [measured[case] for case in by_side],
        "points": [measured[case] for case in by_points],
    }
    console.print(figures)
    console.print(write_result("labelled-slides", run, figures, folder=arguments.results))


def measure(build: Path, nuclei: list[UInt8Array], *, side: int, points: int) -> dict[str, Any]:
    """Seconds and peak memory of opening a slide with outlines of so many points."""
    folder = build / f"{side}-{points}"
    folder.mkdir(parents=True, exist_ok=True)
    write_slide(folder / "slide.tif", nuclei, side, share=1.0)
    write_labels(folder / "slide.geojson", side, points)
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(folder)], capture_output=True, text=True, check=True
    )
    size = (folder / "slide.geojson").stat().st_size
    shutil.rmtree(folder)
    taken = json.loads(done.stdout)
    return {"side_px": side, "points": points, "layer_mb": size / 1e6, **taken}


def write_labels(path: Path, side: int, points: int) -> None:
    """Areas at regular distances and cells in them, as QuPath exports them."""
    random = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, points // (AREAS * CELLS_IN_AREA), endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for column, row in np.ndindex(3, 2):
            left = round(column * (side - AREA_PX) / 2)
            top = round(row * (side - AREA_PX))
            frame = shapely.box(left, top, left + AREA_PX, top + AREA_PX)
            centers = random.uniform(20, AREA_PX - 20, (CELLS_IN_AREA, 2))
            corner = np.array([left, top])
            outlines = [
                shapely.Polygon(np.round(corner + center + 9 * circle, 3)) for center in centers
            ]
            for shape in (frame, *outlines):
                kind, name = ("annotation", "Region*") if shape is frame else ("detection", "Cell")
                properties = {"objectType": kind, "classification": {"name": name}}
                file.write(
                    f'{separator}{{"type": "Feature", "geometry": {shapely.to_geojson(shape)}, '
                    f'"properties": {json.dumps(properties)}}}'
                )
                separator = ",\n"
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
