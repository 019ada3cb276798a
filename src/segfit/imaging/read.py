"""Every image that enters: files and arrays of many kinds become (H, W, 3) uint8 RGB."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
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

from segfit.arrays import UInt8Array
from segfit.errors import SegfitError

ImageSource: TypeAlias = str | os.PathLike[str] | NDArray[Any] | Image.Image
Values: TypeAlias = NDArray[Any]

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
)
MIN_SIDE_PX = 8
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
_UPRIGHT: dict[int, Callable[[Values], Values]] = {
    2: np.fliplr,
    3: lambda values: np.rot90(values, 2),
    4: np.flipud,
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: np.rot90(values, 2).swapaxes(0, 1),
    8: np.rot90,
}


@dataclass(frozen=True)
class ImageFile:
    """A file whose header has been read and found good; its pixels are not decoded yet."""

    name: str
    data: bytes
    kind: str
    by_opencv: bool  # Pillow reads no 16-bit color, and PNG and WebP more slowly
    has_palette: bool = False
    orientation: int = 1  # EXIF, 1 to 8; only where the decoder leaves it to us


def read_image(
    source: ImageSource, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> UInt8Array:
    """Read a file, an array or a Pillow image as (H, W, 3) uint8 RGB, C-contiguous.

    Files: PNG, JPEG, WebP, TIFF, BMP and still GIF, of 8 or 16 bits or floating point, turned
    upright by their EXIF orientation. Arrays: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool,
    uint8, uint16 or float, channels in the order R, G, B, A; an array that already is what is
    asked for is returned itself, so do not write into the result.

    - uint8 stays as it is; bool becomes 0 or 255; grey is repeated over the three channels.
    - Float within [0, 1] is multiplied by 255.
    - Other float, 16-bit and 32-bit images: the 0.1 to 99.9 percentile of all their finite
      values, channels together, is mapped to 0..255 and the rest is clipped (where these two are
      equal, minimum to maximum; a constant image becomes black). NaN becomes 0.
    - An image with alpha is laid over white, as a viewer shows it.

    Raises SegfitError, naming the file and the reason, for what is missing, truncated, not an
    image, animated, of several pages, or larger than ``max_megapixels`` (found in the header,
    before decoding).

    >>> read_image(np.array([[0.0, 1.0]]))[0].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    if isinstance(source, np.ndarray):
        name, values = "the array", source
        _check_array(values, max_megapixels=max_megapixels)
    elif isinstance(source, Image.Image):
        name = "the image"
        _check_megapixels(name, source.height, source.width, max_megapixels=max_megapixels)
        values = _pillow_values(ImageOps.exif_transpose(source), palette_as_colors=True)
    else:
        file = open_image_file(source, max_megapixels=max_megapixels)
        name, values = file.name, decode_values(file, palette_as_colors=True)
    return _to_rgb8(values)


def check_size(image: NDArray[Any], name: str) -> None:
    """Raise SegfitError where a side of the image has fewer than ``MIN_SIDE_PX`` pixels."""
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise SegfitError(
            f"{name} is {height}×{width} px; segfit needs at least {MIN_SIDE_PX} px a side: "
            "give a larger image or enlarge this one"
        )


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the images that files, folders and glob patterns (``**`` too) stand for.

    A folder gives its own images, sorted, without those of its subfolders; so does a pattern. A
    file is taken whatever its suffix. Each file comes once, where it is first named. Raises
    SegfitError for an entry that gives nothing, and for no entries at all.
    """
    found: dict[Path, None] = {}
    entries = [os.fspath(entry) for entry in paths]
    for entry in entries:
        path = Path(entry)
        if path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = list_images(path)
        elif glob.has_magic(entry):
            matches = sorted(
                match
                for match in map(Path, glob.glob(entry, recursive=True))
                if is_image_file(match)
            )
        else:
            raise SegfitError(f"{entry}: no such file or folder")
        if not matches:
            where = "in this folder (subfolders are not searched)" if path.is_dir() else "matches"
            raise SegfitError(
                f"{entry}: no image {where}; looked for {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        found.update(dict.fromkeys(matches))
    if not found:
        raise SegfitError("no image given: name files, folders or patterns such as 'scans/*.png'")
    return list(found)


def is_image_file(path: Path) -> bool:
    """Whether this is a file with an image's suffix; hidden files are none."""
    hidden = path.name.startswith(".")
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def list_images(folder: Path) -> list[Path]:
    """The images directly in a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if is_image_file(path))


def open_image_file(
    path: str | os.PathLike[str], *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> ImageFile:
    """Read a file and its header; SegfitError where it is not a single image of a fair size."""
    name = os.fspath(path)
    data = _read_bytes(name)
    kind = _find_kind(name, data)
    try:
        if kind == "TIFF":
            return _open_tiff(name, data, max_megapixels=max_megapixels)
        with _HEADER_READERS[kind](io.BytesIO(data)) as header:
            _check_megapixels(name, header.height, header.width, max_megapixels=max_megapixels)
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
            return _pillow_values(
                ImageOps.exif_transpose(image), palette_as_colors=palette_as_colors
            )
    except SegfitError:
        raise
    except Exception as error:  # decoders raise a dozen types on broken data
        raise SegfitError(_broken(file.name, file.kind, error)) from error


def _read_bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise SegfitError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise SegfitError(f"{name} is a folder; give an image, or the images in it") from None
    except OSError as error:
        raise SegfitError(f"{name}: cannot be read ({error.strerror})") from error


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
    if not data:
        raise SegfitError(f"{name} is an empty file: copy it again")
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
    _check_megapixels(name, int(first[257]), int(first[256]), max_megapixels=max_megapixels)
    _check_single(name, pages)
    ends = np.add(first.get(273, first.get(324, 0)), first.get(279, first.get(325, 0)))
    if np.max(ends) > len(data):
        raise SegfitError(_broken(name, "TIFF", "the file ends too early"))
    by_opencv = max(first.get(258, (1,))) > 8
    return ImageFile(name, data, "TIFF", by_opencv=by_opencv, has_palette=first.get(262) == 3)


def _check_megapixels(name: str, height: int, width: int, *, max_megapixels: float) -> None:
    megapixels = height * width / 1e6
    if megapixels > max_megapixels:
        raise SegfitError(
            f"{name} is {height}×{width} px, {megapixels:.0f} megapixels, and at most "
            f"{max_megapixels:g} are read: cut it into tiles, or raise max_megapixels"
        )


def _check_single(name: str, frames: int) -> None:
    if frames > 1:
        raise SegfitError(
            f"{name} holds {frames} pages or frames; segfit reads single images: extract one "
            f"with Pillow, Image.open({os.path.basename(name)!r}).seek(0) and .save('page.png'), "
            "or tifffile.imread(..., key=0) for a TIFF"
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
    return np.asarray(_UPRIGHT.get(file.orientation, np.asarray)(values))


def _pillow_values(image: Image.Image, *, palette_as_colors: bool) -> Values:
    if image.mode == "P" and not palette_as_colors:
        return np.asarray(image)
    if image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("1", "L", "RGB", "RGBA", "F", "I") and not image.mode.startswith("I;"):
        image = image.convert("RGB")
    return np.asarray(image)


def _check_array(values: Values, *, max_megapixels: float) -> None:
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)):
        raise SegfitError(
            f"the array has shape {values.shape}; an image is (H, W), (H, W, 1), (H, W, 3) or "
            "(H, W, 4): move the channels last or pick the plane that you mean"
        )
    if values.size == 0:
        raise SegfitError(f"the array has shape {values.shape}, which has no pixels")
    if values.dtype not in (np.bool_, np.uint8, np.uint16) and values.dtype.kind != "f":
        raise SegfitError(
            f"the array holds {values.dtype} values; an image is bool, uint8, uint16 or float: "
            "convert it, for example with .astype(np.uint8)"
        )
    _check_megapixels("the array", *values.shape[:2], max_megapixels=max_megapixels)


def _to_rgb8(values: Values) -> UInt8Array:
    values = values if values.ndim == 3 else values[..., np.newaxis]
    if values.shape[2] == 4:
        opaque = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
        alpha = np.clip(values[..., 3:] / np.float32(opaque), 0, 1).astype(np.float32)
        colors = _to_uint8(values[..., :3])
        if alpha.min() == 1:
            return np.ascontiguousarray(colors)
        blended = np.rint(colors * alpha + 255 * (1 - alpha))
        return np.asarray(blended, dtype=np.uint8)
    colors = _to_uint8(values)
    return np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3)))


def _to_uint8(values: Values) -> UInt8Array:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(values.shape, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # near the largest float
            low_mark, high_mark = np.percentile(finite, (0.1, 99.9))
        if low_mark < high_mark:
            low, high = float(low_mark), float(high_mark)
    if values.dtype == np.uint16:
        levels = np.arange(2**16, dtype=np.float64)
        return _stretch(levels, low, high)[values]
    return _stretch(values, low, high)


def _stretch(values: Values, low: float, high: float) -> UInt8Array:
    scale = 255 / (high - low) if high > low else 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # infinity × 0 in a constant image
        scaled = (values - np.float64(low)) * scale
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255)).astype(np.uint8)
