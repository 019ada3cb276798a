"""LabelMe files: one JSON per image, with polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.basics.geometry import fill_polygon
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.json_files import has_keys, read_json_file
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import (
    BACKGROUND_NAMES,
    Layout,
    check_same_size,
    find_splits,
    index_by_stem,
    name_pair,
)
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.datasets.painting import PaintedObject, check_points, fill_circle, paint_readable
from segfit.errors import SegfitError
from segfit.imaging.find import list_images
from segfit.imaging.read import read_image

IGNORE_NAME = "__ignore__"
POINTS_NEEDED = {
    "polygon": 3,
    "rectangle": 2,
    "circle": 2,
    "mask": 2,
    "oriented_rectangle": 3,
    "rotation": 3,
}
"""Kinds of shapes that have an area; the last is what X-AnyLabeling calls the one before it."""
WITHOUT_AREA = ("point", "line", "linestrip", "points")


class DrawnShape(BaseModel):
    """One drawn shape; its points and mask are looked at when its image is read, so that one
    mistake does not cost the file.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    label: str
    points: Any = None
    shape_type: str | None = None
    group_id: int | str | None = None
    mask: Any = None

    @property
    def kind(self) -> str:
        """What it is; the first versions of LabelMe had polygons alone and did not say so."""
        return self.shape_type or "polygon"


class LabelMeFile(BaseModel):
    """What is read of a LabelMe file; ``imageData`` is the image itself in base64, or null."""

    shapes: list[DrawnShape]
    imagePath: str | None = None  # noqa: N815 - LabelMe's own key
    imageData: str | None = None  # noqa: N815
    imageHeight: int | None = None  # noqa: N815
    imageWidth: int | None = None  # noqa: N815


def is_labelme_file(path: Path) -> bool:
    """Whether a JSON file has LabelMe's keys."""
    return has_keys(path, "shapes")


def holds_labelme(folder: Path) -> bool:
    """Whether any JSON file in the folder is LabelMe's."""
    return folder.is_dir() and any(is_labelme_file(path) for path in folder.glob("*.json"))


def find_labelme_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the LabelMe files in a folder or in its splits; None where there are none.

    Raises SegfitError for a path that is such a file itself: it holds one image, not a data set.
    """
    if root.suffix.lower() == ".json" and root.is_file() and is_labelme_file(root):
        raise SegfitError(
            f"{root} is the LabelMe file of one image: give its folder, {root.parent}"
        )
    splits = find_splits(root, is_split=holds_labelme)
    return list_labelme_images(splits, strict=strict) if splits else None


def list_labelme_images(splits: Mapping[str, Path], *, strict: bool) -> Finding:
    """Read the LabelMe files of each split's folder; classes are the labels in alphabetical order.

    The rest is background; ``__ignore__`` marks pixels to ignore. A file that cannot be read is
    reported by the scan, like an image that cannot.
    """
    files = {split: _list_files(folder) for split, folder in splits.items()}
    labels: set[str] = set()
    image_of: dict[Path, Path | None] = {}
    notes: list[str] = []
    for split, folder in splits.items():
        for file in files[split]:
            try:
                content = read_labelme_file(file)
                image_of[file] = _find_image(file, content.imagePath or "")
                shapes = content.shapes
                labels |= {shape.label for shape in shapes if shape.kind not in WITHOUT_AREA}
            except SegfitError:
                if strict:
                    raise
        stems = {name_pair(file) for file in files[split]}
        bare = [image.name for image in list_images(folder) if name_pair(image) not in stems]
        if bare:
            notes.append(
                f"{count_noun(len(bare), 'image')} in {folder} without a JSON file "
                f"({list_first(bare)}), left out."
            )
    grounds = {label for label in labels if label.lower() in BACKGROUND_NAMES}
    names = sorted(labels - grounds - {IGNORE_NAME})
    if not names:
        raise SegfitError(
            f"{list_first([str(folder) for folder in splits.values()])}: no LabelMe file has a "
            f"shape with an area ({', '.join(POINTS_NEEDED)}): outline the objects"
        )
    table = ClassTable.from_names(
        ("background", *names), object_classes=tuple(range(1, len(names) + 1))
    )
    class_of = {name: index for index, name in enumerate(names, start=1)}
    class_of |= dict.fromkeys(grounds, 0) | {IGNORE_NAME: IGNORE}
    notes.append(f"Classes of the LabelMe files: {', '.join(names)}; the rest is background.")
    sources = {
        split: tuple(
            Source(file.stem, partial(read_labelme_image, file, class_of), image_of.get(file))
            for file in split_files
        )
        for split, split_files in files.items()
    }
    return Finding(table, sources, notes=tuple(notes))


def _list_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.json")) if file.name != CLASS_FILE_NAME]


def read_labelme_file(path: Path) -> LabelMeFile:
    """Parse a LabelMe file; SegfitError names the file and the first wrong field."""
    return read_json_file(path, LabelMeFile, kind="LabelMe")


def read_labelme_image(path: Path, class_of: Mapping[str, int]) -> Reading:
    """Read a LabelMe file's image and paint its shapes in their order.

    Shapes of the same label and group make one object.
    """
    content = read_labelme_file(path)
    image_path = _find_image(path, content.imagePath or "")
    if image_path is None and content.imageData:
        image_path, image = path, _read_embedded(path, content.imageData)
    elif image_path is None:
        raise SegfitError(
            f"{path}: its image '{content.imagePath or ''}' was not found, nor one with the JSON "
            "file's name: put it beside the JSON file"
        )
    else:
        image = read_image(image_path)
    height, width = image.shape[:2]
    annotated = (content.imageHeight or height, content.imageWidth or width)
    check_same_size((height, width), annotated, image_path=image_path, mask=path)
    numbers = _number_shapes(content.shapes)

    def paint(index: int) -> PaintedObject:
        shape = content.shapes[index]
        mask = fill_shape(shape, height=height, width=width, path=path)
        return PaintedObject(mask, class_of[shape.label], numbers[index])

    return paint_readable(image, len(content.shapes), paint)


def fill_shape(shape: DrawnShape, *, height: int, width: int, path: Path) -> BoolArray:
    """Pixels (H, W) of a shape.

    A polygon or a rotated rectangle; a rectangle by two opposite corners; a circle by its center
    and a point on it; a mask. Raises SegfitError for a shape without an area and for one whose
    points are not those of its kind, or no image's.
    """
    where = f"{path}: {shape.kind} '{shape.label}'"
    needed = POINTS_NEEDED.get(shape.kind)
    if needed is None:
        reason = "has no area" if shape.kind in WITHOUT_AREA else "is of no known kind"
        raise SegfitError(
            f"{where} {reason}; {', '.join(POINTS_NEEDED)} are read: draw it as one of these or "
            "delete it"
        )
    points = _read_points(shape.points, where)
    if len(points) < needed:
        raise SegfitError(
            f"{where} has {count_noun(len(points), 'point')} and needs {needed}: draw it again or "
            "delete it"
        )
    check_points(points, height=height, width=width, where=where)
    if shape.kind == "mask":
        return _place_mask(shape.mask, points, height=height, width=width, where=where)
    if shape.kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return fill_circle(points[0], radius, height=height, width=width)
    if shape.kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return fill_polygon([points], height=height, width=width)


def _read_points(points: Any, where: str) -> Float64Array:
    try:
        return np.array(points, dtype=np.float64).reshape(-1, 2)
    except (ValueError, TypeError, OverflowError):
        raise SegfitError(
            f"{where} has points that are not pairs of numbers (given {str(points)[:60]}): draw it "
            "again or delete it"
        ) from None


def _place_mask(
    data: Any, corners: Float64Array, *, height: int, width: int, where: str
) -> BoolArray:
    """Pixels of a PNG in base64 whose first and last pixels are those of the corners."""
    try:
        inside = read_image(base64.b64decode(data or "", validate=True))[:, :, 0] > 0
    except (ValueError, TypeError, SegfitError):
        raise SegfitError(
            f"{where} has no mask that can be read: draw it again or delete it"
        ) from None
    left, top, right, bottom = np.floor(corners[:2]).astype(int).ravel().tolist()
    if inside.shape != (bottom - top + 1, right - left + 1):
        raise SegfitError(
            f"{where} has a mask of {inside.shape[0]}×{inside.shape[1]} px for "
            f"{bottom - top + 1}×{right - left + 1} px: draw it again or delete it"
        )
    filled = np.zeros((height, width), bool)
    rows, columns = slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1)
    seen = filled[rows, columns].shape
    hidden = (max(-top, 0), max(-left, 0))
    filled[rows, columns] = inside[hidden[0] :, hidden[1] :][: seen[0], : seen[1]]
    return filled


def _number_shapes(shapes: Sequence[DrawnShape]) -> list[int]:
    keys = [
        (shape.label, shape.group_id) if shape.group_id is not None else index
        for index, shape in enumerate(shapes)
    ]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    return [numbers[key] for key in keys]


def _find_image(path: Path, image_path: str) -> Path | None:
    """The image that the file names, there or beside the file, or one of the file's own name."""
    written = PurePosixPath(image_path.replace("\\", "/"))
    for named in (path.parent / written, path.parent / written.name):
        if image_path and named.is_file():
            return named
    return index_by_stem(path.parent).get(name_pair(path))


def _read_embedded(path: Path, data: str) -> UInt8Array:
    try:
        return read_image(base64.b64decode(data, validate=True))
    except (ValueError, SegfitError) as error:
        raise SegfitError(
            f"{path}: its imageData is no image ({error}): put the image beside the JSON file"
        ) from None


LAYOUT = Layout("LabelMe .json files beside the images", find_labelme_images)
