"""Requested operations → what draws them."""

from __future__ import annotations

from collections.abc import Mapping

from segfit.errors import SegfitError
from segfit.studio import operations
from segfit.studio.blocks import Canvas
from segfit.studio.classes import StudioClass
from segfit.studio.editing import Draw
from segfit.studio.operations import Brush
from segfit.studio.project import Studio
from segfit.studio.schema import (
    Clear,
    Erase,
    Fill,
    Operation,
    Polygon,
    Request,
    Stroke,
    as_points,
)
from segfit.studio.store import Entry

NOT_PARAMS = {"rev", "id", "client", "group", "kind"}


def make_entry(given: Request, *, who: str, kind: str | None = None) -> Entry:
    """What the journal says of a request."""
    return Entry(
        kind=kind or given.kind,  # type: ignore[attr-defined]
        params=given.model_dump(mode="json", by_alias=True, exclude=NOT_PARAMS),
        who=who,
        token=given.id,
        group=given.group,
        client=given.client,
    )


def make_draw(studio: Studio, image: int, given: Operation) -> Draw:
    """What draws an operation on an image's labels."""

    def draw(canvas: Canvas, classes: Mapping[int, StudioClass]) -> str | None:
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
            case Clear():
                operations.clear_all(canvas, studio.labels.list_blocks(image))
        return None

    return draw


def _choose(classes: Mapping[int, StudioClass], number: int) -> Brush:
    """The class to draw with. Raises ``SegfitError`` where there is none of that number."""
    if number not in classes:
        raise SegfitError(f"there is no class {number}: somebody removed it; choose another one")
    return Brush(number, classes[number].has_objects)
