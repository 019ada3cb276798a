"""COCO: the regions of an image, or of all images of a run, as a data set.

A region without holes is a polygon; one with holes, which COCO's polygons cannot say, is plain run
lengths down the columns, of the pixels whose centre is inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from segfit.basics.files import FilePath, write_file
from segfit.basics.show import show_briefly
from segfit.basics.text import encode_text
from segfit.classes import ClassTable
from segfit.formats.format import Format, Result
from segfit.formats.json_text import round_figure, round_points
from segfit.formats.region_mask import mask_region
from segfit.result.regions import Region


@dataclass(frozen=True)
class AnnotatedImage:
    """An image's size, and its annotations as JSON texts, which take a fraction of the memory."""

    width: int
    height: int
    annotations: tuple[str, ...]
    classes: ClassTable

    __repr__ = show_briefly


def write_coco(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write a COCO data set of one image, as ``join_images`` has it."""
    content = join_images([(result.image_name or "", annotate_image(result))])
    write_file(path, content, force=force)


def annotate_image(result: Result) -> AnnotatedImage:
    """The annotations of every region of every class but the background."""
    height, width = result.labels.shape
    annotations = tuple(
        json.dumps(_annotate(region, height=height, width=width), allow_nan=False)
        for region in result.regions
    )
    return AnnotatedImage(width, height, annotations, result.classes)


def join_images(images: Iterable[tuple[str, AnnotatedImage]]) -> bytes:
    """A COCO data set as JSON, UTF-8: images by name, every class but the background, every region.

    Images and annotations are numbered from 1. Category numbers are class indices. ``area`` is the
    polygon's, ``bbox`` is x, y, width, height. ``score`` is there where it is known. ``isthing``:
    whether a class has objects; each annotation is one then. The classes are those of the first.
    """
    listed = list(images)
    classes = listed[0][1].classes
    content = {
        "images": [
            {"id": number, "file_name": name, "width": image.width, "height": image.height}
            for number, (name, image) in enumerate(listed, start=1)
        ],
        "categories": [
            {
                "id": index,
                "name": classes.names[index],
                "isthing": int(index in classes.object_classes),
            }
            for index in classes.foreground
        ],
    }
    owned = (
        (number, annotation)
        for number, (_, image) in enumerate(listed, start=1)
        for annotation in image.annotations
    )
    annotations = ", ".join(
        f'{{"id": {number}, "image_id": {image}, {annotation[1:]}'
        for number, (image, annotation) in enumerate(owned, start=1)
    )
    head = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return encode_text(f'{head[:-1]}, "annotations": [{annotations}]}}\n')


def _annotate(region: Region, *, height: int, width: int) -> dict[str, object]:
    left, top, right, bottom = region.bounds_xyxy
    annotation: dict[str, object] = {
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
    mask = mask_region(region)
    columns, rows = np.nonzero(mask.inside.T)
    places = (columns + mask.left) * height + rows + mask.top
    is_first = np.append(True, np.diff(places) > 1)[: len(places)]
    first, last = places[is_first], places[np.roll(is_first, -1)]
    changes = np.stack([first, last + 1], axis=1).ravel()
    counts = np.diff(changes, prepend=0, append=height * width)
    return {"size": [height, width], "counts": counts.tolist()}


FORMAT = Format(
    "coco", "COCO annotations, one file for all images", "_coco.json", write_coco, in_runs=False
)
