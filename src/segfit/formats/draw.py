"""Classes, objects and outlines drawn over an image, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.basics.geometry import Ring
from segfit.classes import DISTINCT_COLORS, ClassTable, Color
from segfit.errors import SegfitError
from segfit.formats.outlining import SUBPIXEL_BITS, draw_outlines, line_color

JPEG_QUALITY = 92

_KIND_OF_SUFFIX = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WebP"}


def encode_image(image: UInt8Array, path: Path, *, quality: int = JPEG_QUALITY) -> bytes:
    """Bytes of a file named ``path`` that shows ``image`` (H, W, 3) uint8.

    ``quality``: of JPEG and WebP, 1 to 100; PNG loses nothing. Raises ``SegfitError`` for an
    unknown suffix and for sides too long for the kind of file.
    """
    kind = _KIND_OF_SUFFIX.get(path.suffix.lower())
    if kind is None:
        raise SegfitError(
            f"cannot write an image named {path.name}: use one of {', '.join(_KIND_OF_SUFFIX)}"
        )
    data = io.BytesIO()
    shown = Image.fromarray(image)
    try:
        if kind == "JPEG":
            # Full color resolution: halved, it would smear the thin colored lines.
            shown.save(data, kind, quality=quality, subsampling=0)
        elif kind == "WebP":
            shown.save(data, kind, quality=quality)
        else:
            shown.save(data, kind)
    except (OSError, ValueError) as error:
        height, width = image.shape[:2]
        raise SegfitError(
            f"{width}×{height} pixels do not fit into a {kind} file ({error}): write a .png"
        ) from error
    return data.getvalue()


def draw_overlay(
    image: UInt8Array,
    labels: UInt8Array,
    classes: ClassTable,
    *,
    objects: Int32Array | None = None,
    opacity: float = 0.45,
    legend: bool = False,
) -> UInt8Array:
    """Tint an image in the colors of its classes, and outline them.

    ``image``: (H, W, 3) uint8 RGB. ``labels``: (H, W) uint8; the background class and ``IGNORE``
    show the image as it is. ``objects``: (H, W), 0 for none; each has a tint of its own, and a
    line where it touches another. ``opacity``: 0 (outlines only) to 1 (flat color). ``legend``
    names the classes present in a corner. Returns a new array like ``image``. Raises
    ``SegfitError`` where the sizes differ or the opacity is out of range.
    """
    if image.shape[:2] != labels.shape:
        raise SegfitError(
            f"image is {image.shape[:2]} but its labels are {labels.shape}: resize one of them"
        )
    if not 0 <= opacity <= 1:
        raise SegfitError(f"opacity is {opacity}; expected 0 to 1")
    drawn = _tint(image, labels, classes, opacity)
    if objects is not None:
        _tint_objects(drawn, image, objects, opacity)
    shown = _classes_by_area(labels, classes)
    # Larger classes lie beneath smaller ones: every border is outlined once, by the smaller class.
    level = np.zeros(256, np.uint8)
    level[shown] = np.arange(1, len(shown) + 1)
    colors = [line_color(classes.colors[index]) for index in shown]
    draw_outlines(drawn, level[labels], colors, objects=objects)
    if legend:
        _draw_legend(drawn, sorted(shown), classes)
    return drawn


def _classes_by_area(labels: UInt8Array, classes: ClassTable) -> list[int]:
    """Classes that appear, without the background, the largest first."""
    areas = cv2.calcHist([labels], [0], None, [256], [0, 256]).ravel()
    shown = [i for i in range(len(classes)) if i != classes.background and areas[i] > 0]
    return sorted(shown, key=lambda index: -areas[index])


def _tint(image: UInt8Array, labels: UInt8Array, classes: ClassTable, opacity: float) -> UInt8Array:
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(classes)] = classes.colors
    shown = np.zeros(256, np.uint8)
    shown[: len(classes)] = 255
    if classes.background is not None:
        shown[classes.background] = 0
    tinted = cv2.addWeighted(image, 1 - opacity, colors[labels], opacity, 0)
    drawn = image.copy()
    cv2.copyTo(tinted, cv2.LUT(labels, shown), drawn)
    return drawn


def _tint_objects(
    drawn: UInt8Array,
    image: UInt8Array,
    objects: Int32Array,
    opacity: float,
) -> None:
    """Tint every object in a color of its own, in place; colors come again after a while."""
    inside = objects > 0
    palette = np.array(DISTINCT_COLORS, np.float32)
    colors = palette[objects[inside] % len(palette)]
    mixed = image[inside] * np.float32(1 - opacity) + colors * np.float32(opacity)
    drawn[inside] = np.rint(mixed).astype(np.uint8)


def draw_rings(
    drawn: UInt8Array, rings: Iterable[Ring], color: Color, *, thickness_px: int = 1
) -> None:
    """Draw closed lines through points (N, 2) in image coordinates, in place."""
    for ring in rings:
        points = np.rint((ring - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(
            drawn, [points], isClosed=True, color=color, thickness=thickness_px,
            lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS,
        )  # fmt: skip


def _draw_legend(drawn: UInt8Array, present: list[int], classes: ClassTable) -> None:
    """Name the classes on a dark plate in the lower left corner, in place."""
    if not present:
        return
    height, width = drawn.shape[:2]
    size_px = max(10, round(min(height, width) / 28))
    font = ImageFont.load_default(size_px)
    names = [classes.names[index] for index in present]
    pad, row = round(0.6 * size_px), round(1.5 * size_px)
    plate_width = round(3 * pad + size_px + max(font.getlength(name) for name in names))
    plate_height = row * len(names) + pad
    if plate_width + 2 * pad > width or plate_height + 2 * pad > height:
        return
    image = Image.fromarray(drawn).convert("RGB")
    draw = ImageDraw.Draw(image, "RGBA")
    top, left = height - pad - plate_height, pad
    plate = (left, top, left + plate_width, top + plate_height)
    draw.rounded_rectangle(plate, radius=pad, fill=(16, 16, 20, 190))
    for line, (index, name) in enumerate(zip(present, names, strict=True)):
        middle = top + pad / 2 + (line + 0.5) * row
        swatch = (left + pad, middle - size_px / 2, left + pad + size_px, middle + size_px / 2)
        draw.rounded_rectangle(swatch, radius=size_px / 5, fill=classes.colors[index])
        at = (left + 2 * pad + size_px, middle)
        draw.text(at, name, font=font, fill=(245, 245, 245), anchor="lm")
    drawn[:] = np.asarray(image)
