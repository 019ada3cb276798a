"""Partition: an image divided into regions that share their borders.

Shapes: ``H, W`` the image; ``R`` regions; ``A`` arcs; ``P`` points of all arcs; ``L`` loops.
Frame: continuous image coordinates (x, y), pixel (row r, column c) covers [c, c+1] × [r, r+1].
Left and right are as seen on the screen, where y points down.

An *arc* runs between two junctions, or closes in itself, with one region on its left and one on its
right. A *junction* is where three or more regions meet, the outside counted, and the image's
corners. A *region* is 4-connected; its loops walk along signed arcs with the region on the right,
so that by the shoelace formula an outer loop has positive area and a hole negative area.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array, UInt8Array
from segfit.basics.show import show_briefly

OUTSIDE = -1
"""The region beyond the image's edge."""


@dataclass(frozen=True, eq=False)
class Partition:
    """A planar map of an image's regions.

    ``shape``: (H, W). ``labels``: (R,) each region's label. ``points``: (P, 2) float64, the arcs'
    points one arc after another; ``arc_starts``: (A + 1,), arc a has the points from
    ``arc_starts[a]`` to ``arc_starts[a + 1]``, ends included. ``sides``: (A, 2), the region on its
    left and on its right, ``OUTSIDE`` beyond the edge. ``ends``: (A, 2), the junctions where it
    begins and ends, −1 for a closed arc, whose last point repeats its first. ``loops``: the signed
    arcs of all loops (``a`` forwards, ``~a`` backwards), one loop after another; ``loop_starts``:
    (L + 1,); ``loop_regions``: (L,), rising, each region's outer loop first. ``error_px``: (P,) the
    points' standard errors, or None where nobody knows them.
    """

    shape: tuple[int, int]
    labels: UInt8Array
    points: Float64Array
    arc_starts: Int64Array
    sides: Int64Array
    ends: Int64Array
    loops: Int64Array
    loop_starts: Int64Array
    loop_regions: Int64Array
    error_px: Float64Array | None = None

    __repr__ = show_briefly

    @property
    def arc_count(self) -> int:
        """Number of arcs."""
        return len(self.sides)

    @property
    def region_count(self) -> int:
        """Number of regions."""
        return len(self.labels)

    @cached_property
    def arc_of_point(self) -> Int64Array:
        """The arc that each point belongs to, (P,)."""
        return np.repeat(np.arange(self.arc_count), np.diff(self.arc_starts))

    @cached_property
    def is_closed(self) -> BoolArray:
        """Whether an arc closes in itself, (A,)."""
        return self.ends[:, 0] < 0

    @cached_property
    def is_edge(self) -> BoolArray:
        """Whether an arc lies on the image's edge, (A,)."""
        return np.asarray((self.sides == OUTSIDE).any(axis=1))

    @cached_property
    def segments(self) -> Int64Array:
        """Indices of the points at which a segment begins, (P − A,); it ends at the next point."""
        begins = np.ones(len(self.points), bool)
        begins[self.arc_starts[1:] - 1] = False
        return np.flatnonzero(begins)

    @cached_property
    def region_areas_px(self) -> Float64Array:
        """Area of every region, holes taken off, (R,)."""
        return np.add.reduceat(self.loop_areas_px, np.flatnonzero(self.is_outer))

    @cached_property
    def loop_areas_px(self) -> Float64Array:
        """Signed area of every loop, (L,): positive for outer loops, negative for holes."""
        of_arcs = sum_arc_areas(self.points, self.arc_starts)
        return sum_loop_areas(of_arcs, self.loops, self.loop_starts)

    @cached_property
    def arc_lengths_px(self) -> Float64Array:
        """Length of every arc, (A,)."""
        steps = np.append(np.hypot(*np.diff(self.points, axis=0).T), 0.0)
        steps[self.arc_starts[1:] - 1] = 0.0  # from one arc's last point to the next arc's first
        return np.asarray(np.add.reduceat(steps, self.arc_starts[:-1]))

    @cached_property
    def is_outer(self) -> BoolArray:
        """Whether a loop is its region's outer one, (L,)."""
        return np.append(True, self.loop_regions[1:] != self.loop_regions[:-1])

    def stretch(self, shape: tuple[int, int]) -> Partition:
        """The same regions over an image (H, W) of another size.

        Errors, which are across the arcs, grow as the image does in that direction.
        """
        # Multiplied first: what lies on the edge then lies on it exactly.
        points = self.points * np.array(shape[::-1]) / np.array(self.shape[::-1])
        if self.error_px is None:
            return replace(self, shape=shape, points=points)
        factors = np.array(shape[::-1]) / np.array(self.shape[::-1])
        here = np.arange(len(points))
        ahead = np.minimum(here + 1, self.arc_starts[1:][self.arc_of_point] - 1)
        behind = np.maximum(here - 1, self.arc_starts[:-1][self.arc_of_point])
        along = self.points[ahead] - self.points[behind]
        before, after = np.hypot(*along.T), np.hypot(*(along * factors).T)
        # An area keeps its share, so what lengthens an arc takes as much from the way across it.
        across = np.full(len(points), np.sqrt(factors.prod()))
        np.divide(factors.prod() * before, after, out=across, where=after > 0)
        return replace(self, shape=shape, points=points, error_px=self.error_px * across)

    def arc(self, index: int) -> Float64Array:
        """Points of one arc, (N, 2)."""
        return self.points[self.arc_starts[index] : self.arc_starts[index + 1]]

    def loop_points(self, loop: int) -> Int64Array:
        """Indices into ``points`` of a loop's outline, the first not repeated at the end."""
        return self.walk(self.loops[self.loop_starts[loop] : self.loop_starts[loop + 1]])

    def walk(self, signed_arcs: Int64Array) -> Int64Array:
        """Indices into ``points`` along signed arcs that close, the first not repeated."""
        pieces = []
        for signed in signed_arcs:
            arc = signed if signed >= 0 else ~signed
            indices = np.arange(self.arc_starts[arc], self.arc_starts[arc + 1])
            # Where one arc ends, the next begins.
            pieces.append(indices[:-1] if signed >= 0 else indices[:0:-1])
        return np.concatenate(pieces)

    def loops_of(self, region: int) -> range:
        """A region's loops: the outer one, then its holes."""
        first, last = np.searchsorted(self.loop_regions, (region, region + 1))
        return range(int(first), int(last))

    def polygon(self, region: int) -> list[Float64Array]:
        """A region's rings (N, 2), not closed: the outer one, then its holes."""
        return [self.points[self.loop_points(loop)] for loop in self.loops_of(region)]


def sum_arc_areas(points: Float64Array, arc_starts: Int64Array) -> Float64Array:
    """What each arc adds to the area on its right, (A,), by the shoelace formula.

    Only sums over closed walks along arcs mean anything.
    """
    begin, end = points[:-1], points[1:]
    doubled = np.append(begin[:, 0] * end[:, 1] - end[:, 0] * begin[:, 1], 0.0)
    doubled[arc_starts[1:] - 1] = 0.0  # from one arc's last point to the next arc's first
    return np.asarray(np.add.reduceat(doubled, arc_starts[:-1]) / 2)


def sum_loop_areas(of_arcs: Float64Array, loops: Int64Array, starts: Int64Array) -> Float64Array:
    """Signed area of loops of signed arcs, (L,), from what each arc adds on its right, (A,)."""
    signed = np.where(loops >= 0, of_arcs[loops], -of_arcs[~loops])
    return np.asarray(np.add.reduceat(signed, starts[:-1]))


def number_within(counts: Int64Array) -> tuple[Int64Array, Int64Array]:
    """For groups of so many members, each member's group and its number there, from 0."""
    group = np.repeat(np.arange(len(counts)), counts)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
