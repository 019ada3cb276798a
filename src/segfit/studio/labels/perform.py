"""Requested operations → what draws them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from segfit.basics.geometry import Ring
from segfit.errors import SegfitError
from segfit.studio.labels import objects, operations
from segfit.studio.labels.accepting import accept
from segfit.studio.labels.blocks import Canvas
from segfit.studio.labels.classes import StudioClass
from segfit.studio.labels.drawing import Piece, draw_box, draw_polygon
from segfit.studio.labels.editing import Draw
from segfit.studio.labels.operations import Brush
from segfit.studio.labels.store import Entry
from segfit.studio.project import Studio
from segfit.studio.proposals.proposal import Proposal
from segfit.studio.schema import (
    Accept,
    Change,
    Clear,
    Delete,
    Erase,
    Fill,
    Hole,
    Merge,
    Operation,
    Polygon,
    Rectangle,
    Region,
    Request,
    Smooth,
    Split,
    Stroke,
    as_points,
)

NOT_PARAMS = {"rev", "id", "client", "group", "kind"}
Classes = Mapping[int, StudioClass]


def make_entry(given: Request, *, who: str, kind: str) -> Entry:
    """What the journal says of a request."""
    return Entry(
        kind=kind,
        params=given.model_dump(mode="json", by_alias=True, exclude=NOT_PARAMS),
        who=who,
        token=given.id,
        group=given.group,
        client=given.client,
    )


def make_draw(studio: Studio, image: int, given: Operation) -> Draw:
    """What draws an operation on an image's labels; what has to look at the image does so now."""
    match given:
        case Region():
            rings = _find_region(studio, image, given.x, given.y, given.scale)
            return partial(_paint_rings, rings=rings, number=given.class_)
        case Rectangle():
            rings = studio.tools.find_object(image, given.box)
            return partial(_paint_rings, rings=rings, number=given.class_)
        case Polygon(snap=True):
            operations.check_polygon(as_points(given.points))
            snapped = studio.tools.snap(image, as_points(given.points))
            studio.outlines.add_ring(image, snapped.points, snapped.error_px)
            return partial(_paint_rings, rings=[snapped.points], number=given.class_)
        case Accept():
            return _make_accept(studio, image, given)
        case Clear():
            return partial(_clear, studio=studio, image=image)
        case _:
            return partial(_draw, given=given)


def _draw(
    canvas: Canvas,
    classes: Classes,
    *,
    given: Stroke | Erase | Polygon | Fill | Hole | Split | Merge | Delete | Change | Smooth,
) -> str | None:
    match given:
        case Stroke():
            brush = _choose(classes, given.class_)
            points = as_points(given.points)
            operations.paint_stroke(canvas, points, radius=given.radius, brush=brush)
        case Erase():
            operations.erase_stroke(canvas, as_points(given.points), radius=given.radius)
        case Polygon():
            brush = _choose(classes, given.class_)
            operations.paint_polygon(canvas, as_points(given.points), brush=brush)
        case Fill():
            brush = _choose(classes, given.class_)
            operations.fill_area(canvas, given.x, given.y, brush=brush)
        case Hole():
            return objects.cut_hole(canvas, as_points(given.points))
        case Split():
            return objects.split_objects(canvas, as_points(given.points))
        case Merge():
            return objects.merge_objects(canvas, as_points(given.points))
        case Delete():
            return objects.delete_piece(canvas, given.x, given.y)
        case Change():
            brush = _choose(classes, given.class_)
            return objects.change_class(canvas, given.x, given.y, brush=brush)
        case Smooth():
            return objects.smooth_piece(canvas, given.x, given.y)
    return None


def _paint_rings(canvas: Canvas, classes: Classes, *, rings: list[Ring], number: int) -> str | None:
    brush = _choose(classes, number)
    pieces = draw_polygon(rings, width=canvas.width, height=canvas.height)
    operations.paint_pieces(canvas, pieces, brush=brush)
    return None


def _clear(canvas: Canvas, classes: Classes, *, studio: Studio, image: int) -> str | None:
    operations.clear_all(canvas, studio.labels.list_blocks(image))
    return None


def _make_accept(studio: Studio, image: int, given: Accept) -> Draw:
    proposal = studio.proposals.find(image)
    if proposal is None:
        raise SegfitError("there is no proposal for this image yet: draw strokes of two classes")
    rings: list[Ring] = []
    if given.what == "region":
        if given.x is None or given.y is None:
            raise SegfitError("to accept a region, give x and y")
        rings = _find_region(studio, image, given.x, given.y, given.scale)
    if given.what == "rectangle" and given.box is None:
        raise SegfitError("to accept what is in a rectangle, give its box")
    if given.what == "class" and given.class_ is None:
        raise SegfitError("to accept a class, give the class")
    if given.what == "surer" and given.confidence is None:
        raise SegfitError("to accept what is surer than that, give a confidence from 0 to 1")
    if len(proposal.outlines):
        studio.outlines.add_model(image, -proposal.made_by, proposal.outlines)
    return partial(_accept, given=given, proposal=proposal, rings=rings)


def _accept(
    canvas: Canvas, classes: Classes, *, given: Accept, proposal: Proposal, rings: list[Ring]
) -> str | None:
    size = {"width": canvas.width, "height": canvas.height}
    pieces: list[Piece]
    if given.what == "region":
        pieces = list(draw_polygon(rings, **size))
    elif given.what == "rectangle" and given.box is not None:
        pieces = list(draw_box(given.box, **size))
    else:
        pieces = list(draw_box(canvas.box, **size))
    return accept(
        canvas,
        proposal,
        classes,
        pieces=pieces,
        only=given.class_ if given.what == "class" else None,
        surer_than=given.confidence or 0.0 if given.what == "surer" else 0.0,
    )


def _find_region(studio: Studio, image: int, x: float, y: float, scale: int) -> list[Ring]:
    rings, *_ = studio.tools.find_region(image, x, y, scale=scale, wait=True)
    if not rings:
        raise SegfitError("there is no region here: draw its outline")
    return rings


def _choose(classes: Classes, number: int) -> Brush:
    """The class to draw with. Raises ``SegfitError`` where there is none of that number."""
    if number not in classes:
        raise SegfitError(f"there is no class {number}: somebody removed it; choose another one")
    return Brush(number, classes[number].has_objects)
