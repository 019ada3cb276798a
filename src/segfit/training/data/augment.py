"""Random changes to a labelled image, made anew each time that training looks at it.

Shapes: ``H, W`` the image at working resolution; ``h, w`` the crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, UInt8Array
from segfit.classes import IGNORE

INNER_SHARE = 0.7
"""Of a crop's shorter side: within so much of it lies a pixel that the crop is laid about."""
LOOKS = 1024
"""Pixels of an image at which foreground is looked for first."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """An image (H, W, 3) uint8 with its labels (H, W) uint8 and the objects (H, W) int32 of those
    that have any, 0 for none; None where no class has.
    """

    image: UInt8Array
    labels: UInt8Array
    objects: Int32Array | None = None


class Augmentation(BaseModel):
    """What training may change about an image; zero or False switches a change off.

    Switch flips off where left and right (or up and down) mean something: text, "left kidney",
    a steering side. ``rotation_deg`` and ``zoom`` are the largest change either way; ``color``,
    ``noise`` and ``blur`` go from 0 to 1, where 1 is strong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip_horizontal: bool = True
    flip_vertical: bool = False
    rotation_deg: float = Field(default=15.0, ge=0, le=180)
    zoom: float = Field(default=1.4, ge=1, le=4)
    crop: bool = True
    color: float = Field(default=0.5, ge=0, le=1)
    noise: float = Field(default=0.3, ge=0, le=1)
    blur: float = Field(default=0.3, ge=0, le=1)


def augment(
    labelled: Labelled,
    *,
    crop_shape: tuple[int, int],
    settings: Augmentation,
    rng: np.random.Generator,
    shown: tuple[int, int] | None = None,
) -> Labelled:
    """Draw one random view, (h, w) of ``crop_shape``.

    ``shown``: row and column of a pixel that a crop of the image lies about, anywhere but near the
    crop's border; None lays it anywhere. Where the view leaves the image, the image is mirrored,
    the labels are ``IGNORE`` and there are no objects.
    """
    matrix = _draw_view(labelled.labels.shape, crop_shape, settings, rng, shown)
    size = crop_shape[::-1]
    view = cv2.warpAffine(
        labelled.image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    tones = _change_tones(np.asarray(view, dtype=np.uint8), settings, rng)

    def warp(grid: NDArray[Any], outside: int) -> NDArray[Any]:
        warped = cv2.warpAffine(
            grid,
            matrix,
            size,
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(outside,),
        )
        return np.asarray(warped)

    objects = labelled.objects
    if objects is not None:
        # OpenCV warps no 32-bit integers; single precision holds them up to 16 million.
        objects = warp(objects.astype(np.float32), 0).astype(np.int32)
    return Labelled(tones, warp(labelled.labels, IGNORE), objects)


def find_foreground(
    labels: UInt8Array, background: int, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Row and column of a random pixel of labels (H, W) that is known and no background, if any."""

    def is_foreground(seen: UInt8Array) -> BoolArray:
        return np.asarray((seen != background) & (seen != IGNORE))

    # Where there is more than a speck, a few pixels show some, and not all have to be looked at.
    looked_at = rng.integers(labels.size, size=LOOKS)
    found = looked_at[is_foreground(labels.ravel()[looked_at])]
    if len(found) == 0:
        found = rng.permutation(np.flatnonzero(is_foreground(labels.ravel())))
    return divmod(int(found[0]), labels.shape[1]) if len(found) else None


def _draw_view(
    shape: tuple[int, ...],
    crop_shape: tuple[int, int],
    settings: Augmentation,
    rng: np.random.Generator,
    shown: tuple[int, int] | None,
) -> Float64Array:
    """Affine map (2, 3) from image to crop, in OpenCV's frame (pixel centres at integers)."""
    scale = math.exp(rng.uniform(-1, 1) * math.log(settings.zoom))
    angle = math.radians(rng.uniform(-1, 1) * settings.rotation_deg)
    mirror_x = -1 if settings.flip_horizontal and rng.random() < 0.5 else 1
    mirror_y = -1 if settings.flip_vertical and rng.random() < 0.5 else 1
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[cos * mirror_x, -sin * mirror_y], [sin * mirror_x, cos * mirror_y]])
    size = np.array([shape[1], shape[0]], float)
    crop_size = np.array([crop_shape[1], crop_shape[0]], float)
    # The part of the image that the crop shows stays inside it as far as it fits.
    slack = np.maximum(0, size - crop_size / scale)
    place = rng.uniform(-0.5, 0.5, 2) if settings.crop else np.zeros(2)
    offset = place * slack
    if settings.crop and shown is not None:
        from_middle = np.array(shown[::-1]) - (size - 1) / 2
        # The shorter side, so that it is within the crop however that is turned.
        wanted = from_middle + INNER_SHARE * place * crop_size.min() / scale
        offset = np.clip(wanted, -slack / 2, slack / 2)
    # An image smaller than the crop wanders about inside it.
    spare = np.maximum(0, crop_size / scale - size)
    offset += rng.uniform(-0.25, 0.25, 2) * spare if settings.crop else 0
    centre = (size - 1) / 2 + offset
    return np.column_stack([linear, (crop_size - 1) / 2 - linear @ centre])


def _change_tones(
    image: UInt8Array, settings: Augmentation, rng: np.random.Generator
) -> UInt8Array:
    if settings.color > 0:
        image = _change_color(image, settings.color, rng)
    if settings.blur > 0 and rng.random() < 0.3:
        sigma_px = rng.uniform(0.3, 0.5 + 3 * settings.blur)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.uint8)
    if settings.noise > 0 and rng.random() < 0.3:
        sigma_levels = rng.uniform(0, 40 * settings.noise)
        grain = rng.standard_normal((*image.shape[:2], 1), dtype=np.float32) * sigma_levels
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return image


def _change_color(image: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    """Saturation by mixing with grey; brightness, contrast and gamma by a table per channel."""
    saturation = 1 + rng.uniform(-1, 0.6) * strength
    to_grey = np.array([[0.299, 0.587, 0.114]] * 3)
    mixed = cv2.transform(image, saturation * np.eye(3) + (1 - saturation) * to_grey)
    levels = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.uniform(-0.6, 0.6) * strength)
    contrast = np.exp((rng.uniform(-0.6, 0.6) + rng.uniform(-0.15, 0.15, 3)) * strength)
    brightness = (rng.uniform(-0.4, 0.4) + rng.uniform(-0.1, 0.1, 3)) * strength
    table = ((levels**gamma - 0.5) * contrast + 0.5 + brightness) * 255
    table_u8 = np.clip(table, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(mixed, table_u8[None]), dtype=np.uint8)
