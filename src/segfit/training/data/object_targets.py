"""What the head that tells objects apart learns: where each cell's object has its centre.

Shapes: ``h, w`` a crop; ``s`` the output stride; ``N`` crops; the grid is (h/s, w/s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segfit.basics.arrays import Float64Array, Int32Array

CENTRE_SHARE, SMALLEST_CENTRE_CELLS = 0.35, 0.7
"""Standard deviation of the bell about a centre, as a share of its object's radius."""
OFFSET_WEIGHT = 0.3
"""Of the offsets' loss beside that of the centres, which has 1."""
SMALL_RADIUS_CELLS = 1.0
"""Added to radii: of objects no wider than a cell nobody knows the centre better than to a cell."""


@dataclass(frozen=True, eq=False)
class ObjectTargets:
    """Truth on the score grid: ``centres`` (N, h, w) bells of height 1, ``offsets`` (N, 2, h, w) to
    the centres, in cells, and ``weights`` (N, h, w) of the offsets, 0 where there is no object.
    ``known`` (N, h, w): 0 in objects whose centre nobody knows.
    """

    centres: Tensor
    offsets: Tensor
    weights: Tensor
    known: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> ObjectTargets:
        """The same with its tensors changed."""
        return ObjectTargets(*map(change, (self.centres, self.offsets, self.weights, self.known)))


def make_targets(objects: Int32Array, *, stride: int) -> ObjectTargets:
    """Targets of crops (N, h, w) of object numbers, 0 for none; for ``object_loss``.

    Of an object with a negative number nothing is learned, see ``mark_parts``.
    """
    each = [_make_target(np.maximum(grid, 0), stride) for grid in objects]
    centres, offsets, weights = (
        torch.from_numpy(np.stack(parts).astype(np.float32)) for parts in zip(*each, strict=True)
    )
    middle = slice(stride // 2, None, stride)
    known = torch.from_numpy((objects[:, middle, middle] >= 0).astype(np.float32))
    return ObjectTargets(centres, offsets, weights, known)


def _make_target(
    objects: Int32Array, stride: int
) -> tuple[Float64Array, Float64Array, Float64Array]:
    numbers = objects.ravel()
    area_px = np.bincount(numbers)
    rows, columns = np.indices(objects.shape) + 0.5
    sums = [np.bincount(numbers, weights=part.ravel()) for part in (columns, rows)]
    centre = np.stack(sums) / np.maximum(area_px, 1)  # (2, objects), in pixels
    middle = slice(stride // 2, None, stride)
    of_cell = objects[middle, middle]
    inside = of_cell > 0
    down, right = np.indices(of_cell.shape) + 0.5
    offsets = (centre[:, of_cell] / stride - np.stack([right, down])) * inside
    radius = np.sqrt(area_px / np.pi)[of_cell] / stride
    sigma = np.maximum(CENTRE_SHARE * radius, SMALLEST_CENTRE_CELLS)
    centres = np.exp(-(offsets**2).sum(axis=0) / (2 * sigma**2)) * inside
    return centres, offsets, inside / (radius + SMALL_RADIUS_CELLS)


def object_loss(maps: Tensor, targets: ObjectTargets, known: Tensor) -> Tensor:
    """Cross-entropy of the centres, and distance of the offsets in shares of the objects' radii.

    ``maps``: (N, 3, h, w), see ``Scores.object_maps``. ``known``: (N, h, w), 0 where the labels are
    ignored.
    """
    known = known * targets.known
    bells = F.binary_cross_entropy_with_logits(maps[:, 0], targets.centres, reduction="none")
    centre_loss = (bells * known).sum() / known.sum().clamp(min=1.0)
    distance = (maps[:, 1:] - targets.offsets).abs().sum(dim=1) * targets.weights
    offset_loss = distance.sum() / (targets.weights > 0).sum().clamp(min=1)
    return centre_loss + OFFSET_WEIGHT * offset_loss
