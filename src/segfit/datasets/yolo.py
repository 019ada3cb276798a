"""YOLO segmentation labels: one text file per image, one polygon per line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.geometry import fill_window
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, Layout
from segfit.datasets.painting import PaintedObject, paint_readable
from segfit.datasets.text_files import read_text_file
from segfit.datasets.yolo_images import (
    LABELS,
    check_names,
    find_as_written,
    find_in_folders,
    find_stray_labels,
    label_of,
)
from segfit.errors import SegfitError
from segfit.imaging.read import read_image

DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml")
YAML_SUFFIXES = (".yaml", ".yml")
MAX_COORDINATE = 1.01  # some tools write a hair beyond the image


def find_yolo_images(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the labelled images of a ``data.yaml``, or of a folder; None without labels.

    The paths that a data.yaml names come first; without any, the folder's own are taken.
    """
    is_file = root.is_file() and root.suffix.lower() in YAML_SUFFIXES
    folder = root.parent if is_file else root
    file = root if is_file else _find_data_file(root)
    splits = find_in_folders(folder)
    if file is None and not splits:
        return None
    names = _read_classes_file(folder)
    notes: list[str] = []
    if file is not None:
        from segfit.datasets.data_yaml import parse_data_file  # here, as few runs meet any YAML

        data = parse_data_file(read_text_file(file), file)
        names = data.names
        if data.splits:
            splits, notes = find_as_written(data, file)
    if not splits and not is_file:
        return None  # a data.yaml of something else
    if not splits:
        raise SegfitError(
            f"{file}: no images are named, nor is there {folder / 'images'}: name them under train:"
        )
    return list_yolo_images(splits, names, root=folder, notes=notes, strict=strict)


def list_yolo_images(
    splits: Mapping[str, Sequence[Path]],
    names: tuple[str, ...] | None,
    *,
    root: Path,
    notes: Sequence[str] = (),
    strict: bool,
) -> Finding:
    """Name the classes, and the images of each split with what reads each.

    Without ``names``, the classes are numbered. An image without a label file is background
    throughout.
    """
    for images in splits.values():
        check_names(images)
    files = [
        label
        for images in splits.values()
        for image in images
        if (label := label_of(image)).is_file()
    ]
    if not files:
        raise SegfitError(
            f"{root}: no image in images/ has a label file of the same name in labels/: "
            "images/a.png goes with labels/a.txt"
        )
    names = names or _number_classes(files)
    # Tools that count the background as a class name it first; the others do not know of it.
    first = 0 if names[0].lower() in BACKGROUND_NAMES else 1
    object_classes = range(1, len(names) + first)
    table = ClassTable.from_names(
        ("background", *names)[1 - first :], object_classes=tuple(object_classes)
    )
    sources = {
        split: tuple(
            Source(
                name,
                partial(read_yolo_image, image, label_of(image), len(names), first=first),
                image,
            )
            for name, image in zip(_name_images(images), images, strict=True)
        )
        for split, images in splits.items()
    }
    objects = ", ".join(table.names[1:])
    said = f"Classes of the YOLO labels: {objects}; the rest is background."
    return Finding(table, sources, notes=(*notes, *_describe_pairs(splits, strict=strict), said))


def read_yolo_image(image_path: Path, label: Path, class_count: int, *, first: int = 1) -> Reading:
    """Read an image and paint the polygons of its label file, in the order of their lines.

    ``first``: index of the file's class 0 in the class table. Without a label file there are none.
    """
    image = read_image(image_path)
    height, width = image.shape[:2]
    lines = _read_lines(label) if label.is_file() else []

    def fill(index: int) -> PaintedObject:
        number, fields = lines[index]
        class_index, points = parse_line(
            fields, class_count=class_count, where=f"{label}, line {number}"
        )
        mask, corner = fill_window([points * (width, height)], height=height, width=width)
        return PaintedObject(mask, class_index + first, index + 1, corner)

    return paint_readable(image, len(lines), fill)


def parse_line(fields: Sequence[str], *, class_count: int, where: str) -> tuple[int, Float64Array]:
    """Class and points (N, 2), as shares of width and height, of the fields of a line."""
    try:
        class_index, points = int(float(fields[0])), np.array(fields[1:], dtype=np.float64)
    except (ValueError, OverflowError):
        raise SegfitError(
            f"{where}: expected a class number and coordinates, given '{' '.join(fields)[:60]}'"
        ) from None
    if len(points) == 4:
        raise SegfitError(f"{where} holds a box, not an outline: export segmentation labels")
    if len(points) < 6 or len(points) % 2:
        raise SegfitError(
            f"{where} has {len(points)} coordinates; a polygon is x, y of at least 3 points: "
            "correct or delete the line"
        )
    if not 0 <= class_index < class_count or class_index != float(fields[0]):
        raise SegfitError(
            f"{where} has class {fields[0]}, but the classes are 0 to {class_count - 1}: "
            "correct the line, or name the class in data.yaml"
        )
    if not ((points >= 1 - MAX_COORDINATE) & (points <= MAX_COORDINATE)).all():
        raise SegfitError(
            f"{where} has coordinates outside 0 to 1: divide them by the image's width and height"
        )
    return class_index, points.reshape(-1, 2)


def read_polygons(path: Path, *, class_count: int) -> list[tuple[int, Float64Array]]:
    """Class and points, see ``parse_line``, of every line of a label file."""
    return [
        parse_line(fields, class_count=class_count, where=f"{path}, line {number}")
        for number, fields in _read_lines(path)
    ]


def _find_data_file(root: Path) -> Path | None:
    """A folder's data.yaml, by one of its usual names."""
    return next((root / name for name in DATA_FILES if (root / name).is_file()), None)


def _read_classes_file(root: Path) -> tuple[str, ...] | None:
    """Class names from ``classes.txt`` in the folder or in ``labels/``."""
    for path in (root / "classes.txt", root / LABELS / "classes.txt"):
        if path.is_file():
            return tuple(line.strip() for line in read_text_file(path).splitlines() if line.strip())
    return None


def _describe_pairs(splits: Mapping[str, Sequence[Path]], *, strict: bool) -> list[str]:
    """Notes on label files without an image and on images without a label file."""
    notes = []
    strays = find_stray_labels(splits)
    if strays:
        message = (
            f"{count_noun(len(strays), 'label file')} in {strays[0].parent} without an image of "
            f"the same name ({list_first([path.name for path in strays])}): add it or rename the "
            "file"
        )
        if strict:
            raise SegfitError(message)
        notes.append(f"{message}.")
    for images in splits.values():
        bare = [image.name for image in images if not label_of(image).is_file()]
        if bare:
            notes.append(
                f"{count_noun(len(bare), 'image')} in {images[0].parent} without a label file "
                f"({list_first(bare)}), taken as background throughout."
            )
    return notes


def _name_images(images: Sequence[Path]) -> list[str]:
    stems = [image.stem for image in images]
    return stems if len(set(stems)) == len(stems) else [image.as_posix() for image in images]


def _number_classes(files: Sequence[Path]) -> tuple[str, ...]:
    numbers = [int(f[0]) for file in files for _, f in _read_lines(file) if f[0].isdecimal()]
    return tuple(f"class_{number}" for number in range(max(numbers, default=0) + 1))


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    lines = enumerate(read_text_file(path).splitlines(), start=1)
    return [(number, line.split()) for number, line in lines if line.strip()]


LAYOUT = Layout("images/ and labels/ (YOLO)", find_yolo_images)
