"""Operations on the region or object under the pointer; see ``operations``.

Shapes: ``N`` points (N, 2) float64 in (x, y); a window (h, w) of pixels.
"""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, UInt32Array
from segfit.errors import SegfitError
from segfit.studio.labels.blocks import Box, Canvas, Key, clip_box, find_dirty, join_boxes
from segfit.studio.labels.codes import (
    EMPTY,
    OBJECT_SHIFT,
    Origin,
    give_label_of,
    have_label_of,
    make_code,
    unpack_code,
)
from segfit.studio.labels.drawing import draw_polygon
from segfit.studio.labels.operations import (
    Brush,
    check_polygon,
    need_piece,
    read_codes,
    recode_piece,
    sample_line,
)
from segfit.studio.labels.pieces import ConnectedPiece, find_piece

SMOOTHING_PX = 2.0
"""Standard deviation: what is narrower than about that goes."""
LEAST_LEFT = 0.5
MARGIN_PX = 6


def cut_hole(canvas: Canvas, points: Float64Array) -> str | None:
    """Take the labels from a polygon, but only those that most of its outline runs over."""
    check_polygon(points)
    along = read_codes(canvas, sample_line(np.concatenate([points, points[:1]])))
    labels = give_label_of(np.zeros_like(along), along)
    codes, counts = np.unique(labels[along != EMPTY], return_counts=True)
    if len(codes) == 0:
        return "There is nothing to cut a hole into."
    code = codes[counts.argmax()]
    for box, mask in draw_polygon([points], width=canvas.width, height=canvas.height):
        canvas.write(box, EMPTY, mask & have_label_of(canvas.read(box), code))
    return None


def split_objects(canvas: Canvas, points: Float64Array) -> str | None:
    """Divide every object that a line crosses: the largest part keeps its number."""
    if len(points) < 2:
        raise SegfitError("a line has 2 points or more: draw it across an object")
    crossed = [one for one in _list_pieces(canvas, points) if unpack_code(one.code)[2]]
    divided = [_split_piece(canvas, one, points) for one in crossed]
    return None if any(divided) else "The line divides no object: draw it from side to side."


def merge_objects(canvas: Canvas, points: Float64Array) -> str | None:
    """Make one object of all that a line runs over and that have the class of the first."""
    pieces = [one for one in _list_pieces(canvas, points) if unpack_code(one.code)[2]]
    if pieces:
        class_index, _, number = unpack_code(pieces[0].code)
        same = [one for one in pieces if unpack_code(one.code)[0] == class_index]
        others = [one for one in same if unpack_code(one.code)[2] != number]
        for piece in others:
            box = piece.box
            merged = give_label_of(canvas.read(box), pieces[0].code)
            canvas.write(box, merged, piece.cut_out(box))
        if others:
            return None
    return "The line runs over fewer than two objects of one class."


def delete_piece(canvas: Canvas, x: float, y: float) -> str | None:
    """Take the labels from the object or region at a point."""
    piece = need_piece(canvas, x, y)
    if piece.code == EMPTY:
        return "There is nothing to delete here."
    recode_piece(canvas, piece, EMPTY)
    return None


def change_class(canvas: Canvas, x: float, y: float, *, brush: Brush) -> str | None:
    """Give the object or region at a point to another class."""
    piece = need_piece(canvas, x, y)
    if piece.code == EMPTY:
        return "There is nothing here whose class could be changed."
    class_index, _, number = unpack_code(piece.code)
    if not brush.has_objects:
        number = 0
    elif not number or class_index != brush.number:  # of which a part may lie elsewhere
        number = canvas.make_object()
    recode_piece(canvas, piece, make_code(brush.number, Origin.HAND, number))
    return None


def smooth_piece(canvas: Canvas, x: float, y: float) -> str | None:
    """Smooth the outline of the object or region at a point; what it loses goes to the nearest.

    A pixel belongs to it where most of what is around does, by a Gaussian; along a straight border
    nothing changes.
    """
    piece = need_piece(canvas, x, y)
    if piece.code == EMPTY:
        return "There is nothing to smooth here."
    box = _grow(piece.box, MARGIN_PX, canvas)
    before, codes = piece.cut_out(box), canvas.read(box)
    shares = cv2.GaussianBlur(before.astype(np.float32), (0, 0), SMOOTHING_PX)
    after = shares > 0.5
    if np.count_nonzero(after) < LEAST_LEFT * np.count_nonzero(before):
        return "This is too thin to be smoothed."
    gained, lost = after & ~before, before & ~after
    own = find_nearest(codes, before)
    if lost.any():
        codes[lost] = find_nearest(codes, ~before)[lost]
    codes[gained] = own[gained]
    canvas.write(box, codes, gained | lost)
    return None


def number_pieces(canvas: Canvas, keys: Collection[Key], number: int) -> None:
    """Make an object of every connected region of a class that is none yet.

    ``keys``: of the blocks that there are.
    """
    bare = np.uint32(number)
    places = [
        find_dirty(key, have_label_of(block, bare))
        for key in keys
        if (block := canvas.get_block(key)) is not None and have_label_of(block, bare).any()
    ]
    box = join_boxes(places)
    if box is None:
        return
    codes = canvas.read(box)
    lacking = have_label_of(codes, bare)
    count, regions = cv2.connectedComponents(lacking.view(np.uint8), connectivity=4)
    objects = np.array([0, *(canvas.make_object() for _ in range(1, count))], np.uint32)
    canvas.write(box, codes | objects[regions] << np.uint32(OBJECT_SHIFT), lacking)


def _list_pieces(canvas: Canvas, points: Float64Array) -> list[ConnectedPiece]:
    """The labelled pieces that a line runs over, in its order, each once."""
    places = sample_line(points)
    codes = read_codes(canvas, places)
    entered = np.flatnonzero((codes != EMPTY) & np.append(True, codes[1:] != codes[:-1]))
    pieces: list[ConnectedPiece] = []
    for x, y in places[entered].tolist():
        pixel = int(x), int(y), int(x) + 1, int(y) + 1
        if not any(one.cut_out(pixel).any() for one in pieces):
            found = find_piece(canvas, x, y)
            pieces += [found] if found is not None else []
    return pieces


def _split_piece(canvas: Canvas, piece: ConnectedPiece, points: Float64Array) -> bool:
    """Divide a piece along a line; whether that made more than one part."""
    box = piece.box
    mask = piece.cut_out(box)
    line = np.zeros(mask.shape, np.uint8)
    path = np.rint((points - box[:2] - 0.5) * 16).astype(np.int32)
    cv2.polylines(line, [path], False, 1, 1, cv2.LINE_8, 4)
    rest = mask & (line == 0)
    count, parts = cv2.connectedComponents(rest.view(np.uint8), connectivity=4)
    if count < 3:
        return False
    areas = np.bincount(parts.ravel(), minlength=count)
    areas[0] = 0
    codes = np.full(count, piece.code)
    for part in np.flatnonzero(areas).tolist():
        if part != int(areas.argmax()):
            class_index, origin, _ = unpack_code(piece.code)
            codes[part] = make_code(class_index, origin, canvas.make_object())
    painted = codes[parts]
    painted = np.where(rest, painted, find_nearest(painted, rest))
    canvas.write(box, give_label_of(canvas.read(box), painted), mask)
    return True


def find_nearest(codes: UInt32Array, known: BoolArray) -> UInt32Array:
    """The code of the nearest known pixel, (h, w); where none is known, the codes as they are."""
    if not known.any():
        return codes
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, np.uint32)
    of_label[nearest[known]] = codes[known]
    return np.asarray(of_label[nearest], np.uint32)


def _grow(box: Box, margin: int, canvas: Canvas) -> Box:
    left, top, right, bottom = box
    grown = left - margin, top - margin, right + margin, bottom + margin
    return clip_box(grown, width=canvas.width, height=canvas.height)
