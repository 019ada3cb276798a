"""Partition → partition: borders between regions go, all others stay as they are.

Shapes: ``R`` regions; ``A`` arcs; ``P`` points of all arcs. Half-arc a walks arc a forwards,
half-arc A + a backwards, each with its region on the right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.partition.planar_map import OUTSIDE, Partition, sum_arc_areas, sum_loop_areas

Half = TypeVar("Half", int, Int64Array)


@dataclass(frozen=True)
class Chain:
    """Half-arcs that follow each other and become one arc; ``is_ring``: that closes in itself."""

    halves: list[int]
    is_ring: bool


def dissolve_borders(partition: Partition, owners: Int64Array) -> tuple[Partition, Int64Array]:
    """Make one region of all that have one owner.

    ``owners``: (R,) for every region the number of the one that it becomes a part of, its own for
    one that stays; regions of one owner are joined by borders. Arcs that meet where nothing else
    does any more become one. Points that stay keep their places and errors. Returns the partition,
    and for each of the former regions its number there, (R,).
    """
    kept, numbers = np.unique(owners, return_inverse=True)
    sides = np.where(partition.sides == OUTSIDE, OUTSIDE, numbers[partition.sides])
    gone = sides[:, 0] == sides[:, 1]
    chains = _chain_arcs(partition, gone)
    loops, loop_starts = _walk_loops(partition, chains, gone)
    firsts = np.array([chain.halves[0] for chain in chains])
    of_arcs = sides[firsts % partition.arc_count]
    sides = np.where((firsts < partition.arc_count)[:, None], of_arcs, of_arcs[:, ::-1])
    joined = _join_points(partition, chains)
    regions = np.where(loops >= 0, sides[loops, 1], sides[~loops, 0])[loop_starts[:-1]]
    areas = sum_loop_areas(sum_arc_areas(joined.points, joined.arc_starts), loops, loop_starts)
    order = np.lexsort((areas < 0, regions))  # the outer loop first
    pieces = np.split(loops, loop_starts[1:-1])
    dissolved = replace(
        joined,
        labels=partition.labels[kept],
        sides=sides,
        loops=np.concatenate([pieces[loop] for loop in order]),
        loop_starts=np.concatenate([[0], np.cumsum(np.diff(loop_starts)[order])]),
        loop_regions=regions[order],
    )
    return dissolved, np.asarray(numbers, np.int64)


def _chain_arcs(partition: Partition, gone: BoolArray) -> list[Chain]:
    """Chains of the arcs that stay, each from its lowest arc's walk on; most have one arc."""
    count, staying = partition.arc_count, np.flatnonzero(~gone)
    onwards = _find_onwards(partition, staying).tolist()
    closed = partition.is_closed.tolist()
    chains, taken = [], [False] * count
    for arc in staying.tolist():
        if taken[arc]:
            continue
        start = arc
        while True:  # back to where the chain begins, or once around
            before = onwards[_turn(start, count)]
            if before < 0 or _turn(before, count) == arc:
                break
            start = _turn(before, count)
        halves = [start]
        while (after := onwards[halves[-1]]) not in (-1, start):
            halves.append(after)
        for half in halves:
            taken[half % count] = True
        chains.append(Chain(halves, is_ring=closed[arc] or after == start))
    return chains


def _find_onwards(partition: Partition, staying: Int64Array) -> Int64Array:
    """The half-arc to go on with where only two arcs meet, (2A,), elsewhere and at corners −1."""
    count = partition.arc_count
    halves = np.concatenate([staying, staying + count])
    leaving = partition.ends.T.ravel()  # the junction that a half-arc leaves
    starts = np.concatenate([partition.arc_starts[:-1], partition.arc_starts[1:] - 1])
    places = partition.points[starts]
    at_corner = ((places == 0) | (places == partition.shape[::-1])).all(axis=1)
    halves = halves[(leaving[halves] >= 0) & ~at_corner[halves]]
    degrees = np.bincount(leaving[halves], minlength=1)
    halves = halves[degrees[leaving[halves]] == 2]
    pairs = halves[np.argsort(leaving[halves], kind="stable")].reshape(-1, 2)
    onwards = np.full(2 * count, -1)
    onwards[_turn(pairs, count)] = pairs[:, ::-1]
    return onwards


def _walk_loops(
    partition: Partition, chains: list[Chain], gone: BoolArray
) -> tuple[Int64Array, Int64Array]:
    """Signed chains of all loops that are left, and where each loop begins."""
    count = partition.arc_count
    following = find_following(partition, gone).tolist()
    # A chain is noted where a walk enters it.
    entered = {chain.halves[0]: number for number, chain in enumerate(chains)}
    entered |= {_turn(chain.halves[-1], count): ~number for number, chain in enumerate(chains)}
    on_edge = np.concatenate([partition.sides[:, 1], partition.sides[:, 0]]) == OUTSIDE
    walked = on_edge.tolist()
    loops: list[int] = []
    starts = [0]
    for half in entered:
        if walked[half]:
            continue
        at = half
        while not walked[at]:
            walked[at] = True
            if at in entered:
                loops.append(entered[at])
            at = following[at]
        starts.append(len(loops))
    return np.array(loops, np.int64), np.array(starts, np.int64)


def find_following(partition: Partition, gone: BoolArray) -> Int64Array:
    """The half-arc after each one along its loop, (2A,); that of the outside is itself.

    ``gone``: (A,) arcs that are no border any more. A walk that comes to one turns on to the next
    arc there.
    """
    count = partition.arc_count
    halves = np.where(partition.loops >= 0, partition.loops, ~partition.loops + count)
    following = np.arange(2 * count)
    following[halves[:-1]] = halves[1:]
    following[halves[partition.loop_starts[1:] - 1]] = halves[partition.loop_starts[:-1]]
    staying = np.flatnonzero(~np.concatenate([gone, gone]))
    after = following.copy()
    while (blocked := staying[gone[after[staying] % count]]).size:
        after[blocked] = following[_turn(after[blocked], count)]
    return after


def _join_points(partition: Partition, chains: list[Chain]) -> Partition:
    """The arcs that chains make, with their ends; all else is as it was."""
    count = partition.arc_count
    walks, ends = [], []
    for chain in chains:
        points = [_walk_points(partition, half) for half in chain.halves]
        walk = np.concatenate([*(walk[:-1] for walk in points[:-1]), points[-1]])
        if chain.is_ring:
            walk[-1] = walk[0]
        walks.append(walk)
        first, last = chain.halves[0], _turn(chain.halves[-1], count)
        of_halves = [partition.ends[half % count, half // count] for half in (first, last)]
        ends.append([-1, -1] if chain.is_ring else of_halves)
    walked = np.concatenate(walks)
    errors = partition.error_px
    return replace(
        partition,
        points=partition.points[walked],
        arc_starts=np.concatenate([[0], np.cumsum([len(walk) for walk in walks])]),
        ends=_renumber(np.array(ends, np.int64)),
        error_px=None if errors is None else errors[walked],
    )


def _walk_points(partition: Partition, half: int) -> Int64Array:
    """Indices of the points along a half-arc."""
    arc = half % partition.arc_count
    points = np.arange(partition.arc_starts[arc], partition.arc_starts[arc + 1])
    return points if half == arc else points[::-1]


def _renumber(ends: Int64Array) -> Int64Array:
    """Junctions without gaps; −1 stays."""
    is_open = ends >= 0
    ends[is_open] = np.unique(ends[is_open], return_inverse=True)[1]
    return ends


def _turn(half: Half, count: int) -> Half:
    """The half-arc that walks the same arc the other way."""
    return (half + count) % (2 * count)
