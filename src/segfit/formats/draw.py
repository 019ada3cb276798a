"""Classes, objects and outlines drawn over an image, for people to look at."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segfit.basics.arrays import Float32Array, Int32Array, UInt8Array
from segfit.basics.geometry import Ring
from segfit.classes import DISTINCT_COLORS, ClassTable, Color
from segfit.errors import SegfitError

JPEG_QUALITY = 92

_KIND_OF_SUFFIX = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WebP"}
_SUBPIXEL_BITS = 4  # OpenCV draws at sixteenths of a pixel.
_SMOOTHING_PX = 2  # Outline points averaged on either side, against the stairs of the pixels.


def encode_image(image: UInt8Array, path: Path) -> bytes:
    """Bytes of a file named ``path`` that shows ``image`` (H, W, 3) uint8.

    Raises ``SegfitError`` for an unknown suffix and for sides too long for the kind of file.
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
            shown.save(data, kind, quality=JPEG_QUALITY, subsampling=0)
        elif kind == "WebP":
            shown.save(data, kind, quality=JPEG_QUALITY)
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
    levels = level[labels]
    for index in shown:
        _draw_outlines(drawn, levels, level=int(level[index]), color=classes.colors[index])
    if objects is not None:
        _draw_contacts(drawn, labels, objects, classes)
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


def _draw_contacts(
    drawn: UInt8Array,
    labels: UInt8Array,
    objects: Int32Array,
    classes: ClassTable,
) -> None:
    """Draw a line between objects that touch, in place."""
    contact = np.zeros(objects.shape, bool)
    for one, other in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        first, second = objects[one], objects[other]
        contact[one] |= (first != second) & (first > 0) & (second > 0)
    lines = np.zeros((256, 3), np.uint8)
    lines[: len(classes)] = [line_color(color) for color in classes.colors]
    drawn[contact] = lines[labels[contact]]


def _draw_outlines(drawn: UInt8Array, levels: UInt8Array, *, level: int, color: Color) -> None:
    """Draw a line along the inner side of what lies at ``level`` or above, in place."""
    coverage = np.zeros(levels.shape, np.uint8)
    width_px = line_width_px(levels.shape)
    for outline in _trace_outlines(levels, level, margin_px=width_px + _SMOOTHING_PX):
        points = np.rint(outline * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(
            coverage, [points], isClosed=True, color=255, thickness=width_px,
            lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS,
        )  # fmt: skip
    touched = coverage > 0
    alpha = coverage[touched].astype(np.float32)[:, None] / 255
    line = np.array(line_color(color), np.float32)
    drawn[touched] = np.rint(drawn[touched] * (1 - alpha) + line * alpha).astype(np.uint8)


def draw_rings(
    drawn: UInt8Array, rings: Iterable[Ring], color: Color, *, thickness_px: int = 1
) -> None:
    """Draw closed lines through points (N, 2) in image coordinates, in place."""
    for ring in rings:
        points = np.rint((ring - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(
            drawn, [points], isClosed=True, color=color, thickness=thickness_px,
            lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS,
        )  # fmt: skip


def line_width_px(shape: tuple[int, ...]) -> int:
    """Width of outlines in an image of the given height and width."""
    return max(1, round(math.pow(min(shape[:2]) / 300, 0.75)))


def line_color(color: Color) -> Color:
    """Color of a class's outline: lighter than its tint, so that it shows on dark and bright."""
    red, green, blue = (round(value + 0.55 * (255 - value)) for value in color)
    return red, green, blue


def _trace_outlines(levels: UInt8Array, level: int, *, margin_px: int) -> Iterator[Float32Array]:
    """Closed outlines, holes included, each (N, 2) float32 (x, y) of pixel centres.

    Regions at the image's border continue beyond it by ``margin_px``, so that no line runs there.
    """
    mask = (levels >= level).view(np.uint8)
    wider = cv2.copyMakeBorder(mask, *(margin_px,) * 4, cv2.BORDER_REPLICATE)
    contours, _ = cv2.findContours(wider, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        yield _smooth_closed(contour[:, 0].astype(np.float32)) - np.float32(margin_px)


def _smooth_closed(points: Float32Array) -> Float32Array:
    """Mean of each point and its neighbours along a closed line."""
    reach = min(_SMOOTHING_PX, (len(points) - 1) // 4)
    shifted = [np.roll(points, step, axis=0) for step in range(-reach, reach + 1)]
    return np.asarray(np.mean(shifted, axis=0), dtype=np.float32)


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
