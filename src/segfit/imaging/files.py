"""Image files: their headers, read before anything is decoded, and the values that they store."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.imaging.orientation import turn_upright
from segfit.imaging.source import EncodedSource, name_source, read_bytes

Values: TypeAlias = NDArray[Any]

DEFAULT_MAX_MEGAPIXELS = 256.0

# Image.open is not used on files: it guards against huge images with a limit of its own, as a
# process-wide setting, and tries some forty formats on whatever it is given.
_HEADER_READERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
}
_TIFF_REDUCED_COPY = 1
_EXIF_ORIENTATION = 274


@dataclass(frozen=True)
class ImageFile:
    """A file whose header has been read and found good; its pixels are not decoded yet."""

    name: str
    data: bytes
    kind: str
    by_opencv: bool  # Pillow reads no 16-bit color, and PNG and WebP more slowly
    has_palette: bool = False
    orientation: int = 1  # EXIF, 1 to 8; only where the decoder leaves it to us

    __repr__ = show_briefly


def open_image_file(
    source: EncodedSource, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> ImageFile:
    """Read a file and its header; SegfitError where it is not a single image of a fair size."""
    name, data = name_source(source), read_bytes(source)
    kind = _find_kind(name, data)
    try:
        if kind == "TIFF":
            return _open_tiff(name, data, max_megapixels=max_megapixels)
        with _HEADER_READERS[kind](io.BytesIO(data)) as header:
            check_megapixels(name, header.height, header.width, max_megapixels=max_megapixels)
            _check_single(name, getattr(header, "n_frames", 1))
            has_palette = header.mode == "P"
            whole_bytes = kind == "WebP" or (kind == "PNG" and data[24] >= 8)
            plain = not has_palette and "transparency" not in header.info
            deep = kind == "PNG" and data[24] == 16
            by_opencv = deep or (whole_bytes and plain and "exif" not in header.info)
            orientation = int(header.getexif().get(_EXIF_ORIENTATION, 1)) if deep else 1
    except SegfitError:
        raise
    except Exception as error:  # decoders raise a dozen types on broken headers
        raise SegfitError(_broken(name, kind, error)) from error
    if kind == "PNG" and data.rfind(b"IEND") < 0:
        raise SegfitError(_broken(name, kind, "the file ends too early"))
    return ImageFile(name, data, kind, by_opencv, has_palette, orientation)


def decode_values(file: ImageFile, *, palette_as_colors: bool) -> Values:
    """Decode the values as the file stores them: (H, W), (H, W, 3) or (H, W, 4), upright.

    With ``palette_as_colors=False`` a palette image gives its indices.
    """
    try:
        if file.by_opencv:
            return _decode_by_opencv(file)
        with _HEADER_READERS[file.kind](io.BytesIO(file.data)) as image:
            image.load()
            return extract_values(
                ImageOps.exif_transpose(image), palette_as_colors=palette_as_colors
            )
    except SegfitError:
        raise
    except Exception as error:  # decoders raise a dozen types on broken data
        raise SegfitError(_broken(file.name, file.kind, error)) from error


def _find_kind(name: str, data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    raise SegfitError(
        f"{name} is not a PNG, JPEG, WebP, TIFF, BMP or GIF image (it begins with "
        f"{data[:8]!r}): convert it to PNG"
    )


def _open_tiff(name: str, data: bytes, *, max_megapixels: float) -> ImageFile:
    stream = io.BytesIO(data)
    big = data[2:3] == b"+" or data[3:4] == b"+"
    header = stream.read(16 if big else 8)
    first: ImageFileDirectory_v2 | None = None
    pages = 0
    seen: set[int] = set()
    position = ImageFileDirectory_v2(header).next
    while position and position not in seen:
        seen.add(position)
        stream.seek(position)
        page = ImageFileDirectory_v2(header)
        page.load(stream)
        if 256 not in page or 257 not in page:
            raise SegfitError(_broken(name, "TIFF", "no width and height where a page should be"))
        first = first or page
        pages += not int(page.get(254, 0)) & _TIFF_REDUCED_COPY
        position = page.next
    if first is None:
        raise SegfitError(_broken(name, "TIFF", "it has no page"))
    check_megapixels(name, int(first[257]), int(first[256]), max_megapixels=max_megapixels)
    _check_single(name, pages)
    ends = np.add(first.get(273, first.get(324, 0)), first.get(279, first.get(325, 0)))
    if np.max(ends) > len(data):
        raise SegfitError(_broken(name, "TIFF", "the file ends too early"))
    by_opencv = max(first.get(258, (1,))) > 8
    return ImageFile(name, data, "TIFF", by_opencv=by_opencv, has_palette=first.get(262) == 3)


def check_megapixels(name: str, height: int, width: int, *, max_megapixels: float) -> None:
    """Raise SegfitError where the image has more pixels than are read."""
    megapixels = height * width / 1e6
    if megapixels > max_megapixels:
        raise SegfitError(
            f"{name} is {height}×{width} px, {megapixels:.0f} megapixels, and at most "
            f"{max_megapixels:g} are read: cut it into tiles, or raise max_megapixels"
        )


def _check_single(name: str, frames: int) -> None:
    if frames > 1:
        raise SegfitError(
            f"{name} holds {frames} pages or frames; segfit reads single images: extract one, "
            "with Pillow (open it, then .seek(0) and .save('page.png')), or from a TIFF with "
            "tifffile.imread(…, key=0)"
        )


def _broken(name: str, kind: str, reason: object) -> str:
    return f"{name}: this {kind} file is damaged ({reason}): export or copy it again"


def _decode_by_opencv(file: ImageFile) -> Values:
    values = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise SegfitError(_broken(file.name, file.kind, "OpenCV cannot decode it"))
    if values.ndim == 3 and values.shape[2] == 3:
        values = cv2.cvtColor(values, cv2.COLOR_BGR2RGB)
    elif values.ndim == 3 and values.shape[2] == 4:
        values = cv2.cvtColor(values, cv2.COLOR_BGRA2RGBA)
    return turn_upright(values, file.orientation)


def extract_values(image: Image.Image, *, palette_as_colors: bool) -> Values:
    """The values (H, W), (H, W, 3) or (H, W, 4) of a Pillow image of any mode."""
    if image.mode == "P" and not palette_as_colors:
        return np.asarray(image)
    if image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("1", "L", "RGB", "RGBA", "F", "I") and not image.mode.startswith("I;"):
        image = image.convert("RGB")
    return np.asarray(image)
