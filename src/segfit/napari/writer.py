"""Layers of labels as files in segfit's layout: masks of classes, and numbers of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segfit.basics.files import write_file
from segfit.classes import IGNORE, ClassTable
from segfit.errors import SegfitError
from segfit.formats.instances import LARGEST_NUMBER, describe_objects
from segfit.formats.layers.label_stack import PlaneStore, StackHead, write_label_stack
from segfit.formats.mask import encode_mask, encode_png
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.imaging.tiff_metadata import make_scale
from segfit.napari.classes import CLASSES, find_classes, parse_classes

AXES = "QTZ"
"""What the axes of a stack before height and width are, the last of them first: z, then time."""


def write_objects(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the numbers of objects: a 16-bit PNG, or an OME-TIFF, of stacks too.

    A file that exists is replaced: napari has asked. Raises ``SegfitError`` for a PNG of a stack,
    or of numbers above 65,535.
    """
    values = _check(path, data)
    if _is_png(path, values):
        if values.max(initial=0) > LARGEST_NUMBER:
            raise SegfitError(f"{path}: a PNG can number {LARGEST_NUMBER} objects: save it as .tif")
        text = attributes.get("metadata", {}).get(CLASSES)
        described = "" if text is None else describe_objects(parse_classes(text, Path(path)))
        image = Image.fromarray(values.astype(np.uint16))
        write_file(path, encode_png(image, described), force=True)
        return [path]
    return _write_stack(path, values.astype(np.uint32), attributes, None)


def write_classes(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the classes of pixels: a palette PNG that names them, or an OME-TIFF, of stacks too.

    Classes are those of the layer's metadata, or else one for each value. Raises ``SegfitError``
    for a PNG of a stack, and for values that are no classes.
    """
    values = _check(path, data)
    if values.max(initial=0) > IGNORE:
        raise SegfitError(
            f"{path}: the layer has the value {values.max()}, and classes go to {IGNORE - 1}: save "
            "it as numbers of objects"
        )
    classes = find_classes(attributes, int(values[values != IGNORE].max(initial=0)))
    labels = values.astype(np.uint8)
    if _is_png(path, values):
        write_file(path, encode_mask(labels, classes), force=True)
        return [path]
    return _write_stack(path, labels, attributes, classes)


def _check(path: str, data: Any) -> NDArray[Any]:
    values = np.asarray(data)
    if values.dtype.kind not in "bui" or values.ndim < 2 or values.min(initial=0) < 0:
        raise SegfitError(
            f"{path}: the layer is {values.dtype} of shape {values.shape}; labels are whole "
            "numbers from 0, of an image or a stack"
        )
    return values


def _is_png(path: str, values: NDArray[Any]) -> bool:
    is_png = Path(path).suffix.lower() == ".png"
    if is_png and values.ndim > 2:
        raise SegfitError(f"{path}: a PNG holds one plane, the layer a stack: save it as .tif")
    return is_png


def _write_stack(
    path: str, values: NDArray[Any], attributes: dict[str, Any], classes: ClassTable | None
) -> list[str]:
    sizes = values.shape[:-2]
    if len(sizes) > len(AXES):
        raise SegfitError(
            f"{path}: the layer has {len(sizes)} axes before height and width, and a stack can "
            f"have {len(AXES)}: save a part of it"
        )
    axes = dict(zip(AXES[len(AXES) - len(sizes) :], sizes, strict=True))
    target = Path(path)
    head = StackHead(target.name, axes, {}, _find_scale(attributes), classes)
    planes = values.reshape(-1, *values.shape[-2:])
    store = PlaneStore(target.parent, len(planes), planes.shape[1:], values.dtype)
    try:
        for number, plane in enumerate(planes):
            store.write(number, plane)
        write_label_stack(target, store, head, force=True)
    finally:
        store.close()
    return [path]


def _find_scale(attributes: dict[str, Any]) -> Scale:
    """The size of a pixel, where the layer has it in a unit of length, and pixels are square."""
    sides, units = attributes.get("scale", ()), [str(one) for one in attributes.get("units") or ()]
    if len(sides) < 2 or len(units) < 2 or units[-1] == "pixel" or units[-1] != units[-2]:
        return IN_PIXELS
    scale, _ = make_scale(float(sides[-1]), float(sides[-2]), units[-1], origin="napari")
    return scale or IN_PIXELS
