#!/usr/bin/env python3
"""How long the studio lets a person wait: strokes, tiles, next image, regions, snapping, proposals.

    python benchmarks/studio_latency.py

A scripted user on a real server over loopback. Strokes are drawn while a training runs beside it in
a process of the lowest priority, on an image of 12 megapixels.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from studio_server import Server, User, draw_image, draw_strokes, running_studio

WANTED_MS = {
    "stroke, p95": 50.0,
    "image tile, p95": 30.0,
    "label tile, p95": 30.0,
    "next image to its first tiles": 150.0,
    "region under the pointer, p95": 30.0,
    "snapping an outline, p95": 100.0,
    "proposal of 1 MP after a stroke": 300.0,
    "proposal of 12 MP after a stroke, near it": 1000.0,
    "proposal of 12 MP after a stroke, whole": 3000.0,
    "command to address": 2000.0,
}
LONGEST_S = 300.0
"""For what comes at last, also on a busy machine."""
POLL_S = 0.02
"""The page is told of a proposal; who asks for it much more often slows it down."""
PROPOSED = 7
"""Strokes whose proposals are timed, one after another."""
LARGE, SMALL = (4000, 3000), (1000, 1000)


def main() -> None:
    parser = make_parser(__doc__ or "", data=False)
    parser.add_argument("--strokes", type=int, default=300, help="strokes that are timed")
    arguments = parse_arguments(parser, quick="--strokes 3")
    run = describe_run(seeds=(0,), threads=arguments.threads)
    large, small = ((320, 240), (160, 160)) if arguments.quick else (LARGE, SMALL)
    figures: dict[str, float] = {}
    with TemporaryDirectory() as place:
        folder = Path(place) / "images"
        folder.mkdir()
        for number in range(4):
            draw_image(folder / f"large-{number}.jpg", width=large[0], height=large[1], seed=number)
        draw_image(folder / "small.png", width=small[0], height=small[1], seed=9)
        with running_studio(folder) as server:
            figures["command to address"] = 1e3 * server.started_s
            figures |= measure(server, large, small, strokes=arguments.strokes, place=Path(place))
    path = write_result("studio-latency", run, {"ms": figures}, folder=arguments.results)
    Console().print(to_table(figures))
    print(path)


def measure(
    server: Server, large: tuple[int, int], small: tuple[int, int], *, strokes: int, place: Path
) -> dict[str, float]:
    """Milliseconds by what was waited for."""
    user, random = User(server), np.random.default_rng(0)
    figures: dict[str, float] = {}
    user.name_classes("one", "two")
    user.get("/images/1")
    time.sleep(1 if large == LARGE else 0)  # the next image is opened ahead, as for a person
    figures["next image to its first tiles"] = 1e3 * open_next(user, 2)
    figures["proposal of 1 MP after a stroke"] = measure_proposal(user, 5, small, random)[1]
    near, whole = measure_proposal(user, 1, large, random)
    figures["proposal of 12 MP after a stroke, near it"] = near
    figures["proposal of 12 MP after a stroke, whole"] = whole
    wait_for_regions(user, 1, large)
    drawn = draw_strokes(random, width=large[0], height=large[1], count=strokes)
    with training(place / "model.segfit") as is_running:
        times = []
        for number, points in enumerate(drawn):
            body = {"kind": "stroke", "class": number % 2, "points": points, "radius": 12}
            times.append(user.time("POST", "/images/1/operations", body))
            time.sleep(0.05)
        if not is_running():
            raise SystemExit("the training ended before the strokes: give it more minutes")
    figures["stroke, median"] = 1e3 * float(np.median(times))
    figures["stroke, p95"] = to_p95(times)
    across, down = (range(-(-side // 512)) for side in large)
    tiles = [(x, y) for y in down for x in across]
    for kind, name in (("tiles", "image tile"), ("labels", "label tile")):
        paths = [f"/images/1/{kind}/0/{x}/{y}" for x, y in tiles]
        figures[f"{name}, p95"] = to_p95([user.time("GET", path) for path in paths])
    places = random.uniform(0.05, 0.95, (max(4, strokes // 4), 2)) * large
    regions = [
        user.time("GET", f"/images/1/region?x={x:.1f}&y={y:.1f}&scale={n % 4}")
        for n, (x, y) in enumerate(places)
    ]
    figures["region under the pointer, p95"] = to_p95(regions)
    figures["snapping an outline, p95"] = to_p95(
        [user.time("POST", "/images/1/snap", {"points": draw_outline(p)}) for p in places]
    )
    return figures


def open_next(user: User, image: int) -> float:
    """Seconds until an image and the tiles that show it whole are there."""
    began = time.perf_counter()
    levels = user.get(f"/images/{image}")["levels"]
    user.time("GET", f"/images/{image}/tiles/{levels - 1}/0/0")
    return time.perf_counter() - began


def measure_proposal(
    user: User, image: int, size: tuple[int, int], random: np.random.Generator
) -> tuple[float, float]:
    """Milliseconds from a stroke to its proposal, near it and whole: the median of some strokes.

    They begin as soon as there is a first proposal, while what was opened before is looked at.
    """
    user.get(f"/images/{image}")
    first, second, *others = draw_strokes(random, width=size[0], height=size[1], count=2 + PROPOSED)
    operate(user, image, 0, first)
    operate(user, image, 1, second)
    wait_for_proposal(user, image, 0, quiet_s=2.0)
    took = []
    for number, points in enumerate(others):
        before = user.get(f"/images/{image}")["proposal_rev"]
        began = time.perf_counter()
        operate(user, image, number % 2, points)
        times = wait_for_proposal(user, image, before, quiet_s=1.5)
        took.append([1e3 * (at - began) for at in times])
    near, whole = np.median(took, axis=0)
    return float(near), float(whole)


def wait_for_proposal(
    user: User, image: int, before: int, *, quiet_s: float
) -> tuple[float, float]:
    """When a newer proposal came first, and when its last part did."""
    seen, first, last = before, 0.0, time.perf_counter()
    while first == 0.0 or time.perf_counter() - last < quiet_s:
        rev = user.get(f"/images/{image}")["proposal_rev"]
        if rev > seen:
            seen, last = rev, time.perf_counter()
            first = first or last
        elif time.perf_counter() - last > LONGEST_S:
            raise SystemExit("no proposal came")
        time.sleep(POLL_S)
    return first, last


def wait_for_regions(user: User, image: int, size: tuple[int, int]) -> None:
    end = time.perf_counter() + LONGEST_S
    while not user.get(f"/images/{image}/region?x={size[0] / 2}&y={size[1] / 2}")["scales"]:
        if time.perf_counter() > end:
            raise SystemExit("no regions came")
        time.sleep(0.1)


def operate(user: User, image: int, number: int, points: list[list[float]]) -> None:
    body = {"kind": "stroke", "class": number, "points": points, "radius": 6}
    user.send("POST", f"/images/{image}/operations", body)


def draw_outline(centre: Sequence[float]) -> list[list[float]]:
    """A circle of 60 px with 60 points, as a lasso draws it."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.array(centre) + 60 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points: list[list[float]] = circle.round(1).tolist()
    return points


class training:  # noqa: N801  (read like a function, as a block is)
    """A training of the shipped nuclei beside the block, in a process of the lowest priority."""

    def __init__(self, model: Path) -> None:
        command = ["nice", "-n", "19", sys.executable, "-m", "segfit", "train"]
        command += [str(DEMO_DATA / "nuclei"), "-o", str(model), "--minutes", "10"]
        self._command = command

    def __enter__(self):  # type: ignore[no-untyped-def]
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
        return lambda: self._process.poll() is None

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def to_p95(seconds: Sequence[float]) -> float:
    return 1e3 * float(np.percentile(seconds, 95))


def to_table(figures: dict[str, float]) -> Table:
    table = Table("what", title="What a person waits for")
    table.add_column("measured", justify="right")
    table.add_column("wanted", justify="right")
    for name, ms in figures.items():
        wanted = f"< {WANTED_MS[name]:.0f} ms" if name in WANTED_MS else ""
        table.add_row(name, f"{ms:.1f} ms", wanted)
    return table


if __name__ == "__main__":
    main()
