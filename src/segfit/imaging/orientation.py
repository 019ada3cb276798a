"""How an image lies: what its EXIF orientation says, and turning it upright."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

UPRIGHT = 1
"""The orientation of an image that is stored as it is looked at."""
_TAG = 274
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: np.fliplr,
    3: lambda values: np.rot90(values, 2),
    4: np.flipud,
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: np.rot90(values, 2).swapaxes(0, 1),
    8: np.rot90,
}
_BACK = {6: 8, 8: 6}
"""Which turn undoes another; the others undo themselves."""
# As in files.py, Image.open is not used: it tries some forty formats and has a limit of its own.
_READERS: dict[str, Callable[[Path], Image.Image]] = {
    ".jpg": JpegImageFile,
    ".jpeg": JpegImageFile,
    ".jpe": JpegImageFile,
    ".png": PngImageFile,
    ".webp": WebPImageFile,
}


def turn_upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn stored values (H, W) or (H, W, C) as their EXIF orientation says: a view of them.

    >>> turn_upright(np.array([[1, 2], [3, 4]]), 6).tolist()
    [[3, 1], [4, 2]]
    """
    return np.asarray(_TURNS.get(orientation, np.asarray)(values))


def turn_back(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn upright values (H, W) or (H, W, C) as they are stored: a view of them.

    >>> turn_back(np.array([[3, 1], [4, 2]]), 6).tolist()
    [[1, 2], [3, 4]]
    """
    return turn_upright(values, _BACK.get(orientation, orientation))


def find_orientation(header: Image.Image) -> int:
    """The EXIF orientation that a Pillow image says, whatever number it is; else ``UPRIGHT``."""
    return int(header.getexif().get(_TAG, UPRIGHT))


def read_orientation(path: Path) -> int:
    """The EXIF orientation, 1 to 8, in a file's header: how cameras store images.

    ``UPRIGHT`` where there is none, and for a file that cannot be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        return UPRIGHT
    try:
        with reader(path) as image:
            orientation = find_orientation(image)
    except Exception:  # decoders raise a dozen types; reading the image will say what is wrong
        return UPRIGHT
    return orientation if orientation in _TURNS else UPRIGHT
