"""Image files: their headers, read before anything is decoded, and the values that they store."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS, check_megapixels
from segfit.imaging.opencv import decode_by_opencv, keep_png_pixels
from segfit.imaging.orientation import UPRIGHT, find_orientation, turn_upright
from segfit.imaging.scale import Scale
from segfit.imaging.source import EncodedSource, name_source, read_bytes
from segfit.imaging.stored import StoredImage, Values, store_values
from segfit.imaging.tiff import find_tiff_scale, is_tiff, measure_tiff, read_tiff
from segfit.imaging.unread import describe_unread

# Image.open is not used on files: it guards against huge images with a limit of its own, as a
# process-wide setting, and tries some forty formats on whatever it is given.
_HEADER_READERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
}

STRIP_BYTES = 1 << 20


@dataclass(frozen=True)
class ImageFile:
    """A file whose header has been read and found good; its pixels are not decoded yet."""

    name: str
    data: bytes
    kind: str
    by_opencv: bool  # Pillow reads no 16-bit color, and PNG and WebP more slowly
    has_palette: bool = False
    orientation: int = UPRIGHT  # EXIF, 1 to 8; only where the decoder leaves it to us

    __repr__ = show_briefly


def open_image_file(
    source: EncodedSource, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> ImageFile:
    """Read a file and its header; SegfitError where it is not a single image of a fair size."""
    name, data = name_source(source), read_bytes(source)
    kind = find_kind(name, data)
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
            orientation = find_orientation(header) if deep else UPRIGHT
    except SegfitError:
        raise
    except Exception as error:  # decoders raise a dozen types on broken headers
        raise SegfitError(_broken(name, kind, error)) from error
    if kind == "PNG" and data.rfind(b"IEND") < 0:
        raise SegfitError(_broken(name, kind, "the file ends too early"))
    return ImageFile(name, data, kind, by_opencv, has_palette, orientation)


def decode_values(file: ImageFile, *, palette_as_colors: bool, keep_nodata: bool = False) -> Values:
    """Decode the values as the file stores them: (H, W), (H, W, 3) or (H, W, 4), upright.

    With ``palette_as_colors=False`` a palette image gives its indices. ``keep_nodata``: see
    ``read_tiff``.
    """
    if file.kind == "TIFF":
        stored = read_tiff(file.name, file.data, keep_nodata=keep_nodata)
        return _flatten(stored, palette_as_colors=palette_as_colors)
    try:
        if file.by_opencv:
            return _decode_by_opencv(file)
        with _HEADER_READERS[file.kind](io.BytesIO(file.data)) as image:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # which copies nothing that is upright
            return extract_values(image, palette_as_colors=palette_as_colors)
    except SegfitError:
        raise
    except Exception as error:  # decoders raise a dozen types on broken data
        raise SegfitError(_broken(file.name, file.kind, error)) from error


def read_file(
    source: EncodedSource, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> StoredImage:
    """Read a file with the values that it stores; raises as ``open_image_file`` does."""
    file = open_image_file(source, max_megapixels=max_megapixels)
    if file.kind == "TIFF":
        return read_tiff(file.name, file.data)
    return store_values(file.name, decode_values(file, palette_as_colors=True))


def read_scale(source: EncodedSource) -> tuple[Scale | None, str]:
    """The size of a pixel, where a TIFF says it; and why one that it says is not used."""
    name, data = name_source(source), read_bytes(source)
    return find_tiff_scale(name, data) if find_kind(name, data) == "TIFF" else (None, "")


def _flatten(stored: StoredImage, *, palette_as_colors: bool) -> Values:
    """A TIFF's values as those of other files; its stored values, be zero white or black."""
    if stored.palette is not None and palette_as_colors:
        return stored.show()
    count = len(stored.names)
    if stored.planes is not None or (count not in (1, 3) and (count, stored.alpha) != (4, 3)):
        stored.show()  # which says what there is to choose from
    return stored.values[..., 0] if count == 1 else stored.values


def find_kind(name: str, data: bytes) -> str:
    """The kind of a file that begins so; ``SegfitError``, naming it where known, for others."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if is_tiff(data):
        return "TIFF"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    known = describe_unread(data)
    if known is not None:
        raise SegfitError(f"{name} is {known}")
    raise SegfitError(
        f"{name} is not a PNG, JPEG, WebP, TIFF, BMP or GIF image (it begins with "
        f"{data[:8]!r}): convert it to PNG"
    )


def _open_tiff(name: str, data: bytes, *, max_megapixels: float) -> ImageFile:
    check_megapixels(name, *measure_tiff(name, data), max_megapixels=max_megapixels)
    return ImageFile(name, data, "TIFF", by_opencv=False)


def _check_single(name: str, frames: int) -> None:
    if frames > 1:
        raise SegfitError(
            f"{name} holds {frames} pages or frames; segfit reads single images: extract one, "
            "with Pillow (open it, then .seek(0) and .save('page.png'))"
        )


def _broken(name: str, kind: str, reason: object) -> str:
    return f"{name}: this {kind} file is damaged ({reason}): export or copy it again"


def _decode_by_opencv(file: ImageFile) -> Values:
    is_png = file.kind == "PNG"
    values = decode_by_opencv(keep_png_pixels(file.data) if is_png else file.data)
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
        return copy_pixels(image)
    if image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("1", "L", "RGB", "RGBA", "F", "I") and not image.mode.startswith("I;"):
        image = image.convert("RGB")
    return copy_pixels(image)


def copy_pixels(image: Image.Image) -> Values:
    """The values of a Pillow image, (H, W) or (H, W, C), of the type that NumPy gives its mode.

    In strips that stay in the processor's cache: a third of the time of ``np.asarray`` of it all.
    """
    width, height = image.size
    rows = max(1, STRIP_BYTES // (width * len(image.getbands())))
    if height <= rows:
        return np.asarray(image)
    first = np.asarray(image.crop((0, 0, width, rows)))
    values = np.empty((height, *first.shape[1:]), first.dtype)
    values[:rows] = first
    for top in range(rows, height, rows):
        bottom = min(height, top + rows)
        values[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return values
