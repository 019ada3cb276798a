"""What is known of a place of an image, and its proposal as tiles."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.classes import IGNORE
from segfit.studio.images.tiles import OBJECT_CODES, encode_png, find_tile, read_label_tile
from segfit.studio.labels.blocks import Canvas
from segfit.studio.labels.codes import EMPTY, Origin, unpack_code
from segfit.studio.labels.known_outlines import measure_error
from segfit.studio.labels.pieces import find_piece
from segfit.studio.project import Studio
from segfit.studio.proposals.proposal import SURE, Proposal, find_unsure
from segfit.studio.schema import LabelAt, ObjectAt, PointOut, ProposedAt, UnsurePlace

UNSURE_PX = 512
"""The longer side of the grid on which unsure places are looked for."""
SPACING_CELLS = 16
ORIGINS = {Origin.ACCEPTED: "accepted", Origin.HAND: "hand"}


def look_at_point(studio: Studio, image: int, x: float, y: float) -> PointOut:
    """The label and the proposal of a pixel; nothing outside the image."""
    canvas = studio.labels.open_canvas(image)
    if not (0 <= x < canvas.width and 0 <= y < canvas.height):
        return PointOut(label=None, proposal=None, object=None)
    pixel = int(x), int(y), int(x) + 1, int(y) + 1
    code = canvas.read(pixel)[0, 0]
    label, belongs = None, None
    if code != EMPTY:
        number, origin, own = unpack_code(code)
        label = LabelAt.model_validate({"class": number, "origin": ORIGINS[origin], "object": own})
        belongs = _describe_piece(studio, image, canvas, x, y)
    proposed, proposal = None, studio.proposals.find(image)
    if proposal is not None:
        classes, confidence, _ = proposal.read(pixel)
        if classes[0, 0] != IGNORE:
            proposed = ProposedAt.model_validate(
                {"class": int(classes[0, 0]), "confidence": float(confidence[0, 0]) / SURE}
            )
            belongs = belongs or _describe_proposed(proposal, canvas, int(x), int(y))
    return PointOut(label=label, proposal=proposed, object=belongs)


def _describe_piece(studio: Studio, image: int, canvas: Canvas, x: float, y: float) -> ObjectAt:
    """The connected pixels of one label around a point."""
    piece = find_piece(canvas, x, y)
    assert piece is not None
    known, error_px = studio.outlines.find(image), None
    if len(known):
        size = {"width": canvas.width, "height": canvas.height}
        box = piece.box
        error_px = measure_error(known, piece.cut_out(box), box, **size)
    return ObjectAt(area_px=piece.area_px, error_px=error_px)


def _describe_proposed(proposal: Proposal, canvas: Canvas, x: int, y: int) -> ObjectAt | None:
    """The region that is proposed around a pixel."""
    found = proposal.cut_region(x, y)
    if found is None:
        return None
    mask, box = found
    size = {"width": canvas.width, "height": canvas.height}
    error_px = measure_error(proposal.outlines, mask, box, **size)
    area_px = int(np.count_nonzero(mask)) * proposal.cell_px**2
    return ObjectAt(area_px=area_px, error_px=error_px)


def find_unsure_places(studio: Studio, image: int, limit: int) -> list[UnsurePlace]:
    """The places where the proposal is least sure and nothing is labelled."""
    proposal = studio.proposals.find(image)
    if proposal is None:
        return []
    canvas = studio.labels.open_canvas(image)
    level = 0
    while max(canvas.width, canvas.height) >> level > UNSURE_PX:
        level += 1
    height, width = canvas.height, canvas.width
    for _ in range(level):
        height, width = (height + 1) // 2, (width + 1) // 2
    classes, confidence, _ = proposal.read_level((0, 0, width, height), level)
    confidence = confidence.copy()
    confidence[classes == IGNORE] = SURE
    labels = read_label_tile(
        studio.labels, image, width=canvas.width, height=canvas.height, level=level, x=0, y=0
    )
    if labels is not None:
        confidence[cv2.dilate((labels != EMPTY).view(np.uint8), np.ones((3, 3))) > 0] = SURE
    places = find_unsure(
        confidence, cell_px=float(1 << level), limit=limit, spacing_cells=SPACING_CELLS
    )
    return [UnsurePlace(x=x, y=y, confidence=sure) for x, y, sure in places]


def render_proposal(
    studio: Studio, image: int, level: int, x: int, y: int
) -> tuple[bytes | None, int]:
    """A tile of the proposal as PNG, None where nothing is proposed, and its revision.

    Red is the class, 255 where there is none or a label; green how sure it is, 255 for 1; blue
    1 + object % 255, 0 for none.
    """
    row = studio.catalogue.get(image)
    width, height = row["width"], row["height"]
    box = find_tile(width, height, level=level, x=x, y=y)
    left, top, right, bottom = (side << level for side in box)
    studio.proposals.need(image, (left, top, min(right, width), min(bottom, height)))
    proposal = studio.proposals.find(image)
    if proposal is None:
        return None, 0
    classes, confidence, objects = proposal.read_level(box, level)
    labels = read_label_tile(
        studio.labels, image, width=width, height=height, level=level, x=x, y=y
    )
    if labels is not None:
        classes = np.where(labels == EMPTY, classes, np.uint8(IGNORE))
    if (classes == IGNORE).all():
        return None, proposal.rev
    blue = np.zeros_like(classes)
    if objects is not None:
        blue = np.where(objects > 0, 1 + objects % OBJECT_CODES, 0).astype(np.uint8)
    return encode_png(np.dstack([classes, confidence, blue])), proposal.rev
