#!/usr/bin/env python3
"""Fitted shapes with known truth and 1 px noise: are they as exact as they say?

    python benchmarks/shape_errors.py

Circles, ellipses, rectangles and hexagons of random size, place and turn; each point of the outline
is moved by normal noise of 1 px: across the outline, which is what an outline's errors mean, or in
x and y, which also moves points along it and so, where it is round, outwards (by half the variance
over the radius). How far parameters are from the truth is counted in the standard errors that the
fit gives: 95 % within two and all within three is wanted (of normal errors 95.4 % and 99.7 % are).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from options import make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import Float64Array
from segfit.shapes import Fit, Outline
from segfit.shapes.circle import fit_circle
from segfit.shapes.ellipse import fit_ellipse
from segfit.shapes.polygon import fit_polygon
from segfit.shapes.rectangle import fit_rectangle

NOISE_PX = 1.0
Move = Callable[[Float64Array, np.random.Generator], Float64Array]
Draw = Callable[[np.random.Generator], tuple[Float64Array, dict[str, float]]]

console = Console()


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--shapes", type=int, default=300, help="of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse_arguments(parser, quick="--shapes 1")
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads)
    figures: dict[str, Any] = {"shapes": arguments.shapes, "noise_px": NOISE_PX, "kinds": {}}
    table = Table("shape", "noise", "points' errors", "within 1", "within 2", "within 3", "largest")
    for name, noise, known in itertools.product(KINDS, NOISES, (False, True)):
        draw, fit = KINDS[name]
        rng = np.random.default_rng((arguments.seed, len(name)))
        off = np.concatenate(
            [
                measure(draw, fit, NOISES[noise], rng, known)
                for _ in track(range(arguments.shapes), name)
            ]
        )
        shares = {f"within_{n}": float(np.mean(off < n)) for n in (1, 2, 3)}
        label = "given" if known else "from their spread"
        key = f"{name}, noise {noise}, errors {label}"
        figures["kinds"][key] = {**shares, "largest": float(off.max())}
        shown = (f"{share:.1%}" for share in shares.values())
        table.add_row(name, noise, label, *shown, f"{off.max():.1f}")
    console.print(table)
    console.print(write_result("shape-errors", run, figures, folder=arguments.results))


def measure(
    draw: Draw,
    fit: Callable[[Outline], Fit],
    move: Move,
    rng: np.random.Generator,
    known: bool,
) -> Float64Array:
    """How far each parameter is off, in its standard errors."""
    points, truth = draw(rng)
    noisy = move(points, rng)
    errors = np.full(len(noisy), NOISE_PX) if known else None
    found = fit(Outline((noisy,), noisy, errors))
    if found.standard_errors is None:
        return np.full(len(truth), np.inf)
    if "x1" in truth:
        return _compare_corners(found, truth)
    off = [_apart(name, found.parameters[name], value) for name, value in truth.items()]
    return np.array(off) / [found.standard_errors[name] for name in truth]


def move_across(points: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Points of a ring moved along their normals."""
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    return np.asarray(points + rng.normal(0, NOISE_PX, (len(points), 1)) * normals)


def move_any_way(points: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Points moved in x and y."""
    return points + rng.normal(0, NOISE_PX, points.shape)


NOISES: dict[str, Move] = {"across": move_across, "in x and y": move_any_way}


def _apart(name: str, found: float, truth: float) -> float:
    apart = abs(found - truth)
    return min(apart % 180, -apart % 180) if name == "angle_deg" else apart


def _compare_corners(found: Fit, truth: dict[str, float]) -> Float64Array:
    corners = np.array(list(truth.values())).reshape(-1, 2)
    assert found.standard_errors is not None
    errors = np.array(list(found.standard_errors.values())).reshape(-1, 2)
    apart = corners[:, None] - found.rings[0][None]
    nearest = np.hypot(apart[..., 0], apart[..., 1]).argmin(axis=1)
    return np.asarray(np.abs(found.rings[0][nearest] - corners) / errors[nearest]).ravel()


def _along(corners: Float64Array) -> Float64Array:
    sides = []
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        count = round(float(np.hypot(*(end - begin))))
        sides.append(begin + (end - begin) * ((np.arange(count) + 0.5) / count)[:, None])
    return np.concatenate(sides)


def _turn(points: Float64Array, angle: float, middle: Float64Array) -> Float64Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]) + middle)


def draw_ellipse(rng: np.random.Generator) -> tuple[Float64Array, dict[str, float]]:
    major = rng.uniform(25, 80)
    minor, angle = major * rng.uniform(0.4, 0.85), rng.uniform(-1.5, 1.5)
    middle = rng.uniform(100, 200, 2)
    turns = np.linspace(0, 2 * math.pi, round(math.pi * (major + minor)), endpoint=False)
    ring = np.stack([major * np.cos(turns), minor * np.sin(turns)], axis=1)
    truth = {"x": middle[0], "y": middle[1], "major_radius": major, "minor_radius": minor}
    return _turn(ring, angle, middle), {**truth, "angle_deg": math.degrees(angle)}


def draw_circle(rng: np.random.Generator) -> tuple[Float64Array, dict[str, float]]:
    radius, middle = rng.uniform(15, 80), rng.uniform(100, 200, 2)
    turns = np.linspace(0, 2 * math.pi, round(2 * math.pi * radius), endpoint=False)
    ring = middle + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return ring, {"x": middle[0], "y": middle[1], "radius": radius}


def draw_rectangle(rng: np.random.Generator) -> tuple[Float64Array, dict[str, float]]:
    width = rng.uniform(40, 120)
    height, angle = width * rng.uniform(0.4, 0.8), rng.uniform(-0.75, 0.75)
    middle = rng.uniform(100, 200, 2)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    truth = {"x": middle[0], "y": middle[1], "width": width, "height": height}
    return _along(_turn(corners, angle, middle)), {**truth, "angle_deg": math.degrees(angle)}


def draw_hexagon(rng: np.random.Generator) -> tuple[Float64Array, dict[str, float]]:
    radii, middle = rng.uniform(45, 70, 6), rng.uniform(100, 200, 2)
    turns = np.arange(6) * math.pi / 3 + rng.uniform(0, 1)
    corners = middle + radii[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    names = [f"{axis}{number}" for number in range(1, 7) for axis in "xy"]
    return _along(corners), dict(zip(names, corners.ravel().tolist(), strict=True))


def fit_hexagon(outline: Outline) -> Fit:
    return fit_polygon(outline, corners=6)


KINDS: dict[str, tuple[Draw, Callable[[Outline], Fit]]] = {
    "circle": (draw_circle, fit_circle),
    "ellipse": (draw_ellipse, fit_ellipse),
    "rectangle": (draw_rectangle, fit_rectangle),
    "hexagon": (draw_hexagon, fit_hexagon),
}


if __name__ == "__main__":
    main()
