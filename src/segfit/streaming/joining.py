"""Parts → the regions of the image: numbered, and those across many tiles put together.

Shapes: ``R`` regions of all parts; ``S`` stretches; ``A`` arcs; ``P`` points of all arcs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array, UInt8Array
from segfit.classes import ClassTable
from segfit.partition import Partition, trace_rings
from segfit.partition.planar_map import OUTSIDE
from segfit.partition.trace import Arcs, close_arcs, find_components
from segfit.result.regions import Region, are_in_results
from segfit.streaming.part import Part
from segfit.streaming.pieces import Stretches
from segfit.streaming.tiling import Place, Tiling

LoadPart = Callable[[Place], Part]


@dataclass(frozen=True, eq=False)
class Numbering:
    """The number of every region of every part: equal where they are one region of the image.

    ``first``: of each part's regions in ``roots``, by its place. ``roots``: (R,). ``numbers``:
    (roots,) those that results have, from 1, 0 for what is not in them. ``labels``: (roots,).
    ``is_long``: (roots,) whether no tile has finished it.
    """

    first: Mapping[Place, int]
    roots: Int64Array
    numbers: Int64Array
    labels: UInt8Array
    is_long: BoolArray

    def of(self, place: Place, regions: Int64Array) -> Int64Array:
        """The numbers of some regions of a part."""
        return self.numbers[self.roots[self.first[place] + regions]]


def number_regions(tiling: Tiling, load: LoadPart, classes: ClassTable) -> Numbering:
    """Find out which regions of the parts are one, and number them as they come."""
    first: dict[Place, int] = {}
    labels, links, finished = [], [np.empty((0, 2), np.int64)], []
    count = 0
    for place in tiling.list_places():
        part = load(place)
        first[place] = count
        labels.append(part.labels)
        row, column = place
        for pairs, neighbour in ((part.above, (row - 1, column)), (part.left, (row, column - 1))):
            if len(pairs):
                links.append(pairs + np.array((first[neighbour], count)))
        finished.append(part.finished.regions + count)
        count += len(part.labels)
    total, roots = find_components(np.concatenate(links), count)
    of_roots = np.zeros(total, np.uint8)
    of_roots[roots] = np.concatenate(labels)
    done = roots[np.concatenate(finished)]
    is_long = are_in_results(of_roots, classes)
    is_long[done] = False
    order = np.concatenate([done, np.flatnonzero(is_long)])
    numbers = np.zeros(total, np.int64)
    numbers[order] = np.arange(1, len(order) + 1)
    return Numbering(first, roots, numbers, of_roots, is_long)


def list_finished(
    tiling: Tiling, load: LoadPart, numbering: Numbering, classes: ClassTable
) -> Iterator[list[tuple[int, Region]]]:
    """The regions that a tile has finished, with their numbers, tile by tile."""
    for place in tiling.list_places():
        part = load(place)
        found = part.finished
        if len(found.regions) == 0:
            continue
        numbers = numbering.of(place, found.regions).tolist()
        rings = np.split(found.points, np.cumsum(found.ring_sizes)[:-1])
        errors = np.split(found.errors, np.cumsum(found.ring_sizes)[:-1])
        ends = np.cumsum(found.ring_counts)
        batch = []
        for index, number in enumerate(numbers):
            own = slice(int(ends[index] - found.ring_counts[index]), int(ends[index]))
            label = int(part.labels[found.regions[index]])
            batch.append(
                (
                    number,
                    make_region(
                        label, number, float(found.scores[index]), rings[own], errors[own], classes
                    ),
                )
            )
        yield batch


def make_region(
    label: int,
    number: int,
    score: float,
    rings: Sequence[Float64Array],
    errors: Sequence[Float64Array],
    classes: ClassTable,
) -> Region:
    """A region of a result; errors that nobody knows are NaN."""
    return Region(
        label=label,
        name=classes.names[label],
        object_number=number if label in classes.object_classes else None,
        score=None if np.isnan(score) else score,
        polygon=tuple(rings),
        vertex_error_px=tuple(errors),
    )


def list_long(
    tiling: Tiling, load: LoadPart, numbering: Numbering, classes: ClassTable
) -> Iterator[tuple[int, Region]]:
    """The regions that no tile has finished, with their numbers, one by one."""
    if not numbering.is_long.any():
        return
    partition, roots = join_long(tiling, load, numbering)
    scores = _average_scores(tiling, load, numbering)
    for region, root in enumerate(roots.tolist()):
        rings = trace_rings(partition, region)
        assert partition.error_px is not None
        number, label = int(numbering.numbers[root]), int(numbering.labels[root])
        points = [partition.points[ring] for ring in rings]
        errors = [partition.error_px[ring] for ring in rings]
        yield number, make_region(label, number, float(scores[root]), points, errors, classes)


def _average_scores(tiling: Tiling, load: LoadPart, numbering: Numbering) -> Float64Array:
    """Mean of the long regions' scores over tiles, by their pixels there, (roots,)."""
    totals, weights = np.zeros((2, len(numbering.numbers)))
    for place in tiling.list_places():
        part = load(place)
        pixels = np.bincount(
            part.tile.regions, weights=part.tile.lengths, minlength=len(part.labels)
        )
        roots = numbering.roots[numbering.first[place] : numbering.first[place] + len(part.labels)]
        known = np.isfinite(part.scores) & (pixels > 0)
        np.add.at(totals, roots[known], (part.scores * pixels)[known])
        np.add.at(weights, roots[known], pixels[known])
    means = np.full(len(totals), np.nan)
    np.divide(totals, weights, out=means, where=weights > 0)
    return means


def join_long(tiling: Tiling, load: LoadPart, numbering: Numbering) -> tuple[Partition, Int64Array]:
    """The planar map of the long regions, and their roots.

    All others are outside of it. Stretches of an arc are one arc; where two tiles differ a little
    about the place at which these meet, the earlier one's counts.
    """
    roots = np.flatnonzero(numbering.is_long)
    of_root = np.full(len(numbering.numbers) + 1, OUTSIDE)
    of_root[roots] = np.arange(len(roots))
    stretches, sides = _gather(tiling, load, numbering, of_root)
    arcs = list_arcs(tiling, stretches)
    lines, errors, line_sides, ends, headings = [], [], [], [], []
    for chain in arcs:
        points, error = _join_points(stretches, chain)
        lines.append(points)
        errors.append(error)
        begin, end = chain[0], chain[-1]
        pair = sides[begin.stretch]
        line_sides.append(pair[::-1] if begin.is_back else pair)
        closed = chain_is_closed(stretches, chain)
        ends.append(
            (-1, -1)
            if closed
            else (
                stretches.ends[begin.stretch, int(begin.is_back)],
                stretches.ends[end.stretch, int(not end.is_back)],
            )
        )
        headings.append(
            (
                stretches.headings[begin.stretch, int(begin.is_back)],
                (stretches.headings[end.stretch, int(not end.is_back)] + 2) % 4,
            )
        )
    of_ends = np.array(ends, np.int64).reshape(-1, 2)
    _, numbers = np.unique(of_ends[of_ends >= 0], return_inverse=True)
    junctions = np.full(of_ends.shape, -1)
    junctions[of_ends >= 0] = numbers.ravel()
    made = Arcs(
        points=np.concatenate([np.empty((0, 2)), *lines]),
        starts=np.concatenate([[0], np.cumsum([len(one) for one in lines])]).astype(np.int64),
        sides=np.array(line_sides, np.int64).reshape(-1, 2),
        ends=junctions,
        headings=np.array(headings, np.int64).reshape(-1, 2),
    )
    return (
        close_arcs(
            made,
            shape=tiling.shape,
            labels=numbering.labels[roots],
            error_px=np.concatenate([np.empty(0), *errors]),
        ),
        roots,
    )


def list_arcs(tiling: Tiling, stretches: Stretches) -> list[list[Step]]:
    """Every arc once: those that a tile has the say about, and those that are put together."""
    whole = np.flatnonzero(stretches.is_whole)
    loose = np.flatnonzero(~stretches.is_whole)
    arcs = [[Step(stretch, is_back=False)] for stretch in whole.tolist()]
    for chain in chain_stretches(stretches.choose(loose)):
        steps = [Step(int(loose[step.stretch]), step.is_back) for step in chain]
        bounds = stretches.bounds[[step.stretch for step in steps]]
        box = np.concatenate([bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)])
        if not is_seen_whole(tiling, box):
            arcs.append(steps)
    return arcs


def is_seen_whole(tiling: Tiling, box: Int64Array) -> bool:
    """Whether any tile has the say about what has these left, top, right and bottom."""
    column, row = ((box[2:] - 1) // tiling.tile_px).tolist()
    places = [
        (down, across)
        for down in range(max(0, row - 1), min(tiling.rows, row + 2))
        for across in range(max(0, column - 1), min(tiling.columns, column + 2))
    ]
    return any(tiling.is_within(place, box[None])[0] for place in places)


def _gather(
    tiling: Tiling, load: LoadPart, numbering: Numbering, of_root: Int64Array
) -> tuple[Stretches, Int64Array]:
    """All stretches that have a long region on a side, and which these are, (S, 2)."""
    parts, sides = [], []
    for place in tiling.list_places():
        part = load(place)
        own = part.stretches
        first = numbering.first[place]
        known = np.where(own.sides >= 0, numbering.roots[first + np.maximum(own.sides, 0)], -1)
        of_regions = of_root[known]
        chosen = np.flatnonzero((of_regions != OUTSIDE).any(axis=1))
        parts.append(own.choose(chosen))
        sides.append(of_regions[chosen])
    return Stretches.join(parts), np.concatenate(sides)


@dataclass(frozen=True)
class Step:
    """A stretch, walked forwards or back."""

    stretch: int
    is_back: bool


def chain_stretches(stretches: Stretches) -> list[list[Step]]:
    """Stretches of one arc in the order in which it runs, for every arc.

    It begins at a junction, or, where it closes in itself, anywhere.
    """
    meets: dict[int, list[tuple[int, int]]] = {}
    ends, is_junction = stretches.ends.tolist(), stretches.is_junction.tolist()
    for index, (own, joined) in enumerate(zip(ends, is_junction, strict=True)):
        for tip in (0, 1):
            if not joined[tip]:
                meets.setdefault(own[tip], []).append((index, tip))
    used = np.zeros(len(ends), bool)
    chains = []

    def follow(index: int, tip: int) -> list[Step]:
        """From a stretch's tip onwards, until a junction or where it began."""
        chain = [Step(index, tip == 1)]
        used[index] = True
        while True:
            index, away = chain[-1].stretch, 0 if chain[-1].is_back else 1
            if is_junction[index][away]:
                return chain
            onward = [
                (other, at)
                for other, at in meets[ends[index][away]]
                if (other, at) != (index, away) and not used[other]
            ]
            if not onward:
                return chain
            other, at = onward[0]
            used[other] = True
            chain.append(Step(other, at == 1))

    for index, joined in enumerate(is_junction):
        for tip in (0, 1):
            if joined[tip] and not used[index]:
                chains.append(follow(index, tip))
    for index in range(len(ends)):
        if not used[index]:
            chains.append(follow(index, 0))
    return chains


def chain_is_closed(stretches: Stretches, chain: Sequence[Step]) -> bool:
    """Whether an arc closes in itself, without a junction."""
    begin, end = chain[0], chain[-1]
    first, last = int(begin.is_back), int(not end.is_back)
    return (
        not stretches.is_junction[begin.stretch, first]
        and stretches.ends[begin.stretch, first] == stretches.ends[end.stretch, last]
    )


def _join_points(stretches: Stretches, chain: Sequence[Step]) -> tuple[Float64Array, Float64Array]:
    points, errors = [], []
    for number, step in enumerate(chain):
        own = slice(stretches.starts[step.stretch], stretches.starts[step.stretch + 1])
        line, error = stretches.points[own], stretches.errors[own]
        if step.is_back:
            line, error = line[::-1], error[::-1]
        points.append(line[1:] if number else line)
        errors.append(error[1:] if number else error)
    line, error = np.concatenate(points), np.concatenate(errors)
    if chain_is_closed(stretches, chain):
        line[-1], error[-1] = line[0], error[0]
    return line, error
