"""One tile of an image: scores → regions → outlines, as earlier tiles have begun them.

Shapes: ``H, W`` the tile's zone; ``R`` its regions; ``A`` arcs; ``P`` points of all arcs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.classes import IGNORE, ClassTable
from segfit.classification.decision import Decision, decide
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.raster.window import Window
from segfit.partition import Filling, LabelGrid, Partition, fill_regions, trace_rings
from segfit.partition.arcs import find_tips
from segfit.partition.planar_map import number_within
from segfit.partition.trace import trace_grid
from segfit.partition.untangle import give_way, take_arcs, untangle
from segfit.refinement.outlines import OutlineNetwork, refine_outlines
from segfit.result.regions import are_in_results
from segfit.result.scoring import score_regions
from segfit.streaming.part import Finished, Junctions, Lines, Part, Runs
from segfit.streaming.pieces import Stretches, cut_arcs, plot_of
from segfit.streaming.scoring import ScoreGrid
from segfit.streaming.takeover import (
    arc_bounds,
    arc_keys,
    junction_places,
    link_regions,
    point_keys,
    region_bounds,
    take_over_arcs,
    take_over_junctions,
    take_over_pixels,
)
from segfit.streaming.tiling import Place, Tiling, within


@dataclass(frozen=True, eq=False)
class Scene:
    """What all tiles of an image share.

    ``radii_cells``: of the objects of each class, see ``group_objects``. ``outlines``: None where
    no network moves them.
    """

    tiling: Tiling
    grid: ScoreGrid
    classes: ClassTable
    decision: Decision
    radii_cells: Mapping[int, float]
    outlines: OutlineNetwork | None


@dataclass(frozen=True, eq=False)
class Outlined:
    """The regions of a zone.

    ``first``: as they were traced; ``moved``: as the network put them, arc by arc. ``points``:
    those of ``moved``, in coordinates of the whole image. ``keys``, ``is_back``, ``bounds``: of the
    arcs. ``regions``: of the pixels, as traced; ``region_bounds``: (R, 4). ``filling``: of the
    pixels, as the network put the arcs. ``junction_keys``: (J,), and ``junction_bounds``: (J, 4)
    the point where each is, twice.
    """

    zone: Window
    first: Partition
    moved: Partition
    points: Float64Array
    keys: Int64Array
    is_back: BoolArray
    bounds: Int64Array
    regions: Runs
    region_bounds: Int64Array
    filling: Filling
    junction_keys: Int64Array
    junction_bounds: Int64Array


def analyse_tile(
    scene: Scene, place: Place, decided: LabelGrid, above: Part | None, left: Part | None
) -> Part:
    """Segment a tile.

    ``decided``: its zone, see ``decide_zone``. ``above``, ``left``: the tiles there, None at the
    image's edge.
    """
    found = outline_zone(scene, place, decided, above, left)
    zone, tile = found.zone, scene.tiling.tile(place)
    scores = _score(scene, found)
    nothing = np.empty((0, 2), np.int64)
    return Part(
        zone=found.regions,
        tile=Runs.of(found.filling.lengths, found.filling.regions, zone).crop(tile),
        labels=found.first.labels,
        lines=_hand_on_arcs(scene.tiling, place, found),
        junctions=_hand_on_junctions(scene.tiling, place, found),
        finished=_finish_regions(scene, place, found, scores),
        scores=scores,
        stretches=_cut_stretches(scene, place, found),
        above=nothing if above is None else link_regions(found.regions, above),
        left=nothing if left is None else link_regions(found.regions, left),
    )


def outline_zone(
    scene: Scene, place: Place, decided: LabelGrid, above: Part | None, left: Part | None
) -> Outlined:
    """The regions of a tile's zone and their outlines."""
    zone = scene.tiling.zone(place)
    earlier = [part for part in (above, left) if part is not None]
    grid = take_over_pixels(decided, zone, earlier, scene.classes.object_classes)
    first, runs = trace_grid(grid)
    moved = _move_outlines(scene, zone, first)
    shift = np.array((zone.left, zone.top), np.float64)
    points = moved.points + shift
    width = scene.tiling.shape[1]
    keys, is_back = arc_keys(first, zone, width)
    bounds = arc_bounds(first, zone)
    places = junction_places(first)
    spots = np.tile(places.astype(np.int64) + shift.astype(np.int64), 2)
    names = point_keys(places, zone, width)
    mine = scene.tiling.is_within(place, bounds)
    row, column = place
    taken = np.zeros(first.arc_count, bool)
    for part, neighbour in ((left, (row, column - 1)), (above, (row - 1, column))):
        if part is None:
            continue
        known = mine & scene.tiling.is_within(neighbour, bounds)
        moved, points, theirs = take_over_arcs(
            moved, points, keys, is_back, part.lines, known, shift
        )
        taken |= theirs
        shared = scene.tiling.is_within(place, spots) & scene.tiling.is_within(neighbour, spots)
        take_over_junctions(moved, points, names, part.junctions, shared, shift)
    if taken.any():  # of two that got into each other's way, another tile may have moved another
        changed = give_way(first, moved, taken)
        points[changed] = moved.points[changed] + shift
    return Outlined(
        zone,
        first,
        moved,
        points,
        keys,
        is_back,
        bounds,
        Runs.of(runs.lengths, runs.regions, zone),
        region_bounds(first, bounds),
        fill_regions(moved),
        names,
        spots,
    )


def decide_zone(scene: Scene, place: Place) -> LabelGrid:
    """What the classifier says of a tile's zone, before anything is taken over."""
    zone, seen = scene.tiling.zone(place), scene.tiling.seen(place)
    if scene.grid.is_empty(seen):
        assert scene.classes.background is not None
        grid = LabelGrid(np.full(zone.shape, scene.classes.background, np.uint8))
        return blank_unmeasured(grid, scene.grid.image.has_data(zone))
    scores = scene.grid.read(seen)
    grid = decide(scores, scene.decision, scene.classes, radii_cells=scene.radii_cells)
    inside = within(zone, seen)
    labels = np.ascontiguousarray(grid.labels[inside])
    objects = None if grid.objects is None else np.ascontiguousarray(grid.objects[inside])
    return blank_unmeasured(LabelGrid(labels, objects), scene.grid.image.has_data(zone))


def blank_unmeasured(grid: LabelGrid, has_data: BoolArray | None) -> LabelGrid:
    """A grid (H, W) whose pixels without data are of no class and no object."""
    if has_data is None:
        return grid
    labels = np.where(has_data, grid.labels, np.uint8(IGNORE))
    return LabelGrid(labels, None if grid.objects is None else np.where(has_data, grid.objects, 0))


def _move_outlines(scene: Scene, zone: Window, first: Partition) -> Partition:
    """Outlines where the network sees them; those of pixels without data stay as they are."""
    if scene.outlines is None or first.region_count == 1:
        return replace(
            first, points=first.points.copy(), error_px=np.full(len(first.points), np.nan)
        )
    unknown = first.labels == IGNORE
    shown = replace(first, labels=np.where(unknown, 0, first.labels).astype(np.uint8))
    moved, _ = refine_outlines(
        shown,
        Pyramid(scene.grid.image.read(zone)),
        network=scene.outlines,
        scores=scene.grid.read(zone, features=True),
    )
    moved = replace(moved, labels=first.labels)
    if not unknown.any():
        return moved
    fixed = unknown[first.sides].any(axis=1) & (first.sides >= 0).all(axis=1)
    # What was moved beside them may cross them now: such arcs go back, too.
    exact = replace(first, error_px=np.zeros(len(first.points)))
    mixed = take_arcs(exact, moved, fixed)
    return untangle(first, mixed, mixed)[0]


def _hand_on_arcs(tiling: Tiling, place: Place, found: Outlined) -> Lines:
    """Arcs that the tiles to the right and below may take over."""
    tile = tiling.tile(place)
    chosen = tiling.is_within(place, found.bounds) & (
        (found.bounds[:, 2] > tile.right - tiling.lookback_px)
        | (found.bounds[:, 3] > tile.bottom - tiling.lookback_px)
    )
    arcs = np.flatnonzero(chosen)
    arcs = arcs[np.argsort(found.keys[arcs])]
    return take_lines(found, arcs)


def take_lines(found: Outlined, arcs: Int64Array) -> Lines:
    """Some arcs of a zone, in the direction that their keys name."""
    moved = found.moved
    assert moved.error_px is not None
    lengths = np.diff(moved.arc_starts)[arcs]
    arc, step = number_within(lengths)
    step = np.where(found.is_back[arcs][arc], lengths[arc] - 1 - step, step)
    source = moved.arc_starts[arcs][arc] + step
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Lines(found.keys[arcs], starts, found.points[source], moved.error_px[source])


def _hand_on_junctions(tiling: Tiling, place: Place, found: Outlined) -> Junctions:
    tips, ends = find_tips(found.moved)
    assert found.moved.error_px is not None
    spots = found.junction_bounds
    tip_of = np.zeros(len(spots), np.int64)
    tip_of[ends] = tips
    tile = tiling.tile(place)
    chosen = np.flatnonzero(
        tiling.is_within(place, spots)
        & (
            (spots[:, 0] > tile.right - tiling.lookback_px)
            | (spots[:, 1] > tile.bottom - tiling.lookback_px)
        )
    )
    keys = found.junction_keys[chosen]
    order = np.argsort(keys)
    tips = tip_of[chosen[order]]
    return Junctions(keys[order], found.points[tips], found.moved.error_px[tips])


def _score(scene: Scene, found: Outlined) -> Float64Array:
    """Scores of the regions that results have, (R,), NaN of others."""
    wanted = are_in_results(found.first.labels, scene.classes)
    if not wanted.any():
        return np.full(len(wanted), np.nan)
    scores = scene.grid.read(found.zone)
    return score_regions(found.filling, found.first.labels, scores, scene.classes)


def _has_the_say(tiling: Tiling, place: Place, bounds: Int64Array) -> BoolArray:
    """Whether what has these bounds (N, 4) is a tile's own, and of no earlier one, (N,)."""
    row, column = place
    mine = tiling.is_within(place, bounds)
    for earlier in ((row - 1, column), (row, column - 1)):
        if min(earlier) >= 0:
            mine &= ~tiling.is_within(earlier, bounds)
    return mine


def _cut_stretches(scene: Scene, place: Place, found: Outlined) -> Stretches:
    """Arcs of regions that the tile does not see whole."""
    tiling = scene.tiling
    unseen = ~tiling.is_within(place, found.region_bounds)
    unseen &= are_in_results(found.first.labels, scene.classes)
    sides = found.first.sides
    beside = (unseen[sides] & (sides >= 0)).any(axis=1)
    mine = _has_the_say(tiling, place, found.bounds)
    known = tiling.is_within(place, found.bounds) & ~mine
    return cut_arcs(
        found.first,
        found.moved,
        found.points,
        np.flatnonzero(beside & ~known),
        mine,
        zone=found.zone,
        plot=plot_of(tiling, place),
        width=tiling.shape[1],
    )


def _finish_regions(scene: Scene, place: Place, found: Outlined, scores: Float64Array) -> Finished:
    """The regions that are the tile's to finish: no earlier one sees them whole."""
    moved = found.moved
    mine = _has_the_say(scene.tiling, place, found.region_bounds)
    chosen = np.flatnonzero(mine & are_in_results(found.first.labels, scene.classes))
    if len(chosen) == 0:
        none = np.empty(0, np.int64)
        return Finished(none, np.empty(0), none, none, np.empty((0, 2)), np.empty(0))
    rings = [trace_rings(moved, region) for region in chosen.tolist()]
    source = np.concatenate([ring for own in rings for ring in own])
    assert moved.error_px is not None
    return Finished(
        regions=chosen,
        scores=scores[chosen],
        ring_counts=np.array([len(own) for own in rings]),
        ring_sizes=np.array([len(ring) for own in rings for ring in own]),
        points=found.points[source],
        errors=moved.error_px[source],
    )
