"""Masks: PNG images whose pixels are class indices, shown in the classes' colors, or numbers of
instances.
"""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from segfit.arrays import UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.errors import SegfitError
from segfit.files import FilePath, write_file
from segfit.result.segmentation import Segmentation

LARGEST_NUMBER = 65_535

_IGNORE_COLOR = (224, 224, 192)


def write_mask(segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
    """Write the labels as an 8-bit palette PNG of the image's size; values are class indices."""
    write_file(path, encode_mask(segmentation.labels, segmentation.classes), force=force)


def write_instances(segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
    """Write the instances as a 16-bit grey PNG of the image's size: 0 is none.

    Raises ``SegfitError`` where the classes have no instances, and for more than 65,535.
    """
    require_instances(segmentation.classes)
    count = int(segmentation.instances.max())
    if count > LARGEST_NUMBER:
        raise SegfitError(
            f"the image has {count} instances, and a 16-bit mask can number {LARGEST_NUMBER}: "
            "write coco, geojson or polygons, or leave small ones out with --min-area"
        )
    data = cv2.imencode(".png", segmentation.instances.astype(np.uint16))[1]
    write_file(path, data.tobytes(), force=force)


def require_instances(classes: ClassTable) -> None:
    """Raise ``SegfitError`` where no class has instances."""
    if not classes.things:
        raise SegfitError(
            "format instances: the model tells no instances apart; write mask, or train on data "
            'whose classes have instances ("instances": true in classes.json)'
        )


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


def read_mask(path: FilePath) -> UInt8Array:
    """Read the indices (H, W) uint8 of an 8-bit palette or grey PNG.

    Raises ``SegfitError`` for a file that is not such an image.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L"):
                raise SegfitError(
                    f"{path} is an image of mode {image.mode}; a mask is an 8-bit palette or grey "
                    "PNG whose values are class indices"
                )
            return np.array(image, dtype=np.uint8)
    except (UnidentifiedImageError, OSError) as error:
        name = Path(path).name
        raise SegfitError(f"cannot read {path}: {error}; is {name} a whole PNG file?") from error
