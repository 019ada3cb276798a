"""Partition → partition: the regression network moves the arcs to where the image has its edges.

Shapes: ``H, W`` the image; ``V`` vertices, the points of all arcs but those on the image's
edge; ``T`` strip points; ``K`` classes; ``F`` features; ``h, w`` the score grid; ``D`` neighbours.
Frame: image coordinates (x, y). Strips run across an arc, from the region on its left to the one
on its right; offsets and errors of the network are in steps, the distance of strip points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float32Array, Float64Array, Int32Array, Int64Array, UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.pyramid import Pyramid, as_pyramid
from segfit.imaging.sampling import sample_image, sample_regions
from segfit.model.architecture import OutlineArchitecture
from segfit.partition import Partition, rasterize
from segfit.partition.arcs import arc_normals, move_points, neighbours, resample_arcs
from segfit.partition.untangle import untangle
from segfit.refinement.blocks import BLOCK_CELLS, Block, add_neighbours, group_by_block
from segfit.result.scores import Scores

EVIDENCE_SPACING = 2
"""Of the strip points, every second one looks at the classifier's grid, which is smooth."""
SPACING_STEPS, CHORD_ERROR_STEPS = (2.0, 4.0), 0.1
"""Distance of vertices along an arc, in steps: so far as chords of a circle of its length stay as
near to it, within these limits."""
FINEST_STEP_PX = 1.0
USUAL_CELL_PX = 4.0
LARGEST_CELL_PX = 64.0
CLEAR_SHARE, CLEAR_STEPS, SHARP_STEPS = 0.1, 0.8, 0.3
"""The passes end where not even a tenth of the vertices is known to 0.8 steps; that at the finest
step is repeated only where a tenth is known to 0.3."""

FIRST_ERROR_CELLS = 0.5
"""Standard error of outlines that have not moved yet, in cells."""


@dataclass(frozen=True, eq=False)
class Strips:
    """What the regression network sees of an image's arcs.

    ``image``: (V, T, 3) uint8 RGB. ``neighbours``: (V, D) indices along the arc.
    ``scale``: (1,) log2 of the score grid's cell, or of how far off outlines may be, in steps; the
    step itself is not told, so that an image and its enlargement look the same.
    ``evidence``: of where the regions are. With a classifier, ``grid``: (1, F + K, h, w) features
    and class logits, ``positions``: (V, E, 2) where on it (−1 to 1) every second strip point is,
    ``classes``: (V, 2) left and right; of a classifier that tells objects apart, the grid has two
    planes more, its offsets, and ``normals`` (V, 2) are the directions across. Without one,
    ``sides``: (V, T), 1 where the first outline has the region on the left, −1 the one on the
    right, 0 another.
    """

    image: UInt8Array
    neighbours: Int64Array
    scale: Float32Array
    evidence: dict[str, NDArray[Any]]

    def inputs(self) -> dict[str, NDArray[Any]]:
        """All arrays by the names and in the order of the network's inputs."""
        return {
            "image": self.image,
            "neighbours": self.neighbours,
            "scale": self.scale,
            **self.evidence,
        }


@dataclass(frozen=True, eq=False)
class OutlineNetwork:
    """A regression network that is ready to run.

    ``run``: what ``Strips.inputs`` gives → offset and error of every vertex, (V,) float32 each, in
    steps. ``architecture``: says what the network has to be shown. ``temperature``: what its errors
    are multiplied by, to be standard errors.
    """

    run: Callable[[Mapping[str, NDArray[Any]]], tuple[NDArray[Any], ...]]
    architecture: OutlineArchitecture
    temperature: float = 1.0


@dataclass(frozen=True, eq=False)
class Walk:
    """The vertices of one pass, and the frame of their strips.

    ``points``, ``normals``: (V, 2); ``of_partition``: (V,) their indices in its points;
    ``step_px``: distance of strip points.
    """

    partition: Partition
    points: Float64Array
    normals: Float64Array
    of_partition: Int64Array
    step_px: float

    def choose(self, chosen: Int64Array) -> Walk:
        """Some of the vertices, by their indices."""
        points, normals = self.points[chosen], self.normals[chosen]
        return replace(self, points=points, normals=normals, of_partition=self.of_partition[chosen])

    def place_strips(self, count: int, *, step_px: float | None = None) -> Float32Array:
        """Points across the arcs, centred on the vertices: x and y as two planes, (2, V, count)."""
        distances = (np.arange(count) - (count - 1) / 2) * (step_px or self.step_px)
        points, normals = (array.T.astype(np.float32) for array in (self.points, self.normals))
        return points[:, :, None] + normals[:, :, None] * distances.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Scene:
    """What all passes over an image share.

    ``regions``: (H, W) int32, the first outlines filled. ``cell_px``: the score grid's cell, or
    about how far off outlines may be. ``architecture``: of the network that looks. ``scores``: the
    classifier's, where there is one.
    """

    pyramid: Pyramid
    regions: Int32Array
    labels: UInt8Array
    cell_px: float
    architecture: OutlineArchitecture
    scores: Scores | None = None

    @property
    def reach_steps(self) -> float:
        """How far to either side of a vertex the network sees, in steps."""
        return (self.architecture.strip_points - 1) / 2


def refine_outlines(
    partition: Partition,
    image: UInt8Array | Pyramid,
    *,
    network: OutlineNetwork,
    scores: Scores | None = None,
    cell_px: float | None = None,
) -> tuple[Partition, int]:
    """Move all arcs, coarse to fine, to where the network sees them in the image.

    ``image``: (H, W, 3) uint8 RGB, of the partition's shape, or its pyramid. ``scores``: the
    classifier's, for a network that was trained with one. ``cell_px``: how far off the outlines
    may be, about; without it, a cell of the score grid, or 4 px. Returns the refined partition with
    ``error_px``, and how many points were put back because arcs would have crossed. Where a strip
    has one color only, the vertex stays, and its error is the strip's reach.
    """
    cell_px = cell_px or (USUAL_CELL_PX if scores is None else scores.cell_px)
    scene = open_scene(partition, image, scores, cell_px=cell_px, architecture=network.architecture)
    if partition.error_px is None:  # what holds of arcs that have to stay where they are
        on_edge = partition.is_edge[partition.arc_of_point]
        first_errors = np.where(on_edge, 0.0, FIRST_ERROR_CELLS * cell_px)
        partition = replace(partition, error_px=first_errors)
    put_back = 0
    steps = choose_steps(cell_px)
    for step_px, next_px in zip(steps, [*steps[1:], 0.0], strict=True):
        walk = start_walk(partition, step_px)
        if len(walk.points) == 0:
            return walk.partition, put_back
        offsets, errors = regress_offsets(walk, scene, network)
        moved = move_vertices(walk, offsets, errors * np.float32(network.temperature))
        partition, restored = untangle(partition, walk.partition, moved)
        put_back += restored
        needed = SHARP_STEPS if next_px == step_px else CLEAR_STEPS
        if np.quantile(errors, CLEAR_SHARE) > needed:
            break  # where nothing is clear at this step, another one sees no more
    return partition, put_back


def check_cell(cell_px: float) -> None:
    """Raise ``SegfitError`` unless outlines can be this far off."""
    if not 0 < cell_px <= LARGEST_CELL_PX:
        raise SegfitError(
            f"outlines are said to be {cell_px:g} px off; expected a distance above 0 and up to "
            f"{LARGEST_CELL_PX:g} px, such as {USUAL_CELL_PX:g}"
        )


def check_given(partition: Partition, image: UInt8Array, *, cell_px: float) -> None:
    """Raise ``SegfitError`` for a partition and an image from outside that do not go together."""
    check_cell(cell_px)
    if not isinstance(partition, Partition) or not isinstance(image, np.ndarray):
        raise SegfitError(
            f"given: {type(partition).__name__} and {type(image).__name__}; expected a partition, "
            "such as result.partition, and an array (H, W, 3): call the refiner itself "
            "for a mask, refiner(mask, image)"
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise SegfitError(
            f"the image is {image.dtype} of shape {image.shape}; expected uint8 (H, W, 3), which "
            "segfit.imaging.read.read_image makes of any image"
        )
    if partition.shape != image.shape[:2]:
        height, width = partition.shape
        raise SegfitError(
            f"the partition is {height}×{width} but the image is {image.shape[0]}×{image.shape[1]} "
            "(height × width): partition.stretch(image.shape[:2]) makes it fit"
        )
    unknown = np.flatnonzero(~np.isfinite(partition.points).all(axis=1))
    if len(unknown):
        raise SegfitError(
            f"{len(unknown)} points of the partition are not finite, the first is point "
            f"{unknown[0]}: put them right"
        )


def choose_steps(cell_px: float) -> list[float]:
    """Steps of the passes: from a quarter of a cell, halving, down to a pixel, and that twice."""
    octaves = max(1, round(math.log2(max(cell_px / 2, FINEST_STEP_PX) / FINEST_STEP_PX)))
    return [*(FINEST_STEP_PX * 2**octave for octave in reversed(range(octaves))), FINEST_STEP_PX]


def open_scene(
    partition: Partition,
    image: UInt8Array | Pyramid,
    scores: Scores | None,
    *,
    cell_px: float,
    architecture: OutlineArchitecture,
) -> Scene:
    """Prepare an image for its passes.

    ``cell_px``: how far off outlines may be, about. ``architecture``: of the network that looks.
    """
    pyramid = as_pyramid(image)
    if scores is None:
        return Scene(pyramid, rasterize(partition), partition.labels, cell_px, architecture)
    return Scene(
        pyramid,
        np.zeros((1, 1), np.int32),
        partition.labels,
        cell_px,
        architecture,
        scores,
    )


def start_walk(partition: Partition, step_px: float) -> Walk:
    """Put vertices along the arcs, and find the directions across."""
    radii_px = partition.arc_lengths_px / (2 * math.pi)
    chords_px = np.sqrt(8 * CHORD_ERROR_STEPS * step_px * radii_px)  # whose height is h: √(8hr)
    nearest, farthest = SPACING_STEPS
    spacing_px = np.clip(chords_px, nearest * step_px, farthest * step_px)
    return walk_along(resample_arcs(partition, spacing_px), step_px)


def walk_along(partition: Partition, step_px: float) -> Walk:
    """The partition's own points as vertices, and the directions across."""
    walked = np.flatnonzero(~partition.is_edge[partition.arc_of_point])
    normals = arc_normals(partition)[walked]
    return Walk(partition, partition.points[walked], normals, walked, step_px)


def regress_offsets(
    walk: Walk, scene: Scene, network: OutlineNetwork
) -> tuple[Float32Array, Float32Array]:
    """Offset and error of every vertex, (V,) each, in steps.

    A large image is looked at block by block, each vertex with all that its answer depends on, so
    that the answers are the same.
    """
    cell_px = scene.cell_px if scene.scores is None else scene.scores.cell_px
    groups = list(group_by_block(walk.points, BLOCK_CELLS * cell_px))
    if len(groups) == 1:
        strips = sample_strips(walk, scene)
        return stay_where_flat(strips, *network.run(strips.inputs()))
    near = find_neighbours(walk, scene.architecture.dilations)
    offsets, errors = np.empty((2, len(walk.points)), np.float32)
    for own in groups:
        block = add_neighbours(own, near)
        strips = sample_strips(walk, scene, block=block)
        answers = stay_where_flat(strips, *network.run(strips.inputs()))
        offsets[own], errors[own] = (answer[block.is_own] for answer in answers)
    return offsets, errors


def find_neighbours(walk: Walk, dilations: tuple[int, ...]) -> Int64Array:
    """Vertices so far behind and ahead of every one along its arc, two a layer, (V, D)."""
    number = np.full(len(walk.partition.points), -1)
    number[walk.of_partition] = np.arange(len(walk.of_partition))
    distances = tuple(sign * distance for distance in dilations for sign in (-1, 1))
    return np.asarray(number[neighbours(walk.partition, distances)[walk.of_partition]])


def sample_strips(walk: Walk, scene: Scene, *, block: Block | None = None) -> Strips:
    """Look at the image, and at the classifier's grid, across the vertices, or those of a block.

    The grid of a block is the window of it that its vertices look at.
    """
    if block is None:
        near = find_neighbours(walk, scene.architecture.dilations)
    else:
        near, walk = block.near, walk.choose(block.chosen)
    strips = walk.place_strips(scene.architecture.strip_points)
    sides = walk.partition.sides[walk.partition.arc_of_point[walk.of_partition]]
    evidence: dict[str, NDArray[Any]]
    if scene.scores is None:
        evidence = {"sides": _sample_sides(scene, strips, sides)}
    else:
        seen = strips[:, :, ::EVIDENCE_SPACING]
        grid, positions = scene.scores.show(
            seen,
            whole=block is None,
            features=scene.architecture.sees,
            with_offsets=scene.architecture.has_objects,
        )
        evidence = {
            "grid": grid,
            "positions": positions,
            "classes": scene.labels[sides].astype(np.int64),
        }
        if scene.architecture.has_objects:
            evidence["normals"] = walk.normals.astype(np.float32)
    return Strips(
        image=sample_image(scene.pyramid, strips, walk.step_px),
        neighbours=near,
        scale=np.log2(np.array([scene.cell_px / walk.step_px], np.float32)),
        evidence=evidence,
    )


def stay_where_flat(
    strips: Strips, offsets: Float32Array, errors: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Offsets and errors (V,), those of strips of a single color replaced: they show no edge."""
    flat = (strips.image == strips.image[:, :1]).all(axis=(1, 2))
    reach = np.float32((strips.image.shape[1] - 1) / 2)
    return np.where(flat, np.float32(0), offsets), np.where(flat, reach, errors)


def move_vertices(walk: Walk, offsets_steps: Float32Array, errors_steps: Float32Array) -> Partition:
    """Move the vertices of a walk along their normals."""
    count = len(walk.partition.points)
    normals = np.zeros((count, 2))
    offsets, errors = np.zeros(count), np.zeros(count)
    normals[walk.of_partition] = walk.normals
    offsets[walk.of_partition] = offsets_steps * walk.step_px
    errors[walk.of_partition] = errors_steps * walk.step_px
    return move_points(walk.partition, normals, offsets, errors)


def _sample_sides(scene: Scene, strips: Float32Array, sides: Int64Array) -> Float32Array:
    regions = sample_regions(scene.regions, strips)
    left, right = regions == sides[:, :1], regions == sides[:, 1:]
    return np.asarray(left.astype(np.float32) - right.astype(np.float32))
