"""CVAT's "Segmentation mask 1.1": Pascal VOC's masks of classes and of objects, with their names.

A run's folder ``cvat/`` has ``labelmap.txt``, ``SegmentationClass/``, ``SegmentationObject/`` and
``ImageSets/Segmentation/default.txt``; packed as a .zip it can be uploaded as annotations.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.basics.files import FilePath, check_writable, make_folder, write_file
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.format import Format, Result
from segfit.partition.label_grid import LabelGrid, unpack_codes
from segfit.partition.trace import find_runs

FOLDER = "cvat"
CLASS_FOLDER, OBJECT_FOLDER = "SegmentationClass", "SegmentationObject"
LABELMAP = "labelmap.txt"
BACKGROUND = "background"
PALETTE_SIZE = 256


def write_cvat(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write the mask of classes to ``path``, and that of objects beside it, see ``object_path``.

    Both are as large as the image. Every region but the background's is an object, since CVAT
    reads none that has no number. Colors are those of VOC: class k of ``list_names`` has color k;
    objects are numbered from 1, in a palette up to 255 of them, else in RGB.
    """
    objects = object_path(Path(path))
    make_folder(objects.parent)
    check_writable(objects, force=force)
    numbers = number_colors(result.classes)
    write_file(path, _encode(numbers[result.labels]), force=force)
    write_file(objects, _encode(number_regions(result)), force=force)


def object_path(path: Path) -> Path:
    """Where the mask of objects lies: in its own folder, or else under another name.

    >>> object_path(Path("cvat/SegmentationClass/a.png")).as_posix()
    'cvat/SegmentationObject/a.png'
    >>> object_path(Path("a.png")).as_posix()
    'a_objects.png'
    """
    if CLASS_FOLDER not in path.parts:
        return path.with_name(f"{path.stem}_objects{path.suffix}")
    place = len(path.parts) - 1 - path.parts[::-1].index(CLASS_FOLDER)
    return Path(*path.parts[:place], OBJECT_FOLDER, *path.parts[place + 1 :])


def number_colors(classes: ClassTable) -> UInt8Array:
    """The color's number of each value of a label grid, (256,): the background's is 0.

    Pixels that are ignored become background, since CVAT knows no others.
    """
    numbers = np.zeros(PALETTE_SIZE, np.uint8)
    numbers[list(classes.foreground)] = np.arange(1, len(classes.foreground) + 1)
    return numbers


def list_names(classes: ClassTable) -> list[str]:
    """The names of ``labelmap.txt``: the background, whatever it is called, and the others.

    Raises ``SegfitError`` for names that it cannot hold.
    """
    foreground = [classes.names[index] for index in classes.foreground]
    for name in foreground:
        if ":" in name or name.startswith("#") or name.lower() == BACKGROUND:
            raise SegfitError(
                f"class {name!r} cannot be named in {LABELMAP}, which divides names by colons, "
                f"takes # for a comment and {BACKGROUND} for what is no class: rename the class, "
                "or write another format"
            )
    return [BACKGROUND, *foreground]


def describe_classes(classes: ClassTable) -> Mapping[str, bytes]:
    """``labelmap.txt``: a line ``name:red,green,blue::`` for each class."""
    names = list_names(classes)
    colors = make_colors(np.arange(len(names), dtype=np.int32)).tolist()
    lines = ["# label:color_rgb:parts:actions"]
    lines += [
        f"{name}:{','.join(map(str, color))}::" for name, color in zip(names, colors, strict=True)
    ]
    return {f"{FOLDER}/{LABELMAP}": ("\n".join(lines) + "\n").encode()}


def number_regions(result: Result) -> Int32Array:
    """Number of each pixel's region, (H, W), from 1 in reading order; 0 for the background."""
    grid = LabelGrid(result.labels, result.objects if result.classes.object_classes else None)
    runs = find_runs(grid.codes)
    labels = unpack_codes(runs.region_labels)[0]
    is_region = labels < len(result.classes)
    if result.classes.background is not None:
        is_region &= labels != result.classes.background
    numbers = (np.cumsum(is_region) * is_region).astype(np.int32)
    return np.repeat(numbers[runs.regions], runs.lengths).reshape(result.labels.shape)


def make_colors(numbers: Int32Array) -> UInt8Array:
    """VOC's colors of numbers (…,), (…, 3): their bits are dealt out to the channels in turn.

    >>> make_colors(np.array([0, 1, 2, 3])).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    colors = np.zeros((*numbers.shape, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = numbers >> (3 * place + channel) & 1
            colors[..., channel] |= (bit << (7 - place)).astype(np.uint8)
    return colors


def _encode(numbers: UInt8Array | Int32Array) -> bytes:
    """Numbers (H, W) as the bytes of a PNG in VOC's colors."""
    if numbers.max(initial=0) < PALETTE_SIZE:
        image = Image.fromarray(numbers.astype(np.uint8))
        image.putpalette(make_colors(np.arange(PALETTE_SIZE, dtype=np.int32)).tobytes())
    else:
        image = Image.fromarray(make_colors(numbers.astype(np.int32)))
    data = io.BytesIO()
    image.save(data, "png")
    return data.getvalue()


def _name_files(path: FilePath, classes: ClassTable) -> tuple[Path, ...]:
    return Path(path), object_path(Path(path))


FORMAT = Format(
    "cvat",
    'masks to correct in CVAT ("Segmentation mask 1.1")',
    ".png",
    write_cvat,
    files=_name_files,
    folder=f"{FOLDER}/{CLASS_FOLDER}",
    companions=describe_classes,
)
