"""Arcs that no tile sees whole, cut where the responsibility of tiles ends, and put together again.

A tile is responsible for its *plot*: the tile moved half a lookback to the left and up, so that
there is context on every side. Of an arc it keeps the stretches whose cracks lie in the plot; two
stretches of one arc meet at a lattice point that both tiles know.

Shapes: ``S`` stretches; ``P`` points of all stretches. Frame: coordinates of the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.spatial import cKDTree

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.imaging.raster.window import Window
from segfit.partition import Partition
from segfit.partition.planar_map import number_within
from segfit.streaming.tiling import Place, Tiling

SMALLEST_STEP_PX = 0.25
"""Points of a stretch that lie nearer to its end than that are left out."""
SMOOTHED_CRACKS = 9
"""Cracks over which the stairs of pixels are averaged, to know how far along an arc a place is."""
SLACK_PX, SLACK_SHARE = 24.0, 0.05
"""How far, at most, along an arc a place may be from where lengths have it."""


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of arcs, one after another.

    ``starts``: (S + 1,); ``points``: (P, 2); ``errors``: (P,). ``sides``: (S, 2), the tile's
    regions on the left and on the right, −1 outside the image. ``ends``: (S, 2) the lattice points
    at which it begins and ends, as one number each; ``headings``: (S, 2) directions in which it
    leaves these, 0 east, 1 south, 2 west, 3 north; ``is_junction``: (S, 2) whether arcs meet there.
    ``bounds``: (S, 4) left, top, right and bottom of its lattice points. ``is_whole``: (S,) whether
    it is an arc from end to end, as the tile that has the say about it put it.
    """

    starts: Int64Array
    points: Float64Array
    errors: Float64Array
    sides: Int64Array
    ends: Int64Array
    headings: Int64Array
    is_junction: BoolArray
    bounds: Int64Array
    is_whole: BoolArray

    def choose(self, chosen: Int64Array) -> Stretches:
        """Some of them, by their indices."""
        counts = np.diff(self.starts)[chosen]
        stretch, step = number_within(counts)
        source = self.starts[chosen][stretch] + step
        return Stretches(
            starts=np.concatenate([[0], np.cumsum(counts)]),
            points=self.points[source],
            errors=self.errors[source],
            **{name: getattr(self, name)[chosen] for name in OF_STRETCHES},
        )

    @staticmethod
    def join(parts: Sequence[Stretches]) -> Stretches:
        """All of several, at least one."""
        counts = np.concatenate([np.diff(one.starts) for one in parts])
        of_points = {
            name: np.concatenate([getattr(one, name) for one in parts])
            for name in ("points", "errors", *OF_STRETCHES)
        }
        return Stretches(starts=np.concatenate([[0], np.cumsum(counts)]), **of_points)


OF_STRETCHES = ("sides", "ends", "headings", "is_junction", "bounds", "is_whole")


def plot_of(tiling: Tiling, place: Place) -> Window:
    """The part of the image for whose stretches a tile is responsible; all of them are the image.

    At the image's right and bottom edge it is one pixel larger, for the cracks that lie there.
    """
    shift = tiling.lookback_px // 2
    spans = []
    for number, count, side in zip(place, (tiling.rows, tiling.columns), tiling.shape, strict=True):
        begin = number * tiling.tile_px - shift if number else 0
        end = (number + 1) * tiling.tile_px - shift if number < count - 1 else side + 1
        spans.append((begin, max(begin, end)))
    (top, bottom), (left, right) = spans
    return Window(left, top, right - left, bottom - top)


def cut_arcs(
    first: Partition,
    moved: Partition,
    points: Float64Array,
    arcs: Int64Array,
    is_mine: BoolArray,
    *,
    zone: Window,
    plot: Window,
    width: int,
) -> Stretches:
    """The stretches of arcs within a plot.

    ``first``: the zone's partition as traced; ``moved``: as the network put it; ``points``: those
    of ``moved`` in the whole image, which is ``width`` pixels wide. ``arcs``: which are cut;
    ``is_mine``: (A,) of which the tile has the say, so that they stay whole.
    """
    assert moved.error_px is not None
    pieces: list[_Piece] = []
    shift = np.array((zone.left, zone.top))
    for arc in arcs.tolist():
        lattice = walk_cracks(first.arc(arc)) + shift
        inside = np.ones(len(lattice) - 1, bool)
        if not is_mine[arc]:
            inside = lie_within(np.minimum(lattice[:-1], lattice[1:]), plot)
        if not inside.any():
            continue
        own = slice(moved.arc_starts[arc], moved.arc_starts[arc + 1])
        line, errors = points[own], moved.error_px[own]
        changes = np.flatnonzero(np.diff(np.concatenate([[0], inside.view(np.int8), [0]])))
        cuts = np.unique(np.concatenate([[0], changes, [len(lattice) - 1]]))
        feet = dict(zip(cuts.tolist(), find_feet(lattice, line, cuts), strict=True))
        is_open = not first.is_closed[arc]
        for begin, end in changes.reshape(-1, 2).tolist():
            walked = lattice[begin : end + 1]
            pieces.append(
                _Piece(
                    *cut_line(line, errors, feet[begin], feet[end]),
                    sides=first.sides[arc],
                    walked=walked,
                    is_whole=bool(is_mine[arc]),
                    is_junction=(
                        is_open and begin == 0,
                        is_open and end == len(lattice) - 1,
                    ),
                )
            )
    return _collect(pieces, width)


@dataclass(frozen=True, eq=False)
class _Piece:
    points: Float64Array
    errors: Float64Array
    sides: Int64Array
    walked: Int64Array
    is_whole: bool
    is_junction: tuple[bool, bool]


def _collect(pieces: list[_Piece], width: int) -> Stretches:
    nothing = np.empty((0, 2))
    tips = np.array([(one.walked[0], one.walked[-1]) for one in pieces], np.int64).reshape(-1, 2, 2)
    steps = np.array(
        [(one.walked[1] - one.walked[0], one.walked[-2] - one.walked[-1]) for one in pieces],
        np.int64,
    ).reshape(-1, 2, 2)
    return Stretches(
        starts=np.concatenate([[0], np.cumsum([len(one.points) for one in pieces])]).astype(
            np.int64
        ),
        points=np.concatenate([nothing, *(one.points for one in pieces)]),
        errors=np.concatenate([np.empty(0), *(one.errors for one in pieces)]),
        sides=np.array([one.sides for one in pieces], np.int64).reshape(-1, 2),
        ends=tips[..., 1] * (width + 1) + tips[..., 0],
        headings=np.where(steps[..., 1] == 0, 1 - steps[..., 0], 2 - steps[..., 1]),
        is_junction=np.array([one.is_junction for one in pieces], bool).reshape(-1, 2),
        bounds=np.array(
            [(*one.walked.min(axis=0), *one.walked.max(axis=0)) for one in pieces], np.int64
        ).reshape(-1, 4),
        is_whole=np.array([one.is_whole for one in pieces], bool),
    )


def walk_cracks(corners: Float64Array) -> Int64Array:
    """Every lattice point along an arc, by the points at which it turns, (N, 2)."""
    steps = np.diff(corners, axis=0)
    counts = np.abs(steps).sum(axis=1).astype(np.int64)
    unit = np.sign(steps).astype(np.int64)
    walked = np.cumsum(np.repeat(unit, counts, axis=0), axis=0)
    begin = corners[:1].astype(np.int64)
    return np.concatenate([begin, begin + walked])


def lie_within(points: Int64Array, window: Window) -> BoolArray:
    """Whether points (N, 2) lie in a window, its right and bottom edge not counted, (N,)."""
    low, high = (window.left, window.top), (window.right, window.bottom)
    return np.asarray(((points >= low) & (points < high)).all(axis=1))


def find_feet(lattice: Int64Array, line: Float64Array, places: Int64Array) -> list[float]:
    """Where on a moved line (M, 2) some of the lattice points (N, 2) of its arc are now.

    Each as after how many of the line's points and what share of the next segment: the nearest
    place, as far as the order along the arc allows. The first and the last point are
    the line's ends.
    """
    last = len(line) - 1
    if len(places) == 2 and places[0] == 0 and places[-1] == len(lattice) - 1:
        return [0.0, float(last)]
    kernel = np.ones(SMOOTHED_CRACKS) / SMOOTHED_CRACKS
    half = SMOOTHED_CRACKS // 2
    padded = np.pad(lattice.astype(np.float64), ((half, half), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(one, kernel, mode="valid") for one in padded.T], axis=1)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(smooth, axis=0).T))])
    of_line = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    expected = along * (of_line[-1] / max(along[-1], 1e-9))
    count = min(8, len(line))
    _, near = cKDTree(line).query(lattice, k=count)
    near = near.reshape(len(lattice), count)
    slack = SLACK_PX + SLACK_SHARE * of_line[-1]
    fits = np.abs(of_line[near] - expected[:, None]) <= slack
    chosen = np.where(
        fits.any(axis=1),
        near[np.arange(len(near)), fits.argmax(axis=1)],
        np.searchsorted(of_line, expected).clip(0, last),
    )
    weights = np.ones(len(chosen))
    chosen[0], chosen[-1] = 0, last
    weights[[0, -1]] = 1e6
    ordered = isotonic_regression(chosen.astype(np.float64), weights=weights).x
    feet = []
    for place in places.tolist():
        if place in (0, len(lattice) - 1):
            feet.append(0.0 if place == 0 else float(last))
            continue
        feet.append(_project(lattice[place], line, round(float(ordered[place]))))
    return [float(at) for at in np.maximum.accumulate(feet)]


def _project(point: Int64Array, line: Float64Array, near: int) -> float:
    """The place on the segments beside a point of a line that is nearest to a point."""
    best, found = np.inf, float(near)
    for begin in (near - 1, near):
        if not 0 <= begin < len(line) - 1:
            continue
        step = line[begin + 1] - line[begin]
        length = float(step @ step)
        share = 0.0 if length == 0 else float(np.clip((point - line[begin]) @ step / length, 0, 1))
        distance = float(((line[begin] + share * step - point) ** 2).sum())
        if distance < best:
            best, found = distance, begin + share
    return found


def cut_line(
    line: Float64Array, errors: Float64Array, begin: float, end: float
) -> tuple[Float64Array, Float64Array]:
    """The points of a line, and their errors, from one place on it to another."""
    inner = np.arange(int(np.floor(begin)) + 1, int(np.ceil(end)))
    at = np.concatenate([[begin], inner, [end]])
    index = np.arange(len(line))
    points = np.stack([np.interp(at, index, one) for one in line.T], axis=1)
    kept = np.ones(len(at), bool)
    for tip in (0, -1):
        gaps = np.hypot(*(points - points[tip]).T)
        kept &= (gaps >= SMALLEST_STEP_PX) | (at == at[tip])
    kept[[0, -1]] = True
    return points[kept], np.interp(at, index, errors)[kept]
