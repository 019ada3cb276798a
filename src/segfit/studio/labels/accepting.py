"""A proposal's pixels become labels: only where there are none, so that no label is overwritten.

Shapes: a window (h, w) of pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Int32Array, UInt32Array
from segfit.basics.runs import count_values
from segfit.classes import IGNORE
from segfit.studio.labels.blocks import Box, Canvas
from segfit.studio.labels.classes import StudioClass
from segfit.studio.labels.codes import EMPTY, Origin, get_classes, get_objects, pack_codes
from segfit.studio.labels.drawing import Piece
from segfit.studio.proposals.proposal import SURE, Proposal

WINDOW_PX = 4096
"""Larger images are taken over in windows; an object across their border stays one."""


def accept(
    canvas: Canvas,
    proposal: Proposal,
    classes: Mapping[int, StudioClass],
    *,
    pieces: Iterable[Piece],
    only: int | None = None,
    surer_than: float = 0.0,
) -> str | None:
    """Take over what is proposed within pieces.

    ``only``: of one class. ``surer_than``: where the confidence is above it, 0 to 1. Pixels of a
    class with objects join the object of their class that they touch; where they touch several,
    they are divided between them; where none, each connected region is a new one.
    """
    accepted = 0
    for box, mask in pieces:
        for window in _divide(box):
            inside = _cut(mask, box, window)
            accepted += _accept_window(
                canvas, proposal, classes, window, inside, only=only, surer_than=surer_than
            )
    return None if accepted else "Nothing is proposed there that has no label yet."


def _accept_window(
    canvas: Canvas,
    proposal: Proposal,
    classes: Mapping[int, StudioClass],
    window: Box,
    inside: BoolArray,
    *,
    only: int | None,
    surer_than: float,
) -> int:
    """Take over what is proposed in a window; how many pixels that were."""
    # One pixel more on every side: what touches a label there belongs to it.
    left, top, right, bottom = window
    box = (
        max(0, left - 1),
        max(0, top - 1),
        min(canvas.width, right + 1),
        min(canvas.height, bottom + 1),
    )
    own = (slice(top - box[1], bottom - box[1]), slice(left - box[0], right - box[0]))
    now = canvas.read(box)
    proposed, confidence, objects = proposal.read(box)
    taken = np.zeros(now.shape, bool)
    taken[own] = inside
    known = np.zeros(256, bool)
    known[[number for number in classes if only in (None, number)]] = True
    known[IGNORE] = False
    free = taken & (now == EMPTY) & known[proposed]
    taken = free & (confidence > surer_than * SURE)
    if not taken.any():
        return 0
    numbers = np.zeros(now.shape, np.int32)
    for number in np.flatnonzero(np.bincount(proposed[taken])).tolist():
        if classes[number].has_objects:
            found = taken & (proposed == number)
            apart = None if objects is None else np.where(proposed == number, objects, 0)
            extent = free & (proposed == number)
            numbers[found] = _number_objects(canvas, now, found, extent, number, apart)[found]
    codes = pack_codes(proposed.astype(np.uint8), Origin.ACCEPTED, numbers)
    canvas.write(box, codes, taken)
    return int(np.count_nonzero(taken))


def _number_objects(
    canvas: Canvas,
    now: UInt32Array,
    found: BoolArray,
    extent: BoolArray,
    class_number: int,
    objects: Int32Array | None,
) -> Int32Array:
    """The object of every pixel found, (h, w), of one class.

    ``extent``: all that is proposed there, of which only what is sure may be found: parts of one
    region are one object. ``objects``: as the machine tells them apart, where it does; else each
    connected region is one.
    """
    is_known = (get_classes(now) == class_number) & (get_objects(now) > 0)
    known = np.where(is_known, get_objects(now), 0)
    regions = _find_regions(extent | is_known, objects)
    numbers = np.zeros(now.shape, np.int32)
    count = int(regions.max())
    touched: dict[int, list[int]] = {}
    paired = regions[is_known].astype(np.int64) << 32 | known[is_known]
    for pair in count_values(paired)[0].tolist():
        touched.setdefault(pair >> 32, []).append(pair & 0xFFFFFFFF)
    of_region = np.zeros(count + 1, np.int32)
    wanted = np.flatnonzero(np.bincount(regions[found])).tolist()
    for region in wanted:
        given = touched.get(region, [])
        of_region[region] = given[0] if given else canvas.make_object()
    numbers[found] = of_region[regions[found]]
    from scipy.ndimage import find_objects  # as above

    shared = [region for region in wanted if len(touched.get(region, [])) > 1]
    places = find_objects(regions) if shared else []
    for region in shared:
        place = places[region - 1]
        inside = regions[place] == region
        divided = _divide_region(inside, np.where(inside, known[place], 0))
        own = inside & found[place]
        numbers[place][own] = divided[own]
    return numbers


def _find_regions(mask: BoolArray, objects: Int32Array | None) -> Int32Array:
    """Regions (h, w) from 1, 0 outside: the machine's objects, and else what is connected."""
    if objects is None:
        regions = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)[1]
        return np.asarray(regions, np.int32)
    apart = np.where(mask, objects, 0)
    present = np.zeros(int(apart.max()) + 1, bool)
    present[apart] = True
    present[0] = False
    dense = np.where(apart > 0, np.cumsum(present)[apart], 0)
    rest = cv2.connectedComponents((mask & (dense == 0)).view(np.uint8), connectivity=4)[1]
    return np.where(dense > 0, dense, np.where(rest > 0, rest + dense.max(), 0)).astype(np.int32)


def _divide_region(region: BoolArray, markers: Int32Array) -> Int32Array:
    """A region divided between the objects that begin in it, at its narrow places."""
    from skimage.segmentation import watershed  # it takes long, and the page is to open at once

    depth = cv2.distanceTransform(region.view(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(watershed(-depth, markers, mask=region), np.int32)


def _divide(box: Box) -> list[Box]:
    left, top, right, bottom = box
    return [
        (x, y, min(x + WINDOW_PX, right), min(y + WINDOW_PX, bottom))
        for y in range(top, bottom, WINDOW_PX)
        for x in range(left, right, WINDOW_PX)
    ]


def _cut(mask: BoolArray, box: Box, window: Box) -> BoolArray:
    left, top = window[0] - box[0], window[1] - box[1]
    return mask[top : top + window[3] - window[1], left : left + window[2] - window[0]]
