"""Polygons: every region with its outline, errors and box, as JSON."""

from __future__ import annotations

from segfit.basics.arrays import Float64Array
from segfit.basics.files import FilePath
from segfit.formats.format import Format, Result
from segfit.formats.json_text import describe_region, round_figure, round_points, write_json
from segfit.result.regions import OrientedBox, Region


def write_polygons(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write ``list_polygons``'s content as JSON, UTF-8."""
    write_json(list_polygons(result), path, force=force)


def list_polygons(result: Result) -> dict[str, object]:
    """Image, model, size and every region but the background's, in image coordinates.

    ``polygon``: rings of [x, y], not closed, the outer one first. ``vertex_error_px``: their
    standard errors, ring by ring, None where nobody knows them. ``box``: as ``OrientedBox``.
    """
    height, width = result.labels.shape
    return {
        "image": result.image_name,
        "model": result.model_name,
        "width": width,
        "height": height,
        "points_put_back": result.points_put_back,
        "regions": [_describe(region) for region in result.regions],
    }


def _describe(region: Region) -> dict[str, object]:
    errors = region.vertex_error_px
    return {
        **describe_region(region),
        "box": _describe_box(region.box),
        "polygon": [round_points(ring) for ring in region.polygon],
        "vertex_error_px": None if errors is None else [_round_all(ring) for ring in errors],
    }


def _describe_box(box: OrientedBox) -> dict[str, object]:
    errors = box.error_px
    return {
        "center": [round_figure(value) for value in box.center_xy],
        "width": round_figure(box.width),
        "height": round_figure(box.height),
        "angle_deg": round_figure(box.angle_deg),
        "corners": round_points(box.corners),
        "edge_error_px": None if errors is None else _round_all(errors),
    }


def _round_all(errors: Float64Array) -> list[float | None]:
    return [round_figure(error) for error in errors.tolist()]


FORMAT = Format("polygons", "outlines with errors, boxes", "_polygons.json", write_polygons)
