"""Supervisely: ``meta.json``, and for each data set ``img/X.jpg`` with ``ann/X.jpg.json``.

Coordinates number pixels, as everywhere in Supervisely: an outline's own pixels belong to it.
"""

from __future__ import annotations

import base64
import zlib
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, Field

from segfit.basics.arrays import BoolArray, Float64Array
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.json_files import has_keys, read_json_file
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import (
    BACKGROUND_NAMES,
    Layout,
    check_same_size,
    list_folders,
    name_split,
)
from segfit.datasets.masks.class_file import parse_color
from segfit.datasets.painting import PaintedObject, check_points, paint_readable
from segfit.errors import SegfitError
from segfit.imaging.files import decode_values, open_image_file
from segfit.imaging.find import list_images
from segfit.imaging.read import read_image

META_FILE, IMAGES, ANNOTATIONS = "meta.json", "img", "ann"
COLOR_LENGTH = len("#rrggbb")
PNG = b"\x89PNG"


class NamedClass(BaseModel):
    """A class of the project."""

    title: str
    color: str = ""


class Meta(BaseModel):
    """What is read of ``meta.json``."""

    classes: list[NamedClass]


class Points(BaseModel):
    """An outline and its holes."""

    exterior: list[tuple[float, float]]
    interior: list[list[tuple[float, float]]] = []


class Bitmap(BaseModel):
    """A compressed image of an object, and where its first pixel lies (x, y)."""

    data: str
    origin: tuple[int, int]


class Figure(BaseModel):
    """An object."""

    id: int | str | None = None
    classTitle: str  # noqa: N815 - Supervisely's own key
    geometryType: str = ""  # noqa: N815
    points: Points | None = None
    bitmap: Bitmap | None = None


class Size(BaseModel):
    """Of the image that was drawn on."""

    height: int
    width: int


class AnnotationFile(BaseModel):
    """What is read of a file in ``ann/``."""

    size: Size
    objects: list[Figure] = Field(default=[])
    tags: list[Any] = []


def find_supervisely_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images of a project's data sets; None where there is no such project.

    A data set of the name of a split is that split, and any other is "train".
    """
    folders = [inner for inner in list_folders(root) if (inner / ANNOTATIONS).is_dir()]
    if not folders or not has_keys_of_meta(root / META_FILE):
        return None
    table, class_of = name_classes(
        read_json_file(root / META_FILE, Meta, kind="Supervisely"), root / META_FILE
    )
    sources: dict[str, list[Source]] = defaultdict(list)
    notes = [f"Classes of {META_FILE}: {', '.join(table.names[1:])}; the rest is background."]
    for folder in folders:
        images = list_images(folder / IMAGES) if (folder / IMAGES).is_dir() else []
        files = {image: _find_annotation(folder, image) for image in images}
        bare = [image.name for image, file in files.items() if file is None]
        strays = len(list((folder / ANNOTATIONS).glob("*.json"))) - len(files) + len(bare)
        for count, what, names in (
            (len(bare), f"image of {folder.name} without a file in {ANNOTATIONS}/", bare),
            (strays, f"file in {folder.name}/{ANNOTATIONS}/ without an image", []),
        ):
            if not count:
                continue
            problem = f"left out: {count} × {what}" + (f" ({list_first(names)})" if names else "")
            if strict:
                raise SegfitError(f"{root}: {problem}: export it again")
            notes.append(f"{problem}.")
        sources[name_split(folder.name) or "train"] += [
            Source(
                image.stem if len(folders) == 1 else f"{folder.name}/{image.stem}",
                partial(read_supervisely_image, image, file, class_of),
                drawn_on=image,
            )
            for image, file in files.items()
            if file is not None
        ]
    if not any(sources.values()):
        raise SegfitError(f"{root}: no image has an annotation; {' '.join(notes[1:])}")
    return Finding(table, {s: tuple(of) for s, of in sources.items()}, notes=tuple(notes))


def has_keys_of_meta(path: Path) -> bool:
    """Whether a file is a project's ``meta.json``."""
    return path.is_file() and has_keys(path, "classes")


def name_classes(meta: Meta, path: Path) -> tuple[ClassTable, dict[str, int]]:
    """The project's classes after the background, and the index of each."""
    objects = [one for one in meta.classes if one.title.lower() not in BACKGROUND_NAMES]
    if not objects:
        raise SegfitError(f"{path} names no class of objects: add one in the project")
    colors = [parse_color(one.color) if len(one.color) == COLOR_LENGTH else None for one in objects]
    table = ClassTable.from_names(
        ("background", *(one.title for one in objects)),
        colors=(None, *colors),
        object_classes=tuple(range(1, len(objects) + 1)),
    )
    class_of = {one.title: 0 for one in meta.classes}
    return table, class_of | {one.title: index for index, one in enumerate(objects, start=1)}


def read_supervisely_image(path: Path, file: Path, class_of: Mapping[str, int]) -> Reading:
    """Read an image and paint its objects in their order."""
    content = read_json_file(file, AnnotationFile, kind="Supervisely")
    image = read_image(path)
    height, width = image.shape[:2]
    annotated = (content.size.height, content.size.width)
    check_same_size((height, width), annotated, image_path=path, mask=file)

    def fill(index: int) -> PaintedObject:
        figure = content.objects[index]
        where = f"{file}: object {figure.id or index + 1} ('{figure.classTitle}')"
        if figure.classTitle not in class_of:
            raise SegfitError(f"{where}: {META_FILE} has no such class: export it again")
        mask = fill_figure(figure, height=height, width=width, where=where)
        return PaintedObject(mask, class_of[figure.classTitle], index + 1)

    return paint_readable(image, len(content.objects), fill)


def fill_figure(figure: Figure, *, height: int, width: int, where: str) -> BoolArray:
    """Pixels (H, W) of an object; SegfitError, which begins with ``where``, for what has none."""
    if figure.bitmap is not None:
        return paste_bitmap(figure.bitmap, height=height, width=width, where=where)
    kind = figure.geometryType or "polygon"
    needed = {"polygon": 3, "rectangle": 2}.get(kind)
    if needed is None or figure.points is None:
        raise SegfitError(
            f"{where} is a {kind}; bitmaps, polygons and rectangles are read: draw it as one of "
            "these or delete it"
        )
    exterior = np.array(figure.points.exterior, dtype=np.float64).reshape(-1, 2)
    if len(exterior) < needed:
        raise SegfitError(f"{where} has {count_noun(len(exterior), 'point')} and needs {needed}")
    if kind == "rectangle":
        (x0, y0), (x1, y1) = exterior[:2]
        exterior = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    holes = [np.array(hole, dtype=np.float64).reshape(-1, 2) for hole in figure.points.interior]
    for ring in (exterior, *holes):
        check_points(ring, height=height, width=width, where=where)
    return fill_pixel_outline(exterior, holes, height=height, width=width)


def fill_pixel_outline(
    exterior: Float64Array, holes: list[Float64Array], *, height: int, width: int
) -> BoolArray:
    """Fill an outline through pixels (N, 2), which it includes, less its holes with theirs.

    As Supervisely's SDK does it, which also takes a coordinate for the pixel that it lies in.
    """
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.floor(exterior).astype(np.int32)], (1,))
    for hole in holes:
        if len(hole):
            cv2.fillPoly(mask, [np.floor(hole).astype(np.int32)], (0,))
    return mask.view(bool)


def paste_bitmap(bitmap: Bitmap, *, height: int, width: int, where: str) -> BoolArray:
    """Pixels (H, W) of a bitmap: a PNG, packed with zlib and base64, where it is opaque."""
    try:
        packed = base64.b64decode(bitmap.data)
        data = packed if packed.startswith(PNG) else zlib.decompress(packed)
        values = decode_values(open_image_file(data), palette_as_colors=True)
    except (ValueError, zlib.error, SegfitError) as error:
        raise SegfitError(
            f"{where} has a bitmap that is damaged ({error}): export it again"
        ) from None
    inside = (values[..., -1] if values.ndim == 3 else values) > 0
    mask = np.zeros((height, width), bool)
    x, y = bitmap.origin
    rows, columns = inside.shape
    if x < 0 or y < 0 or x + columns > width or y + rows > height:
        raise SegfitError(
            f"{where} has a bitmap of {rows}×{columns} px at ({x}, {y}), which reaches out of the "
            f"image of {height}×{width} px: export it again"
        )
    mask[y : y + rows, x : x + columns] = inside
    return mask


def _find_annotation(folder: Path, image: Path) -> Path | None:
    names = (f"{image.name}.json", f"{image.stem}.json")
    files = (folder / ANNOTATIONS / name for name in names)
    return next((file for file in files if file.is_file()), None)


LAYOUT = Layout("meta.json with img/ and ann/ (Supervisely)", find_supervisely_images)
