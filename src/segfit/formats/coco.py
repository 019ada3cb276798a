"""COCO: an image's regions as a data set of one image.

A region without holes is a polygon; one with holes, which COCO's polygons cannot say, is plain run
lengths down the columns, of the pixels whose centre is inside.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.files import FilePath
from segfit.basics.geometry import fill_polygon
from segfit.formats.format import Format, Result
from segfit.formats.json_text import round_figure, round_points, write_json
from segfit.result.regions import Region


def write_coco(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write ``list_annotations``'s content as JSON, UTF-8."""
    write_json(list_annotations(result), path, force=force)


def list_annotations(result: Result) -> dict[str, object]:
    """A COCO data set: one image, every class but the background, every region of them.

    Category numbers are class indices. ``area`` is the polygon's, ``bbox`` is x, y, width, height.
    ``score`` is there where it is known. ``isthing``: whether a class has objects; each
    annotation is one then.
    """
    height, width = result.labels.shape
    classes = result.classes
    return {
        "images": [
            {
                "id": 1,
                "file_name": result.image_name or "",
                "width": width,
                "height": height,
            }
        ],
        "categories": [
            {"id": index, "name": name, "isthing": int(index in classes.object_classes)}
            for index, name in enumerate(classes.names)
            if index != classes.background
        ],
        "annotations": [
            _annotate(region, number, height=height, width=width)
            for number, region in enumerate(result.regions, start=1)
        ],
    }


def _annotate(region: Region, number: int, *, height: int, width: int) -> dict[str, object]:
    left, top, right, bottom = region.bounds_xyxy
    annotation: dict[str, object] = {
        "id": number,
        "image_id": 1,
        "category_id": region.label,
        "segmentation": count_runs(region, height=height, width=width)
        if len(region.polygon) > 1
        else [[value for point in round_points(region.polygon[0]) for value in point]],
        "area": round_figure(region.area_px),
        "bbox": [round_figure(value) for value in (left, top, right - left, bottom - top)],
        "iscrowd": 0,
    }
    if region.score is not None:
        annotation["score"] = round_figure(region.score)
    return annotation


def count_runs(region: Region, *, height: int, width: int) -> dict[str, object]:
    """Run lengths of a region's pixels, of 0 and 1 in turn, down the columns of the image."""
    left, top = (int(np.floor(value)) for value in region.bounds_xyxy[:2])
    right, bottom = (int(np.ceil(value)) for value in region.bounds_xyxy[2:])
    rings = [ring - (left, top) for ring in region.polygon]
    inside = fill_polygon(rings, height=bottom - top, width=right - left)
    columns, rows = np.nonzero(inside.T)
    places = (columns + left) * height + rows + top
    is_first = np.append(True, np.diff(places) > 1)[: len(places)]
    first, last = places[is_first], places[np.roll(is_first, -1)]
    changes = np.stack([first, last + 1], axis=1).ravel()
    counts = np.diff(changes, prepend=0, append=height * width)
    return {"size": [height, width], "counts": counts.tolist()}


FORMAT = Format("coco", "COCO annotations", "_coco.json", write_coco)
