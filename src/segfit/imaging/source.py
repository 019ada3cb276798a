"""What an image can be given as: a path, bytes, an open file, an array; and what to call it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segfit.basics.stores import StoreFile, find_url, read_url
from segfit.errors import SegfitError

ONE_IMAGE = (
    "an image: give one image, as a path, an array (H, W) or (H, W, 3), a Pillow image, the bytes "
    "of an image file, or a file opened in binary mode"
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://|data:", re.IGNORECASE)
_SHOWN_CHARACTERS = 60
HEAD_BYTES = 512


class OpenFile(Protocol):
    """A file opened in binary mode, or anything else that is read like one."""

    def read(self) -> bytes:
        """All the bytes that are left."""


class HoldsArray(Protocol):
    """Whatever NumPy can make an array of, such as a tensor of another library."""

    def __array__(self) -> NDArray[Any]:
        """The array."""


EncodedSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | OpenFile
"""An image file: where it lies, its bytes, or the file itself, opened."""
ImageSource: TypeAlias = EncodedSource | NDArray[Any] | Image.Image | HoldsArray


def name_source(source: object) -> str:
    """What to call an image in a message: its path, or "the image" where there is none."""
    return _find_path(source) or "the image"


def file_name(source: object) -> str | None:
    """The name of the file that an image comes from; None where that is not known.

    >>> file_name("scans/leaf.png")
    'leaf.png'
    """
    path = _find_path(source)
    return Path(path).name if path else None


def is_array(source: object) -> bool:
    """Whether something is an array, or gives one when asked."""
    if isinstance(source, memoryview):
        return source.ndim > 1
    if isinstance(source, str | bytes | np.generic | type):
        return False  # classes, and NumPy's own strings and numbers, offer an array as well
    return hasattr(source, "__array__") or hasattr(source, "__array_interface__")


def is_encoded(source: object) -> TypeGuard[EncodedSource]:
    """Whether something is an image file, rather than an image's values."""
    if is_array(source):
        return False
    is_file = isinstance(source, str | os.PathLike | bytes | bytearray | memoryview)
    return is_file or callable(getattr(source, "read", None))


def as_array(source: object, *, needed: str = ONE_IMAGE) -> NDArray[Any]:
    """The array that something is or holds.

    Raises SegfitError, saying that it is not what is ``needed``, for what holds none, and for
    one that cannot be had, such as that of a tensor in a graphics card's memory.
    """
    if not is_array(source):
        raise SegfitError(f"{_describe(source)} is not {needed}")
    if np.ma.is_masked(source):
        raise SegfitError(
            "some of the array's values are masked: give them one, such as array.filled(0), or "
            "array.astype(float).filled(np.nan) for values that nobody measured"
        )
    try:
        return np.asarray(source)
    except Exception as error:  # every library has its own
        raise SegfitError(
            f"{_describe(source)} cannot be read as an array ({error}): make it a NumPy array, "
            "for a tensor by .detach().cpu().numpy()"
        ) from error


def read_bytes(source: EncodedSource) -> bytes:
    """All the bytes of an image file; one that is open is read from where it stands to its end.

    Raises SegfitError for what cannot be read, for an empty file, and for a text file.
    """
    if isinstance(source, str | os.PathLike):
        return _read_path(source)
    if isinstance(source, bytes | bytearray | memoryview):
        if not len(source):
            raise SegfitError("the bytes of the image are empty: read its file again")
        return bytes(source)
    return _read_open_file(source)


def read_head(path: str | os.PathLike[str]) -> bytes:
    """The first bytes of a file, which tell its kind; raises ``SegfitError`` as ``read_bytes``."""
    return _read_path(path, HEAD_BYTES)


def open_parts(path: Path) -> Path | StoreFile:
    """What to read parts of a file by: its path, or the open file where it lies in a store."""
    url = find_url(path)
    return path if url is None else StoreFile(url)


def _read_path(source: str | os.PathLike[str], count: int = -1) -> bytes:
    path = os.fsdecode(source)
    if not path:
        raise SegfitError(f"an empty string is not {ONE_IMAGE}")
    if _ADDRESS.match(path):
        raise SegfitError(
            f"{path[:_SHOWN_CHARACTERS]} is an address, and nothing is fetched from one: download "
            "the image, then give the path of its file"
        )
    url = find_url(Path(path))
    try:
        if url is None:
            with open(path, "rb") as file:
                data = file.read(count)
        else:
            data = read_url(url) if count < 0 else StoreFile(url).read(count)
    except FileNotFoundError:
        if url is not None:
            raise SegfitError(f"{url}: no such file") from None
        raise SegfitError(_describe_missing(Path(path))) from None
    except IsADirectoryError:
        raise SegfitError(f"{path} is a folder; give an image, or the images in it") from None
    except (OSError, ValueError) as error:  # ValueError where the path holds a null character
        reason = getattr(error, "strerror", None) or error
        shown = repr(path[:_SHOWN_CHARACTERS]) if url is None else url
        raise SegfitError(f"{shown} cannot be read ({reason})") from error
    if not data:
        raise SegfitError(f"{path} is an empty file: copy it again")
    return data


def _describe_missing(path: Path) -> str:
    if path.is_symlink():
        return (
            f"{path} is a link to {os.readlink(path)}, which is not there: fetch that file, such "
            "as with git annex get or dvc pull, or delete the link"
        )
    return f"{path}: no such file"


def _read_open_file(source: OpenFile) -> bytes:
    name = _find_path(source) or "the file"
    try:
        data: object = source.read()
    except Exception as error:  # a closed file, one opened for writing, a broken connection …
        raise SegfitError(
            f"{name} cannot be read ({error}): open it in binary mode, with open(path, 'rb')"
        ) from error
    if not isinstance(data, bytes | bytearray):
        given = "text" if isinstance(data, str) else f"{_describe(data)}, not bytes"
        raise SegfitError(
            f"reading {name} gives {given}: open it in binary mode, with open(path, 'rb')"
        )
    if not data:
        raise SegfitError(f"{name} has nothing left to read: rewind it with .seek(0), or reopen it")
    return bytes(data)


def _find_path(source: object) -> str | None:
    """Where a file lies; None for what is not one, or does not say so."""
    if callable(getattr(source, "read", None)):
        source = getattr(source, "name", None)  # a number for a file opened by its descriptor
    if isinstance(source, Path):
        return find_url(source) or str(source)
    return os.fsdecode(source) if isinstance(source, str | os.PathLike) else None


def _describe(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, bool | int | float | complex | np.generic):
        return f"{value}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
