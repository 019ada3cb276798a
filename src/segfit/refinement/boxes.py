"""Partition → boxes: a network moves the four edges of each region's box.

Shapes: ``H, W`` the image; ``B`` boxes; ``G`` grid points along either side; ``K`` classes; ``F``
features; ``h, w`` the score grid.
Frame: image coordinates (x, y). A box's edges are its top, right, bottom and left one, as before
it was rotated; their offsets and errors are shares of the side that they are across, outwards
positive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float32Array, Float64Array, Int32Array, UInt8Array
from segfit.imaging.pyramid import Pyramid, as_pyramid
from segfit.imaging.sampling import sample_image, sample_regions
from segfit.model.architecture import BoxArchitecture
from segfit.partition import Partition, rasterize
from segfit.refinement.blocks import BLOCK_CELLS, group_by_block
from segfit.result.regions import OrientedBox, box_axes, fit_box
from segfit.result.scores import Scores

MARGIN = 0.25
"""Of a side, seen beyond either edge."""
SMALLEST_SIDE_PX = 1.0
LARGEST_INWARDS = 0.45
"""Of a side: opposite edges never meet."""


@dataclass(frozen=True, eq=False)
class BoxPatches:
    """What the box network sees of an image's boxes, each in its own frame.

    ``image``: (B, G, G, 3) grey levels of RGB; rows go down the box, columns to its right.
    ``inside``: (B, G, G), 1 where the first outline has the box's region, else 0. ``scale``: (B, 2)
    log2 of width and height in pixels. ``evidence``: nothing or, with a classifier, ``grid``:
    (1, F + K, h, w) features and class logits, ``positions``: (B, G, G, 2) where on it (−1 to 1),
    ``classes``: (B,) of the regions.
    """

    image: Float32Array
    inside: Float32Array
    scale: Float32Array
    evidence: dict[str, NDArray[Any]]

    def inputs(self) -> dict[str, NDArray[Any]]:
        """All arrays by the names and in the order of the network's inputs."""
        return {
            "image": self.image,
            "inside": self.inside,
            "scale": self.scale,
            **self.evidence,
        }


@dataclass(frozen=True, eq=False)
class BoxNetwork:
    """A network for boxes that is ready to run.

    ``run``: what ``BoxPatches.inputs`` gives → offset and error of every edge, (B, 4) float32 each,
    in shares of the sides. ``architecture``, ``temperature``: as in ``OutlineNetwork``.
    """

    run: Callable[[Mapping[str, NDArray[Any]]], tuple[NDArray[Any], ...]]
    architecture: BoxArchitecture
    temperature: float = 1.0


def regress_boxes(
    partition: Partition,
    regions: Sequence[int],
    image: UInt8Array | Pyramid,
    *,
    network: BoxNetwork,
    scores: Scores | None = None,
) -> list[OrientedBox]:
    """Boxes of some of a partition's regions, moved to where the network sees their edges.

    ``image``: (H, W, 3) uint8 RGB, of the partition's shape. ``scores``: the classifier's, for a
    network that was trained with one. The network is called once for each block of a large image,
    for no regions not at all.
    """
    first = fit_boxes(partition, regions)
    if not first:
        return []
    pyramid, filled = as_pyramid(image), rasterize(partition)
    cell_px = 1.0 if scores is None else scores.cell_px
    centers = np.array([box.center_xy for box in first])
    groups = list(group_by_block(centers, BLOCK_CELLS * cell_px))
    offsets, errors = np.empty((2, len(first), 4), np.float32)
    for own in groups:
        patches = sample_patches(
            [first[index] for index in own],
            [regions[index] for index in own],
            partition,
            pyramid,
            scores,
            architecture=network.architecture,
            filled=filled,
            whole=len(groups) == 1,
        )
        offsets[own], errors[own] = network.run(patches.inputs())
    return move_edges(first, offsets, errors * np.float32(network.temperature))


def fit_boxes(partition: Partition, regions: Sequence[int]) -> list[OrientedBox]:
    """Rectangles of least area around some of a partition's regions."""
    outer_loops = np.flatnonzero(partition.is_outer)  # in the regions' order
    return [
        fit_box(partition.points[partition.loop_points(int(outer_loops[region]))])
        for region in regions
    ]


def sample_patches(
    boxes: Sequence[OrientedBox],
    regions: Sequence[int],
    partition: Partition,
    image: UInt8Array | Pyramid,
    scores: Scores | None,
    *,
    architecture: BoxArchitecture,
    filled: Int32Array | None = None,
    whole: bool = True,
) -> BoxPatches:
    """Look at the image, and at the classifier's grid, in and around every box.

    ``architecture``: of the network that looks. ``filled``: the partition's regions as
    ``rasterize`` gives them, where they are at hand. ``whole``: False for the part of the grid that
    the boxes look at.
    """
    sides = measure_sides(boxes)
    points = place_grids(boxes, count=architecture.grid_points)  # (2, B, G, G)
    filled = rasterize(partition) if filled is None else filled
    inside = sample_regions(filled, points) == np.array(regions)[:, None, None]
    evidence: dict[str, NDArray[Any]] = {}
    if scores is not None:
        grid, positions = scores.show(points, whole=whole, features=architecture.sees)
        evidence = {
            "grid": grid,
            "positions": positions,
            "classes": partition.labels[np.array(regions)].astype(np.int64),
        }
    return BoxPatches(
        image=_sample_at_scale(as_pyramid(image), points, sides).astype(np.float32),
        inside=inside.astype(np.float32),
        scale=np.log2(sides).astype(np.float32),
        evidence=evidence,
    )


def measure_sides(boxes: Sequence[OrientedBox]) -> Float64Array:
    """Width and height of boxes, (B, 2), at least a pixel."""
    sides = np.array([(box.width, box.height) for box in boxes]).reshape(-1, 2)
    return np.asarray(np.maximum(sides, SMALLEST_SIDE_PX))


def place_grids(boxes: Sequence[OrientedBox], *, count: int) -> Float32Array:
    """Centres of count × count cells over each box and its margin, (2, B, count, count)."""
    shares = ((np.arange(count) + 0.5) / count - 0.5) * (1 + 2 * MARGIN)  # of a side
    down, right = np.meshgrid(shares, shares, indexing="ij")
    grid = np.stack([right, down], axis=-1)  # (G, G, 2)
    points = np.empty((2, len(boxes), count, count), np.float32)
    for index, (box, sides) in enumerate(zip(boxes, measure_sides(boxes), strict=True)):
        places = box.center_xy + (grid * sides) @ box_axes(box.angle_deg)
        points[:, index] = np.moveaxis(places, -1, 0)
    return points


def move_edges(
    boxes: Sequence[OrientedBox], offsets: Float32Array, errors: Float32Array | None = None
) -> list[OrientedBox]:
    """Move the edges of boxes by ``offsets`` (B, 4) of their sides; ``errors`` alike.

    Opposite edges stay apart.
    """
    sides = measure_sides(boxes)
    across = sides[:, [1, 0, 1, 0]]
    offsets_px = np.maximum(offsets, -LARGEST_INWARDS) * across
    moved = []
    for index, box in enumerate(boxes):
        top, right, bottom, left = offsets_px[index].tolist()
        shift = np.array([right - left, bottom - top]) / 2
        center = box.center_xy + shift @ box_axes(box.angle_deg)
        width, height = sides[index].tolist()
        moved.append(
            OrientedBox(
                (float(center[0]), float(center[1])),
                width + left + right,
                height + top + bottom,
                box.angle_deg,
                None if errors is None else np.asarray(errors[index] * across[index], np.float64),
            )
        )
    return moved


def find_edge_offsets(boxes: Sequence[OrientedBox], targets: Sequence[OrientedBox]) -> Float64Array:
    """Offsets (B, 4) that take each box to the place and the size of its target.

    The angle stays the box's; of the target's sides its width is the one nearer to the box's.
    """
    offsets = np.empty((len(boxes), 4))
    sides = measure_sides(boxes)
    for index, (box, target) in enumerate(zip(boxes, targets, strict=True)):
        size = np.array([target.width, target.height])
        if abs(box.angle_deg - target.angle_deg) > 45:
            size = size[::-1]
        center = (np.array(target.center_xy) - box.center_xy) @ box_axes(box.angle_deg).T
        low, high = center - size / 2 + sides[index] / 2, center + size / 2 - sides[index] / 2
        outwards = np.array([-low[1], high[0], high[1], -low[0]])
        offsets[index] = outwards / sides[index, [1, 0, 1, 0]]
    return offsets


def _sample_at_scale(pyramid: Pyramid, points: Float32Array, sides: Float64Array) -> UInt8Array:
    """Samples (B, G, G, 3) from the pyramid's level that has about a pixel per grid point."""
    count = points.shape[2]
    steps_px = sides.min(axis=1) * (1 + 2 * MARGIN) / count
    octaves = np.maximum(0, np.floor(np.log2(steps_px) + 1e-6))
    samples = np.empty((*points.shape[1:], 3), np.uint8)
    for octave in np.unique(octaves).tolist():
        chosen = octaves == octave
        flat = points[:, chosen].reshape(2, -1, count)
        samples[chosen] = sample_image(pyramid, flat, 2.0**octave).reshape(-1, count, count, 3)
    return samples
