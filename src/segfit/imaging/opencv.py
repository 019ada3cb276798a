"""OpenCV's decoders, without the text that they write to the terminal."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SILENT = cv2.utils.logging.LOG_LEVEL_SILENT


PNG_HEAD = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def keep_png_pixels(data: bytes) -> bytes:
    """A PNG without profiles, texts and the like, of whose mistakes libpng writes to the terminal.

    Raises ``ValueError`` for a file that ends too early, and for a wrong checksum.
    """
    kept, place = [PNG_HEAD], len(PNG_HEAD)
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + length
        if end > len(data):
            raise ValueError("the file ends too early")
        if kind in PNG_KEPT:
            (checksum,) = struct.unpack(">I", data[end - 4 : end])
            if zlib.crc32(data[place + 4 : end - 4]) != checksum:
                raise ValueError(f"the checksum of its part {kind.decode()} is wrong")
            kept.append(data[place:end])
        if kind == b"IEND":
            break
        place = end
    return b"".join(kept)


def decode_by_opencv(data: bytes) -> NDArray[Any] | None:
    """The values of an image file as it stores them, in OpenCV's order; None where it cannot."""
    before = cv2.utils.logging.setLogLevel(_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(before)
