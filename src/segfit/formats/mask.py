"""Masks: PNG images whose pixels are class indices, shown in the classes' colors."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from segfit.basics.arrays import UInt8Array
from segfit.basics.files import FilePath, write_file
from segfit.classes import IGNORE, ClassTable
from segfit.formats.format import Format, Result

_IGNORE_COLOR = (224, 224, 192)


def write_mask(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write the labels as an 8-bit palette PNG of the image's size; values are class indices."""
    write_file(path, encode_mask(result.labels, result.classes), force=force)


def encode_mask(labels: UInt8Array, classes: ClassTable) -> bytes:
    """Labels (H, W) uint8 as the bytes of a palette PNG."""
    # All 256 entries, since Pillow would pack a shorter palette's indices into fewer bits.
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes)] = classes.colors
    palette[IGNORE] = _IGNORE_COLOR
    image = Image.fromarray(labels)
    image.putpalette(palette.tobytes())
    data = io.BytesIO()
    image.save(data, "png")
    return data.getvalue()


FORMAT = Format("mask", "class of each pixel", ".png", write_mask, saved_as=(".png",))
