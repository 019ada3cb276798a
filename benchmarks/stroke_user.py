"""A simulated user who draws strokes where a proposal is most wrong; no benchmark itself.

The rule, after the usual one for clicks (Xu et al., CVPR 2016; Sofiiuk et al., 2021), for strokes:

1. First, one stroke for each class that an image has, in the largest connected region of the class;
   the class whose region is largest comes first.
2. Then, each time, one stroke in the largest connected region of pixels of one class that the
   proposal takes for others.

A stroke goes through the point of its region that is farthest from the region's border, along the
region's medial axis, an eighth of the image's longer side long at most, with a brush of 5 px. It
never leaves the region. The user knows the truth and makes no mistake.

Shapes: ``H, W`` an image.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.morphology import skeletonize

from segfit.basics.arrays import BoolArray, Int32Array, UInt8Array
from segfit.classes import IGNORE
from segfit.metrics.confusion import confusion_matrix, iou_per_class

LENGTH_SHARE = 1 / 8
"""Of the image's longer side."""
BRUSH_PX = 5

Place = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels (N, 2), rows and columns, that were given a class; ``path``: the way there, (M, 2)."""

    points: Int32Array
    label: int
    path: Int32Array


def draw_first(truth: UInt8Array) -> list[Stroke]:
    """A stroke in the largest region of each class of an image (H, W), the largest first."""
    nothing = np.full_like(truth, IGNORE)
    found = [find_wrong(truth, nothing, label) for label in np.unique(truth[truth != IGNORE])]
    found.sort(key=lambda one: -one[2])
    return [draw(region, label) for region, label, _ in found]


def draw_next(truth: UInt8Array, proposal: UInt8Array) -> Stroke | None:
    """A stroke in the largest wrong region of a proposal (H, W); None where nothing is wrong."""
    labels = np.unique(truth[(truth != proposal) & (truth != IGNORE)])
    if len(labels) == 0:
        return None
    regions = [find_wrong(truth, proposal, label) for label in labels]
    region, label, _ = max(regions, key=lambda found: found[2])
    return draw(region, label)


def measure_iou(truth: UInt8Array, proposal: UInt8Array) -> float:
    """IoU of the second of two classes, (H, W) each, of which a proposal may say nothing."""
    confusion = confusion_matrix(truth, np.asarray(proposal == 1, np.uint8), 2)
    return float(iou_per_class(confusion)[1])


def find_wrong(truth: UInt8Array, proposal: UInt8Array, label: int) -> tuple[BoolArray, int, int]:
    """The largest connected region of a class's pixels that are taken for others, and its area."""
    wrong = ((truth == label) & (proposal != label)).astype(np.uint8)
    _, numbers, figures, _ = cv2.connectedComponentsWithStats(wrong, connectivity=4)
    largest = 1 + int(figures[1:, cv2.CC_STAT_AREA].argmax())
    return numbers == largest, int(label), int(figures[largest, cv2.CC_STAT_AREA])


def draw(region: BoolArray, label: int) -> Stroke:
    """A stroke along the medial axis of a region (H, W), through its deepest point."""
    framed = np.pad(region, 1).astype(np.uint8)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    deepest = np.array(np.unravel_index(depth.argmax(), depth.shape))
    reach = int(max(region.shape) * LENGTH_SHARE)
    top, left = np.maximum(deepest - reach, 0)
    near = region[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    axis = np.argwhere(skeletonize(near)) + np.array([top, left])
    start = axis[((axis - deepest) ** 2).sum(axis=1).argmin()]
    path = follow({(int(y), int(x)) for y, x in axis}, (int(start[0]), int(start[1])), reach)
    canvas = np.zeros(region.shape, np.uint8)
    way = np.array(path, np.int32)
    cv2.polylines(canvas, [way[:, None, ::-1]], False, 1, BRUSH_PX)
    return Stroke(np.argwhere((canvas > 0) & region).astype(np.int32), label, way)


def follow(axis: set[Place], start: Place, length_px: int) -> list[Place]:
    """The longest way along an axis through a place, half of it to either side at most."""
    half = max(length_px // 2, 1)
    first = walk(axis, start, half)
    return [*reversed(first), *walk((axis - set(first)) | {start}, start, half)[1:]]


def walk(axis: set[Place], start: Place, steps: int) -> list[Place]:
    """The way from a place to one of those that are farthest along an axis, in so many steps."""
    before: dict[Place, Place] = {start: start}
    queue = deque([(start, 0)])
    end = start
    while queue:
        end, done = queue.popleft()
        if done == steps:
            break
        for y in (-1, 0, 1):
            for x in (-1, 0, 1):
                place = (end[0] + y, end[1] + x)
                if place in axis and place not in before:
                    before[place] = end
                    queue.append((place, done + 1))
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]
