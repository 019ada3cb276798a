"""YOLO segmentation labels: one text file per image, one polygon per line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.geometry import fill_polygon
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import (
    BACKGROUND_NAMES,
    SPLIT_FOLDERS,
    Layout,
    find_splits,
    index_by_stem,
)
from segfit.datasets.painting import PaintedObject, paint_objects
from segfit.errors import SegfitError
from segfit.imaging.read import read_image

DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml")
MAX_COORDINATE = 1.01  # some tools write a hair beyond the image


def find_yolo_splits(root: Path) -> dict[str, tuple[Path, Path]]:
    """Folders (images, labels) by split: ``images/train``, ``train/images``, or just ``images``."""
    inner = {
        split: (root / "images" / name, root / "labels" / name)
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if (root / "images" / name).is_dir() and (root / "labels" / name).is_dir()
    }
    outer = find_splits(
        root, is_split=lambda folder: (folder / "images").is_dir() and (folder / "labels").is_dir()
    )
    return inner or {
        split: (folder / "images", folder / "labels") for split, folder in outer.items()
    }


def find_yolo_images(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the labelled images of a folder, or of that of a ``data.yaml``; None without labels."""
    folder = root.parent if root.name in DATA_FILES else root
    splits = find_yolo_splits(folder)
    return list_yolo_images(splits, root=folder, strict=strict) if splits else None


def list_yolo_images(splits: dict[str, tuple[Path, Path]], *, root: Path, strict: bool) -> Finding:
    """Name the classes of these splits' folders, and the images with what reads each."""
    pairs, notes = pair_label_files(splits, strict=strict)
    files = [label for split_pairs in pairs.values() for _, label in split_pairs if label]
    if not files:
        raise SegfitError(
            f"{root}: no image in images/ has a label file of the same name in labels/: "
            "images/a.png goes with labels/a.txt"
        )
    names = read_class_names(root) or _number_classes(files)
    # Tools that count the background as a class name it first; the others do not know of it.
    first = 0 if names[0].lower() in BACKGROUND_NAMES else 1
    object_classes = range(1, len(names) + first)
    table = ClassTable.from_names(
        ("background", *names)[1 - first :], object_classes=tuple(object_classes)
    )
    objects = ", ".join(table.names[1:])
    notes.append(f"Classes of the YOLO labels: {objects}; the rest is background.")
    sources = {
        split: tuple(
            Source(image.stem, partial(read_yolo_image, image, label, len(names), first=first))
            for image, label in split_pairs
        )
        for split, split_pairs in pairs.items()
    }
    return Finding(table, sources, notes=tuple(notes))


def pair_label_files(
    splits: dict[str, tuple[Path, Path]], *, strict: bool
) -> tuple[dict[str, list[tuple[Path, Path | None]]], list[str]]:
    """Pair images with their label files; an image without one is background throughout."""
    notes: list[str] = []
    pairs: dict[str, list[tuple[Path, Path | None]]] = {}
    for split, (images_folder, labels_folder) in splits.items():
        images = index_by_stem(images_folder)
        labels = {path.stem: path for path in sorted(labels_folder.glob("*.txt"))}
        labels.pop("classes", None)
        pairs[split] = [(image, labels.get(stem)) for stem, image in images.items()]
        strays = [path.name for stem, path in labels.items() if stem not in images]
        if strays:
            message = (
                f"{count_noun(len(strays), 'label file')} in {labels_folder} without an image of "
                f"the same name ({list_first(strays)}): add it or rename the file"
            )
            if strict:
                raise SegfitError(message)
            notes.append(f"{message}.")
        bare = [image.name for stem, image in images.items() if stem not in labels]
        if bare:
            notes.append(
                f"{count_noun(len(bare), 'image')} in {images_folder} without a label file "
                f"({list_first(bare)}), taken as background throughout."
            )
    return pairs, notes


def read_yolo_image(
    image_path: Path, label: Path | None, class_count: int, *, first: int = 1
) -> Reading:
    """Read an image and paint the polygons of its label file, in the order of their lines.

    ``first``: index of the file's class 0 in the class table.
    """
    image = read_image(image_path)
    height, width = image.shape[:2]
    polygons = read_polygons(label, class_count=class_count) if label else []
    return paint_objects(
        image,
        (
            PaintedObject(
                fill_polygon([points * (width, height)], height=height, width=width),
                class_index + first,
                number,
            )
            for number, (class_index, points) in enumerate(polygons, start=1)
        ),
    )


def read_polygons(path: Path, *, class_count: int) -> list[tuple[int, Float64Array]]:
    """Class and points (N, 2), as shares of width and height, of every line of a label file."""
    polygons = []
    for number, fields in _read_lines(path):
        where = f"{path}, line {number}"
        try:
            class_index, points = int(fields[0]), np.array(fields[1:], dtype=np.float64)
        except ValueError:
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
        if not 0 <= class_index < class_count:
            raise SegfitError(
                f"{where} has class {class_index}, but the classes are 0 to {class_count - 1}: "
                "correct the line, or name the class in data.yaml"
            )
        if not ((points >= 1 - MAX_COORDINATE) & (points <= MAX_COORDINATE)).all():
            raise SegfitError(
                f"{where} has coordinates outside 0 to 1: divide them by the image's width and "
                "height"
            )
        polygons.append((class_index, points.reshape(-1, 2)))
    return polygons


def read_class_names(root: Path) -> tuple[str, ...] | None:
    """Class names from ``data.yaml`` or ``classes.txt`` in the folder or in ``labels/``."""
    for name in DATA_FILES:
        if (root / name).is_file():
            from segfit.datasets.data_yaml import parse_names  # here, as few runs meet any YAML

            return parse_names(_read_text(root / name), root / name)
    for path in (root / "classes.txt", root / "labels" / "classes.txt"):
        if path.is_file():
            return tuple(line.strip() for line in _read_text(path).splitlines() if line.strip())
    return None


def _number_classes(files: Sequence[Path]) -> tuple[str, ...]:
    numbers = [int(f[0]) for file in files for _, f in _read_lines(file) if f[0].isdecimal()]
    return tuple(f"class_{number}" for number in range(max(numbers, default=0) + 1))


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    lines = enumerate(_read_text(path).splitlines(), start=1)
    return [(number, line.split()) for number, line in lines if line.strip()]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SegfitError(f"{path} is not UTF-8 text: save it as UTF-8") from None


LAYOUT = Layout("images/ and labels/ (YOLO)", find_yolo_images)
