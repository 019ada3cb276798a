"""Drawn images whose borders are known exactly: what outlines can be measured against.

Shapes: ``H, W`` a view; ``N`` points of an outline, a ring as in ``segfit.basics.geometry``.

An image is what a camera makes of objects of one color before a background of another: the scene
is blurred by a Gaussian, every pixel takes the mean over its area, noise is added, and levels are
rounded. Objects never touch each other or the image's edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from segfit.basics.arrays import Float32Array, Float64Array, Int64Array, UInt8Array
from segfit.basics.geometry import Ring
from segfit.refinement.truth import Truth
from segfit.training.data.views import View

SIDE_PX = 192
MOST_ROWS = 3
"""Objects stand in up to three rows of three."""
GAP_PX = 6.0
"""From an object to the edge of its cell, at least."""
SMALLEST_RADIUS_PX = 10.0
SPACING_PX = 0.2
"""Of an outline's points, about; its chords then leave a circle of 4 px by 0.001 px."""
RAMP_PX = 2.0
"""Distance from the border at which a class has all or nothing."""
FINENESS = 2
"""Cells of the blurred grid along a pixel; what they cannot show, a Gaussian of 0.7 px hides."""
WHITE = 255.0


@dataclass(frozen=True, eq=False)
class Look:
    """How a scene is seen.

    ``levels``: (2, 3) grey levels of RGB, of the background and of the objects. ``blur_px`` and
    ``noise_levels``: standard deviations. ``grey``: the noise is the same in all three channels.
    """

    levels: Float64Array
    blur_px: float
    noise_levels: float
    grey: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class SyntheticView(View):
    """A view that knows the outlines that it was drawn from, clockwise rings (N, 2)."""

    outlines: tuple[Ring, ...]


class SyntheticViews:
    """Drawn views, a new one at every step; class 1 is the objects'.

    Each is four scenes side by side, seen each in its own way: a step that learns from one scene
    alone learns its contrast, blur and noise.
    """

    def __init__(self, *, seed: int) -> None:
        self._seed = seed

    def __call__(self, step: int) -> SyntheticView:
        """Draw the view of a step."""
        rng = np.random.default_rng((self._seed, step))
        scenes = [draw_view(draw_outlines(rng), draw_look(rng), rng) for _ in range(4)]
        return tile_views(scenes)


def draw_view(
    outlines: Sequence[Ring], look: Look, rng: np.random.Generator, *, side_px: int = SIDE_PX
) -> SyntheticView:
    """Draw a square image of objects with these outlines."""
    fine = measure_exact_coverage([ring * FINENESS for ring in outlines], side=side_px * FINENESS)
    covered = _mean_over_pixels(fine)
    shares = find_shares(outlines, covered)
    return SyntheticView(
        image=paint_image(fine, look, rng),
        labels=(covered > 0.5).astype(np.uint8),
        truth=Truth(np.stack([1 - shares, shares])),
        outlines=tuple(outlines),
    )


def tile_views(scenes: Sequence[SyntheticView]) -> SyntheticView:
    """Put four square views of one size side by side, two in a row."""

    def tile(grids: list[NDArray[Any]]) -> NDArray[Any]:
        rows = [np.concatenate(grids[first : first + 2], axis=1) for first in (0, 2)]
        return np.concatenate(rows, axis=0)

    side = len(scenes[0].labels)
    shifts = [np.array([column, row]) * float(side) for row in (0, 1) for column in (0, 1)]
    shares = tile([np.moveaxis(scene.truth.shares, 0, -1) for scene in scenes])
    return SyntheticView(
        image=tile([scene.image for scene in scenes]),
        labels=tile([scene.labels for scene in scenes]),
        truth=Truth(np.ascontiguousarray(np.moveaxis(shares, -1, 0))),
        outlines=tuple(
            outline + shift
            for scene, shift in zip(scenes, shifts, strict=True)
            for outline in scene.outlines
        ),
    )


def draw_look(rng: np.random.Generator) -> Look:
    """Contrast 20 to 200 in the channel that has most, blur 0.7 to 2 px, noise up to 20 levels."""
    contrast = 20.0 * 10 ** rng.random()
    noise_levels = 20.0 * rng.random() ** 2
    grey = bool(rng.random() < 0.5)
    parts = np.ones(3) if grey else rng.permutation([1.0, *rng.uniform(-1, 1, 2)])
    differences = contrast * parts * rng.choice([-1, 1])
    room = WHITE - np.abs(differences)
    # Noise that is cut off at black or white would move the border.
    margin = np.minimum(2 * noise_levels, room / 2)
    darker = margin + (room - 2 * margin) * (rng.random() if grey else rng.random(3))
    background = np.where(differences > 0, darker, darker - differences)
    levels = np.stack([background, background + differences])
    return Look(levels, float(rng.uniform(0.7, 2.0)), noise_levels, grey)


def draw_outlines(rng: np.random.Generator, *, side_px: float = SIDE_PX) -> list[Ring]:
    """Outlines of 1, 4 or 9 objects of all kinds, in a square image."""
    rows = int(rng.integers(1, MOST_ROWS + 1))
    cell_px = side_px / rows
    largest = cell_px / 2 - GAP_PX
    outlines = []
    for row, column in np.ndindex(rows, rows):
        radius = SMALLEST_RADIUS_PX * (largest / SMALLEST_RADIUS_PX) ** rng.random()
        draw = DRAWERS[int(rng.integers(len(DRAWERS)))]
        slack = largest - radius
        centre = (np.array([column, row]) + 0.5) * cell_px + rng.uniform(-slack, slack, 2)
        outlines.append(draw(radius, rng) + centre)
    return outlines


def draw_disc(radius_px: float, _rng: np.random.Generator) -> Ring:
    """A circle about the origin."""
    return _to_points(np.full(_count_points(radius_px), radius_px))


def draw_ellipse(radius_px: float, rng: np.random.Generator) -> Ring:
    """An ellipse whose longer half axis is ``radius_px``, rotated any way."""
    axes = np.array([1.0, rng.uniform(0.6, 1.0)])
    return _turn(draw_disc(radius_px, rng) * axes, rng)


def draw_blob(radius_px: float, rng: np.random.Generator) -> Ring:
    """A smooth closed curve that goes in and out 2 to 5 times; ``radius_px``: at its farthest."""
    angles = _angles(_count_points(radius_px))
    radii = np.ones_like(angles)
    for waves in range(2, 6):
        size = 0.8 * rng.random() / waves**2
        radii += size * np.cos(waves * angles + rng.uniform(0, 2 * math.pi))
    return _to_points(radius_px * radii / radii.max())


def draw_polygon(radius_px: float, rng: np.random.Generator) -> Ring:
    """A convex polygon of 3 to 6 sides with round corners, within ``radius_px``."""
    corner_px = rng.uniform(0.4, 0.6) * min(radius_px, 2 * SMALLEST_RADIUS_PX)
    sides = int(rng.integers(3, 7))
    angles = (np.arange(sides) + rng.uniform(-0.25, 0.25, sides)) * (2 * math.pi / sides)
    corners = (radius_px - corner_px) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    along = np.roll(corners, -1, axis=0) - corners
    outward = np.arctan2(-along[:, 0], along[:, 1])  # direction across each side
    pieces = []
    for index in range(sides):
        first, last = outward[index - 1], outward[index]
        turn = (last - first) % (2 * math.pi)
        steps = max(2, math.ceil(turn * corner_px / SPACING_PX))
        arc = first + turn * np.arange(steps + 1) / steps
        rounded = corners[index] + corner_px * np.stack([np.cos(arc), np.sin(arc)], axis=1)
        count = max(1, math.ceil(float(np.hypot(*along[index])) / SPACING_PX))
        share = np.arange(1, count)[:, None] / count
        pieces += [rounded, rounded[-1] + share * along[index]]
    return _turn(np.concatenate(pieces), rng)


DRAWERS: tuple[Callable[[float, np.random.Generator], Ring], ...] = (
    draw_disc,
    draw_ellipse,
    draw_polygon,
    draw_blob,
)


def measure_exact_coverage(outlines: Sequence[Ring], *, side: int) -> Float32Array:
    """Exact share of every pixel (side, side) that clockwise outlines inside the image cover.

    No two points that follow each other may be more than a pixel apart. Every piece of an outline
    adds what lies between it and the right end of its row, as outlines of letters are drawn
    (R. Levien, "Inside the fastest font renderer in the world", 2016).
    """
    begins = np.concatenate(outlines)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in outlines])
    steps = ends - begins
    lines = np.maximum(np.floor(begins), np.floor(ends))  # the one that may be crossed
    crossed = np.floor(begins) != np.floor(ends)
    shares = np.divide(lines - begins, steps, out=np.zeros_like(steps), where=crossed)
    knots = np.sort(np.pad(shares, ((0, 0), (1, 1)), constant_values=(0, 1)), axis=1)  # (N, 4)
    middles = begins[:, None] + steps[:, None] * ((knots[:, 1:] + knots[:, :-1]) / 2)[..., None]
    heights = -steps[:, 1:] * np.diff(knots, axis=1)  # (N, 3), upwards
    x, y = middles[..., 0].ravel(), middles[..., 1].ravel()
    pixel = np.floor(y).astype(np.int64) * (side + 1) + np.floor(x).astype(np.int64)
    right, size = 1 - x % 1, (side + 1) * side
    added = np.bincount(pixel, heights.ravel() * right, size)
    added += np.bincount(pixel + 1, heights.ravel() * (1 - right), size)
    return np.cumsum(added.reshape(side, side + 1), axis=1)[:, :side].astype(np.float32)


def paint_image(fine: Float32Array, look: Look, rng: np.random.Generator) -> UInt8Array:
    """Blur coverage on the fine grid, take its mean over pixels, color it, add noise, round."""
    blurred = cv2.GaussianBlur(fine, (0, 0), look.blur_px * FINENESS)
    shares = _mean_over_pixels(np.asarray(blurred, np.float32))[..., None]
    background, objects = look.levels.astype(np.float32)
    noise = rng.standard_normal((*shares.shape[:2], 1 if look.grey else 3), dtype=np.float32)
    image = background + (objects - background) * shares + np.float32(look.noise_levels) * noise
    return np.asarray(np.rint(image).clip(0, 255), np.uint8)


def find_shares(outlines: Sequence[Ring], covered: Float32Array) -> Float32Array:
    """Share of the objects as it falls across their borders, in line with the distance, (H, W).

    Where ``covered`` shares of pixels would be interpolated, the border would be up to 0.09 px off;
    blurred, they would have it too far inside where it curves.
    """
    border = ((covered > 0) & (covered < 1)).astype(np.uint8)
    reach = 2 * math.ceil(RAMP_PX) + 1
    rows, columns = np.nonzero(cv2.dilate(border, np.ones((reach, reach), np.uint8)))
    centres = np.stack([columns, rows], axis=1).astype(np.float64) + 0.5
    distances_px, curvatures, _ = measure_outline_distances(outlines, centres)
    # Bilinear interpolation lies above a convex function, by a twelfth of its curvature on average.
    distances_px -= curvatures / 12
    shares = np.round(covered)
    shares[rows, columns] = np.clip(0.5 - distances_px / (2 * RAMP_PX), 0, 1)
    return shares


def measure_outline_distances(
    outlines: Sequence[Ring], points: Float64Array
) -> tuple[Float64Array, Float64Array, Int64Array]:
    """How far points (V, 2) lie from the nearest outline, in pixels, positive outside.

    Returns with it the curvature there, and the index of the nearest of all outlines' points,
    (V,) each. Outlines have to be as dense as drawn ones are.
    """
    frames = [measure_frame(ring) for ring in outlines]
    normals = np.concatenate([normals for normals, _ in frames])
    curvatures = np.concatenate([curvatures for _, curvatures in frames])
    border = np.concatenate(outlines)
    _, nearest = cKDTree(border).query(points)
    distances = ((points - border[nearest]) * normals[nearest]).sum(axis=1)
    return distances, curvatures[nearest], nearest


def measure_frame(ring: Ring) -> tuple[Float64Array, Float64Array]:
    """Outward normals (N, 2) and curvatures (N,) of a clockwise ring; convex counts positive."""
    behind = ring - np.roll(ring, 1, axis=0)
    ahead = np.roll(behind, -1, axis=0)
    tangents = behind + ahead
    lengths = np.hypot(*tangents.T)
    turns = behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0]
    sizes = np.hypot(*behind.T) * np.hypot(*ahead.T)
    normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1) / lengths[:, None]
    return normals, np.asarray(turns / sizes / (lengths / 2))


def _mean_over_pixels(fine: Float32Array) -> Float32Array:
    side = len(fine) // FINENESS
    return np.asarray(fine.reshape(side, FINENESS, side, FINENESS).mean(axis=(1, 3)))


def _count_points(radius_px: float) -> int:
    return math.ceil(2 * math.pi * radius_px / SPACING_PX)


def _angles(count: int) -> Float64Array:
    return np.asarray(np.arange(count) * (2 * math.pi / count))


def _to_points(radii: Float64Array) -> Ring:
    angles = _angles(len(radii))
    return np.asarray(radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _turn(ring: Ring, rng: np.random.Generator) -> Ring:
    angle = rng.uniform(0, 2 * math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(ring @ np.array([[cos, sin], [-sin, cos]]))
