"""Every image that enters: files and arrays of many kinds become (H, W, 3) uint8 RGB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.array import store_array
from segfit.imaging.channel_names import ChannelChoice, describe_choice
from segfit.imaging.channels import Channels
from segfit.imaging.files import extract_values, read_file
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS, check_megapixels
from segfit.imaging.orientation import read_orientation, turn_back
from segfit.imaging.source import ImageSource, as_array, is_encoded
from segfit.imaging.stored import StoredImage, store_values

MIN_SIDE_PX = 8
Held = TypeVar("Held")

_CHOSEN: ContextVar[Channels | None] = ContextVar("channels", default=None)
_NAMES: ContextVar[list[tuple[str, ...]] | None] = ContextVar("names", default=None)
_AS_STORED: ContextVar[bool] = ContextVar("as_stored", default=False)


def choosing(channels: Channels | None) -> AbstractContextManager[None]:
    """Within it, ``read_image`` takes these channels where it is given none.

    So the readers of labelled images, which are many, need not pass on what is none of their
    business. It holds for the thread that enters it, until it leaves.
    """
    return _holding(_CHOSEN, channels)


@contextmanager
def noting_names() -> Iterator[list[tuple[str, ...]]]:
    """Within it, ``read_image`` adds the names of the channels that it takes to a list."""
    noted: list[tuple[str, ...]] = []
    with _holding(_NAMES, noted):
        yield noted


def find_chosen() -> Channels | None:
    """The channels that whoever reads images takes here, see ``choosing``; None for all."""
    return _CHOSEN.get()


def note_names(names: tuple[str, ...]) -> None:
    """Add the names of the channels that were taken to the list of ``noting_names``, if any."""
    noted = _NAMES.get()
    if noted is not None:
        noted.append(names)


def leaving_as_stored() -> AbstractContextManager[None]:
    """Within it, ``read_image`` does not turn files upright; see ``choosing``."""
    return _holding(_AS_STORED, True)


@contextmanager
def _holding(variable: ContextVar[Held], value: Held) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)


def read_image(
    source: ImageSource,
    *,
    channels: ChannelChoice = None,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
) -> UInt8Array:
    """Read a file, an array or a Pillow image as (H, W, 3) uint8 RGB, C-contiguous.

    Files, by their path, as bytes, or opened in binary mode: PNG, JPEG, WebP, TIFF, BMP and still
    GIF, turned upright by their orientation. Arrays, and what NumPy can make one of, such as a
    tensor: (H, W) or (H, W, C) of bool, whole numbers or float, channels in the order R, G, B, A;
    an array that already is what is asked for is returned itself, so do not write into the result.

    ``channels``: which of an image's channels to take, counted from 0: one, or three as red, green
    and blue. Without it, an image has one or three, and alpha perhaps.

    - uint8 stays as it is; bool becomes 0 or 255; grey is repeated over the three channels.
    - Float within [0, 1] is multiplied by 255.
    - All other values: the 0.1 to 99.9 percentile of all finite ones is mapped to 0..255 and the
      rest is clipped (where these two are equal, minimum to maximum; a constant image becomes
      black); the colors of a photograph, and of an array, together, other channels each by itself.
      NaN, and what a file says stands for no value, becomes 0.
    - An image with alpha is laid over white, as a viewer shows it.

    Raises SegfitError, naming the file and the reason, for what is missing, truncated, not an
    image, animated, of several pages, or larger than ``max_megapixels`` (found in the header,
    before decoding), and for channels that there are not, or that need to be chosen.

    >>> read_image(np.array([[0.0, 1.0]]))[0].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    return read_chosen(source, channels=channels, max_megapixels=max_megapixels)[0]


def read_chosen(
    source: ImageSource,
    *,
    channels: ChannelChoice = None,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
) -> tuple[UInt8Array, str]:
    """The same as ``read_image``, and what to tell of the channels, see ``describe_choice``."""
    choice = _CHOSEN.get() if channels is None else channels
    stored = read_stored(source, max_megapixels=max_megapixels)
    taken = stored.find(choice)
    shown, note = stored.show(taken), describe_choice(stored.names, choice, taken)
    note_names(stored.names if taken is None else tuple(stored.names[n] for n in taken))
    if _AS_STORED.get() and isinstance(source, str | PathLike):
        return np.ascontiguousarray(turn_back(shown, read_orientation(Path(source)))), note
    return shown, note


def read_stored(
    source: ImageSource, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> StoredImage:
    """Read the same sources as ``read_image`` with the values that were measured."""
    if isinstance(source, Image.Image):
        values = _decode_pillow(source, max_megapixels=max_megapixels)
        return store_values("the image", values)
    if is_encoded(source):
        return read_file(source, max_megapixels=max_megapixels)
    return store_array(as_array(source), max_megapixels=max_megapixels)


def check_size(image: NDArray[Any], name: str) -> None:
    """Raise SegfitError where a side of the image has fewer than ``MIN_SIDE_PX`` pixels."""
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise SegfitError(
            f"{name} is {height}×{width} px; segfit needs at least {MIN_SIDE_PX} px a side: "
            "give a larger image or enlarge this one"
        )


def _decode_pillow(image: Image.Image, *, max_megapixels: float) -> NDArray[Any]:
    if 0 in image.size:
        raise SegfitError(f"the image is {image.height}×{image.width} px and has no pixels")
    check_megapixels("the image", image.height, image.width, max_megapixels=max_megapixels)
    try:
        return extract_values(ImageOps.exif_transpose(image), palette_as_colors=True)
    except Exception as error:  # Pillow decodes late, and decoders raise a dozen types
        raise SegfitError(
            f"Pillow cannot decode the image ({error}): open it again, or export it again"
        ) from error
