"""Label grid → partition.

Shapes: ``H, W`` the grid; ``E`` cracks, the unit sides between pixels of different labels; ``A``
arcs; ``J`` junctions; ``L`` loops. Everything is vectorised and linear in the border's length, but
for the one look at each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.errors import SegfitError
from segfit.partition.label_grid import LabelGrid, unpack_codes
from segfit.partition.planar_map import OUTSIDE, Partition, sum_arc_areas, sum_loop_areas

Value = TypeVar("Value", bound=np.generic)


def partition_of(grid: LabelGrid | NDArray[np.integer]) -> Partition:
    """Trace the regions of a label grid, or of labels alone, (H, W) of at least 1×1.

    Two pixels belong to one region where they have one label and share a side, or are joined by
    such pixels; pixels of different objects belong to different regions, too. Linear in the grid's
    area, with a small factor, and in the border's length. The inverse is ``rasterize``. Raises
    ``SegfitError`` for a grid that is empty or not 2-D.
    """
    return trace_grid(grid)[0]


def trace_grid(grid: LabelGrid | NDArray[np.integer]) -> tuple[Partition, Runs]:
    """The same, and which region each pixel is in."""
    if isinstance(grid, LabelGrid):
        partition, runs = trace_grid(grid.codes)
        if grid.objects is None:
            return partition, runs
        return replace(partition, labels=unpack_codes(partition.labels)[0]), runs
    labels = grid
    runs = find_runs(labels)
    height, width = labels.shape
    cracks = find_cracks(labels, runs)
    chains = _link_cracks(cracks, (height, width))
    arcs = _walk_chains(cracks, chains, width + 1)
    return close_arcs(arcs, shape=(height, width), labels=runs.region_labels), runs


def close_arcs(
    arcs: Arcs,
    *,
    shape: tuple[int, int],
    labels: NDArray[Any],
    error_px: Float64Array | None = None,
) -> Partition:
    """The planar map that arcs make. ``labels``: (R,) of the regions on their sides."""
    loops, loop_starts = _close_loops(arcs)
    loop_regions = _region_on_right(arcs.sides, loops[loop_starts[:-1]])
    keep = _order_loops(arcs, loops, loop_starts, loop_regions)
    return Partition(
        shape=shape,
        labels=labels,
        points=arcs.points,
        arc_starts=arcs.starts,
        sides=arcs.sides,
        ends=arcs.ends,
        error_px=error_px,
        loops=np.concatenate([loops[loop_starts[i] : loop_starts[i + 1]] for i in keep]),
        loop_starts=np.concatenate([[0], np.cumsum(np.diff(loop_starts)[keep])]),
        loop_regions=loop_regions[keep],
    )


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches of equal labels along rows, in reading order; ``starts``: flat indices.

    ``regions``: each run's region. ``region_labels``: (R,).
    """

    starts: Int64Array
    lengths: Int64Array
    regions: Int64Array
    region_labels: NDArray[Any]

    def region_at(self, flat: Int64Array) -> Int64Array:
        """Region of pixels by their flat index."""
        return np.asarray(self.regions[np.searchsorted(self.starts, flat, side="right") - 1])

    def paint(self, values: NDArray[Value], shape: tuple[int, int]) -> NDArray[Value]:
        """The value of each pixel's region, (H, W), by the values of the regions, (R,)."""
        return np.repeat(values[self.regions], self.lengths).reshape(shape)


@dataclass(frozen=True, eq=False)
class Cracks:
    """Unit sides, from vertex ``begin`` down or to the right to vertex ``end``, (E,) each.

    Vertices are numbered along the rows of the (H+1)×(W+1) lattice. ``sides``: (E, 2) regions on
    the left and on the right.
    """

    begin: Int64Array
    end: Int64Array
    sides: Int64Array


@dataclass(frozen=True, eq=False)
class _Chains:
    """Cracks in the order of their arcs: ``order`` (E,), ``starts`` (A + 1,).

    ``entries``: (A,) the vertex at which each arc begins; ``is_closed``: (A,);
    ``junctions``: (J,) vertices, rising.
    """

    order: Int64Array
    starts: Int64Array
    entries: Int64Array
    is_closed: BoolArray
    junctions: Int64Array


@dataclass(frozen=True, eq=False)
class Arcs:
    """What ``Partition`` has of arcs, the points of one after those of another.

    ``headings``: (A, 2) the first and the last step's direction.

    Directions are numbered clockwise on the screen: 0 east, 1 south, 2 west, 3 north.
    """

    points: Float64Array
    starts: Int64Array
    sides: Int64Array
    ends: Int64Array
    headings: Int64Array


def find_runs(labels: NDArray[np.integer]) -> Runs:
    """Divide a label grid (H, W) into runs, and join those that touch into regions.

    Raises ``SegfitError`` for a grid that is empty or not 2-D.
    """
    if labels.ndim != 2 or labels.size == 0:
        raise SegfitError(f"a label grid (H, W) is needed, given shape {labels.shape}")
    width = labels.shape[1]
    begins = np.empty(labels.shape, bool)
    begins[:, 0] = True
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    values = labels.ravel()[starts]
    # Runs touch where either begins below or above a pixel of the other.
    count = len(starts)
    below = starts + width
    lower = np.searchsorted(starts, below[below < labels.size], side="right") - 1
    above = starts - width
    upper = np.searchsorted(starts, above[above >= 0], side="right") - 1
    first = np.concatenate([np.arange(len(lower)), np.arange(count - len(upper), count)])
    second = np.concatenate([lower, upper])
    same = values[first] == values[second]
    links = coo_array(
        (np.ones(np.count_nonzero(same), np.int8), (first[same], second[same])), (count, count)
    )
    region_count, regions = connected_components(links, directed=False)
    region_labels = np.empty(region_count, labels.dtype)
    region_labels[regions] = values
    lengths = np.diff(np.append(starts, labels.size))
    return Runs(starts, lengths, regions.astype(np.int64), region_labels)


def find_cracks(labels: NDArray[np.integer], runs: Runs) -> Cracks:
    """Find the cracks of a label grid (H, W), those along its edge included."""
    height, width = labels.shape
    wide = width + 1
    # Down the left side of every run; the runs that begin a row have the outside on their right.
    rows, columns = np.divmod(runs.starts, width)
    west = np.where(columns == 0, OUTSIDE, np.roll(runs.regions, 1))
    vertical = rows * wide + columns
    right_edge = np.arange(height) * wide + width
    last_runs = np.append(np.flatnonzero(columns == 0)[1:], len(columns)) - 1
    # To the right along the top of pixels that differ from those above.
    differs = np.flatnonzero(labels[1:] != labels[:-1])
    tops = differs + width
    horizontal = (tops // width) * wide + tops % width
    edge_columns = np.arange(width)
    bottom = (height - 1) * width + edge_columns
    begin = np.concatenate(
        [vertical, right_edge, horizontal, edge_columns, height * wide + edge_columns]
    )
    step = np.ones(len(begin), np.int64)
    step[: len(vertical) + height] = wide
    left = [
        runs.regions,
        np.full(height, OUTSIDE),
        runs.region_at(differs),
        np.full(width, OUTSIDE),
        runs.region_at(bottom),
    ]
    right = [
        west,
        runs.regions[last_runs],
        runs.region_at(tops),
        runs.region_at(edge_columns),
        np.full(width, OUTSIDE),
    ]
    sides = np.stack([np.concatenate(left), np.concatenate(right)], axis=1)
    return Cracks(begin, begin + step, sides)


def _link_cracks(cracks: Cracks, shape: tuple[int, int]) -> _Chains:
    """Order the cracks so that those of an arc follow each other."""
    height, width = shape
    count = len(cracks.begin)
    vertices = np.concatenate([cracks.begin, cracks.end])
    by_vertex = np.argsort(vertices, kind="stable")
    sorted_vertices = vertices[by_vertex]
    group_starts = np.flatnonzero(np.append(True, sorted_vertices[1:] != sorted_vertices[:-1]))
    degrees = np.diff(np.append(group_starts, len(vertices)))
    corners = np.array([0, width, height * (width + 1), height * (width + 1) + width])
    places = sorted_vertices[group_starts]
    passes = (degrees == 2) & ~np.isin(places, corners)
    first, second = by_vertex[group_starts[passes]], by_vertex[group_starts[passes] + 1]
    links = np.stack([first % count, second % count], axis=1)
    # The ends of cracks at junctions are the ends of arcs.
    at_junction = np.ones(2 * count, bool)
    at_junction[first] = at_junction[second] = False

    chain_count, chain_of = find_components(links, count)
    heads = np.full(chain_count, -1)
    tails = np.full(chain_count, -1)
    entries = np.empty(chain_count, np.int64)
    loose = np.flatnonzero(at_junction)
    owners = chain_of[loose % count]
    # Written in falling order, the lowest index stays; in rising order, the highest.
    heads[owners[::-1]] = loose[::-1] % count
    entries[owners[::-1]] = vertices[loose[::-1]]
    tails[owners] = loose % count
    is_closed = heads < 0
    lowest = np.full(chain_count, count)
    np.minimum.at(lowest, chain_of, np.arange(count))
    heads[is_closed] = lowest[is_closed]
    entries[is_closed] = cracks.begin[heads[is_closed]]
    # A closed arc is cut where its first crack begins; that crack is its highest and points down.
    is_head = np.zeros(count, bool)
    is_head[heads[is_closed]] = True
    cut_first = is_head[links[:, 0]] & (first < count)
    cut_second = is_head[links[:, 1]] & (second < count)
    tails[chain_of[links[cut_first, 0]]] = links[cut_first, 1]
    tails[chain_of[links[cut_second, 1]]] = links[cut_second, 0]
    order = _order_paths(links[~(cut_first | cut_second)], heads, tails, count)
    starts = np.concatenate([[0], np.cumsum(np.bincount(chain_of, minlength=chain_count))])
    return _Chains(order, starts, entries, is_closed, places[~passes])


def _walk_chains(cracks: Cracks, chains: _Chains, wide: int) -> Arcs:
    """Turn ordered cracks into points: the corners between straight stretches."""
    begin, end = cracks.begin[chains.order], cracks.end[chains.order]
    is_first = np.zeros(len(begin), bool)
    is_first[chains.starts[:-1]] = True
    forward = np.empty(len(begin), bool)
    forward[1:] = (begin[1:] == begin[:-1]) | (begin[1:] == end[:-1])
    forward[is_first] = begin[is_first] == chains.entries
    entry, leave = np.where(forward, begin, end), np.where(forward, end, begin)
    heading = np.where(end - begin == 1, np.where(forward, 0, 2), np.where(forward, 1, 3))

    first, last = chains.starts[:-1], chains.starts[1:] - 1
    turns = is_first.copy()
    turns[1:] |= heading[1:] != heading[:-1]
    corner_places = np.flatnonzero(turns)
    # One more point per arc: where its last crack ends.
    arc_of_corner = np.searchsorted(chains.starts, corner_places, side="right") - 1
    vertices = np.empty(len(corner_places) + len(first), np.int64)
    vertices[np.arange(len(corner_places)) + arc_of_corner] = entry[corner_places]
    starts = np.concatenate([[0], np.cumsum(np.bincount(arc_of_corner, minlength=len(first)) + 1)])
    vertices[starts[1:] - 1] = leave[last]

    sides = cracks.sides[chains.order[first]]
    sides = np.where(forward[first][:, None], sides, sides[:, ::-1])
    ends = np.searchsorted(chains.junctions, np.stack([entry[first], leave[last]], axis=1))
    ends[chains.is_closed] = -1
    return Arcs(
        points=np.stack([vertices % wide, vertices // wide], axis=1).astype(np.float64),
        starts=starts,
        sides=sides,
        ends=ends,
        headings=np.stack([heading[first], heading[last]], axis=1),
    )


def _close_loops(arcs: Arcs) -> tuple[Int64Array, Int64Array]:
    """Signed arcs of all loops, and where each loop begins.

    Half-arc a walks arc a forwards, half-arc A + a backwards. At a junction, a walk with its region
    on the right goes on along the first arc that it meets when it turns from the right to the left.
    """
    count = len(arcs.sides)
    open_arcs = np.flatnonzero(arcs.ends[:, 0] >= 0)
    leaving = np.full((arcs.ends.max(initial=-1) + 1, 4), -1)
    leaving[arcs.ends[open_arcs, 0], arcs.headings[open_arcs, 0]] = open_arcs
    back = (arcs.headings[open_arcs, 1] + 2) % 4
    leaving[arcs.ends[open_arcs, 1], back] = open_arcs + count

    following = np.arange(2 * count)
    walkers = np.concatenate([open_arcs, open_arcs + count])
    at = np.concatenate([arcs.ends[open_arcs, 1], arcs.ends[open_arcs, 0]])
    heading = np.concatenate([arcs.headings[open_arcs, 1], (arcs.headings[open_arcs, 0] + 2) % 4])
    for turn in (3, 0, 1):  # left, straight on, right: the last that exists counts
        there = leaving[at, (heading + turn) % 4]
        following[walkers[there >= 0]] = there[there >= 0]

    # The outside's own loop is no region's.
    right = np.concatenate([arcs.sides[:, 1], arcs.sides[:, 0]])
    inner = np.flatnonzero(right != OUTSIDE)
    number = np.full(2 * count, -1)
    number[inner] = np.arange(len(inner))
    links = np.stack([np.arange(len(inner)), number[following[inner]]], axis=1)
    loop_count, loop_of = find_components(links, len(inner))
    heads = np.full(loop_count, len(inner))
    np.minimum.at(heads, loop_of, np.arange(len(inner)))
    is_head = np.zeros(len(inner), bool)
    is_head[heads] = True
    closes = is_head[links[:, 1]]
    tails = np.empty(loop_count, np.int64)
    tails[loop_of[links[closes, 0]]] = links[closes, 0]
    order = inner[_order_paths(links[~closes], heads, tails, len(inner))]
    starts = np.concatenate([[0], np.cumsum(np.bincount(loop_of, minlength=loop_count))])
    return np.where(order < count, order, ~(order - count)), starts


def _order_loops(
    arcs: Arcs, loops: Int64Array, loop_starts: Int64Array, loop_regions: Int64Array
) -> Int64Array:
    """Loops by region, the outer one, which is the only one with positive area, first."""
    areas = sum_loop_areas(sum_arc_areas(arcs.points, arcs.starts), loops, loop_starts)
    return np.lexsort((areas < 0, loop_regions))


def _region_on_right(sides: Int64Array, signed: Int64Array) -> Int64Array:
    return np.asarray(np.where(signed >= 0, sides[signed, 1], sides[~signed, 0]))


def find_components(links: Int64Array, count: int) -> tuple[int, Int64Array]:
    """How many groups ``count`` nodes make that links (N, 2) join, and each node's, (count,)."""
    graph = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), (count, count))
    components, component_of = connected_components(graph, directed=False)
    return components, component_of.astype(np.int64)


def _order_paths(links: Int64Array, heads: Int64Array, tails: Int64Array, count: int) -> Int64Array:
    """Nodes of disjoint paths, each from head to tail, one path after another.

    Joined end to end, the paths are one path, along which a breadth-first search goes straight.
    """
    joints = np.stack([tails[:-1], heads[1:]], axis=1)
    pairs = np.concatenate([links, joints])
    rows = np.concatenate([pairs[:, 0], pairs[:, 1]])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0]])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), (count, count)).tocsr()
    order = breadth_first_order(graph, heads[0], directed=True, return_predecessors=False)
    return np.asarray(order, np.int64)
