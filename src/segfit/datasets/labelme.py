"""LabelMe files: one JSON per image, with polygons, rectangles and circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from segfit.basics.arrays import BoolArray
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
)
from segfit.datasets.painting import PaintedObject, fill_circle, paint_objects
from segfit.errors import SegfitError
from segfit.imaging.find import list_images
from segfit.imaging.read import read_image

IGNORE_NAME = "__ignore__"


class DrawnShape(BaseModel):
    """One drawn outline."""

    label: str
    points: list[tuple[float, float]]
    shape_type: str = "polygon"
    group_id: int | None = None


class LabelMeFile(BaseModel):
    """What is read of a LabelMe file; ``imageData`` is left alone."""

    shapes: list[DrawnShape]
    imagePath: str = ""  # noqa: N815 - LabelMe's own key
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
    files = {split: sorted(folder.glob("*.json")) for split, folder in splits.items()}
    labels: set[str] = set()
    notes: list[str] = []
    for split, folder in splits.items():
        for file in files[split]:
            try:
                labels |= {shape.label for shape in read_labelme_file(file).shapes}
            except SegfitError:
                if strict:
                    raise
        stems = {file.stem for file in files[split]}
        bare = [image.name for image in list_images(folder) if image.stem not in stems]
        if bare:
            notes.append(
                f"{count_noun(len(bare), 'image')} in {folder} without a JSON file "
                f"({list_first(bare)}), left out."
            )
    names = sorted(labels - {*BACKGROUND_NAMES, IGNORE_NAME})
    table = ClassTable.from_names(
        ("background", *names), object_classes=tuple(range(1, len(names) + 1))
    )
    class_of = {name: index for index, name in enumerate(names, start=1)}
    class_of |= dict.fromkeys(BACKGROUND_NAMES, 0) | {IGNORE_NAME: IGNORE}
    notes.append(f"Classes of the LabelMe files: {', '.join(names)}; the rest is background.")
    sources = {
        split: tuple(
            Source(file.stem, partial(read_labelme_image, file, class_of)) for file in split_files
        )
        for split, split_files in files.items()
    }
    return Finding(table, sources, notes=tuple(notes))


def read_labelme_file(path: Path) -> LabelMeFile:
    """Parse a LabelMe file; SegfitError names the file and the first wrong field."""
    return read_json_file(path, LabelMeFile, kind="LabelMe")


def read_labelme_image(path: Path, class_of: Mapping[str, int]) -> Reading:
    """Read a LabelMe file's image and paint its shapes in their order.

    Shapes of the same label and group make one object.
    """
    content = read_labelme_file(path)
    image_path = _find_image(path, content.imagePath)
    image = read_image(image_path)
    height, width = image.shape[:2]
    annotated = (content.imageHeight or height, content.imageWidth or width)
    check_same_size((height, width), annotated, image_path=image_path, mask=path)
    numbers = _number_shapes(content.shapes)
    return paint_objects(
        image,
        (
            PaintedObject(
                fill_shape(shape, height=height, width=width, path=path),
                class_of[shape.label],
                number,
            )
            for shape, number in zip(content.shapes, numbers, strict=True)
        ),
    )


def fill_shape(shape: DrawnShape, *, height: int, width: int, path: Path) -> BoolArray:
    """Pixels (H, W) of a polygon, a rectangle (two corners) or a circle (centre, point on it)."""
    points = np.array(shape.points, dtype=np.float64)
    needed = {"polygon": 3, "rectangle": 2, "circle": 2}.get(shape.shape_type)
    if needed is None:
        raise SegfitError(
            f"{path}: shape '{shape.label}' is a {shape.shape_type}; only polygons, rectangles and "
            "circles are read: draw it as one of these or delete it"
        )
    if len(points) < needed:
        raise SegfitError(
            f"{path}: {shape.shape_type} '{shape.label}' has {count_noun(len(points), 'point')} "
            f"and needs {needed}: draw it again or delete it"
        )
    if shape.shape_type == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return fill_circle(points[0], radius, height=height, width=width)
    if shape.shape_type == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return fill_polygon([points], height=height, width=width)


def _number_shapes(shapes: Sequence[DrawnShape]) -> list[int]:
    keys = [
        (shape.label, shape.group_id) if shape.group_id is not None else index
        for index, shape in enumerate(shapes)
    ]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    return [numbers[key] for key in keys]


def _find_image(path: Path, image_path: str) -> Path:
    named = path.parent / image_path.replace("\\", "/")
    if image_path and named.is_file():
        return named
    beside = index_by_stem(path.parent).get(path.stem)
    if beside is None:
        raise SegfitError(
            f"{path}: its image '{image_path}' was not found, nor one with the JSON file's name: "
            "put it beside the JSON file"
        )
    return beside


LAYOUT = Layout("LabelMe .json files beside the images", find_labelme_images)
