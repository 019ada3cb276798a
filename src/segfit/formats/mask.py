"""Masks: PNG images whose pixels are class indices, shown in the classes' colors.

The classes' names are in the file, too, as a text of PNG in the form of ``classes.json``.
"""

from __future__ import annotations

import io
import json
import zlib

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from segfit.basics.arrays import UInt8Array
from segfit.basics.files import FilePath, write_file
from segfit.classes import IGNORE, ClassTable
from segfit.formats.format import Format, Result

CLASSES_KEY = "segfit:classes"
"""Under which a mask names its classes."""
_IGNORE_COLOR = (224, 224, 192)


def write_mask(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write the labels as an 8-bit palette PNG of the image's size; values are class indices."""
    write_file(path, encode_mask(result.labels, result.classes), force=force)


def encode_mask(labels: UInt8Array, classes: ClassTable) -> bytes:
    """Labels (H, W) uint8 as the bytes of a palette PNG."""
    image = Image.fromarray(labels)
    image.putpalette(make_palette(classes).tobytes())
    return encode_png(image, describe_classes(classes), compress_type=zlib.Z_RLE)


def make_palette(classes: ClassTable) -> UInt8Array:
    """Colors of all values of a label grid, (256, 3).

    All of them, since Pillow would pack the indices of a shorter palette into fewer bits.
    """
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes)] = classes.colors
    palette[IGNORE] = _IGNORE_COLOR
    return palette


def describe_classes(classes: ClassTable) -> str:
    """The classes by their values, as ``classes.json`` has them."""
    entries = [
        {
            "name": name,
            "value": index,
            "color": f"#{red:02x}{green:02x}{blue:02x}",
            "instances": index in classes.object_classes,
        }
        for index, (name, (red, green, blue)) in enumerate(
            zip(classes.names, classes.colors, strict=True)
        )
    ]
    spec = {"classes": entries, "background": classes.background, "ignore": [IGNORE]}
    return json.dumps(spec, ensure_ascii=False)


def encode_png(
    image: Image.Image, named_classes: str, *, compress_type: int = zlib.Z_DEFAULT_STRATEGY
) -> bytes:
    """The bytes of a PNG that names its classes, if any are given.

    ``compress_type``: zlib's strategy. Of 8-bit labels, looking for runs alone takes less than half
    of the time, and the files are smaller.
    """
    text = PngInfo()
    if named_classes:
        text.add_itxt(CLASSES_KEY, named_classes)
    data = io.BytesIO()
    image.save(data, "png", pnginfo=text, compress_type=compress_type)
    return data.getvalue()


FORMAT = Format("mask", "class of each pixel", ".png", write_mask, saved_as=(".png",))
