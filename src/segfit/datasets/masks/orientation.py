"""Labels of images that are turned by their EXIF orientation: turned like these, or not yet.

Cameras store images as their sensor lies and say how to turn them. Some tools draw masks and
outlines on the image as it is looked at, others on the stored pixels.

Shapes: ``H, W`` the image, upright.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Float32Array, UInt8Array
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun, list_first
from segfit.datasets.masks.codes import MaskCode, read_coded_mask
from segfit.errors import SegfitError
from segfit.imaging.orientation import UPRIGHT, read_orientation, turn_upright
from segfit.imaging.read import read_image

MOST_LOOKED_AT = 40
"""So many pairs decide for all: what one tool has written lies in one way."""
CLEAR_MARGIN = 0.08
"""By so much, of their sum, the edges along the borders of one reading are stronger. Of 140 street
scenes, faces, nuclei and alloys, turned, mirrored and flipped, the least had 0.096."""
AGREEING_SHARE = 0.75
"""So many of the pairs say the same."""
NEARBY_PX = 5
FEWEST_BORDER_PX = 16


class MaskOrientation(StrEnum):
    """How masks of turned images lie: like the image as it is seen, or like its stored pixels."""

    UPRIGHT = "upright"
    STORED = "stored"


@dataclass(frozen=True, eq=False)
class BothReadings:
    """A turned image (H, W, 3), upright, and its labels (H, W) in both readings, upright, too.

    ``upright``: as if they lay like the image as it is seen; ``stored``: as if they lay like its
    stored pixels. Of one that does not fit the image's size, there is None.
    """

    name: str
    image: UInt8Array
    upright: NDArray[np.integer] | None
    stored: NDArray[np.integer] | None

    __repr__ = show_briefly


@dataclass(frozen=True)
class Turns:
    """By which EXIF orientation to turn the masks of some images; ``note`` says why."""

    of_images: Mapping[Path, int]
    note: str | None = None

    def of(self, image: Path) -> int:
        """The orientation of the mask of an image."""
        return self.of_images.get(image, UPRIGHT)


@dataclass(frozen=True)
class Decided:
    """Whether labels lie like the stored pixels of their images; ``note`` says why."""

    is_stored: bool
    note: str | None = None


def find_turns(
    pairs: Sequence[tuple[Path, Path]], code: MaskCode, *, said: MaskOrientation | None = None
) -> Turns:
    """Find out which masks lie like the stored pixels of an image that is turned when it is seen.

    ``said``: how they lie, where that was said. Otherwise sizes tell it, or else on which of both
    readings the borders of the masks lie along stronger edges of their images. Raises SegfitError
    where neither does.
    """
    turned = [
        (image, mask, orientation)
        for image, mask in pairs
        if (orientation := read_orientation(image)) != UPRIGHT and read_orientation(mask) == UPRIGHT
    ]
    if not turned:
        return Turns({})
    as_stored = {image: orientation for image, _, orientation in turned}
    decided = decide_turn(
        [image.name for image in as_stored],
        (_read_both(*entry, code) for entry in turned[:MOST_LOOKED_AT]),
        said=said,
        labels="masks",
    )
    return Turns(as_stored if decided.is_stored else {}, decided.note)


def measure_agreement(image: UInt8Array, mask: NDArray[np.integer]) -> float:
    """How strong the edges of an image (H, W, 3) are along a mask's borders; NaN without borders.

    Mean of the largest gradient of brightness within two pixels, in grey levels a pixel.
    """
    borders = _find_borders(mask)
    if borders.sum() < FEWEST_BORDER_PX:
        return float("nan")
    return float(_find_edges(image)[borders].mean())


def _read_both(
    image_path: Path, mask_path: Path, orientation: int, code: MaskCode
) -> BothReadings | None:
    """A pair with its mask in both readings; None for one of which the scan will say what is
    wrong.
    """
    try:
        image, mask = read_image(image_path), read_coded_mask(mask_path, code).labels
    except SegfitError:
        return None
    upright, stored = (
        reading if reading.shape == image.shape[:2] else None
        for reading in (mask, turn_upright(mask, orientation))
    )
    return BothReadings(image_path.name, image, upright, stored)


def decide_turn(
    names: Sequence[str],
    looked_at: Iterable[BothReadings | None],
    *,
    said: MaskOrientation | None,
    labels: str,
) -> Decided:
    """Decide how the labels of turned images lie; ``find_turns`` says how.

    ``names`` of all of them, in their order; ``looked_at``: some of them, None for one that cannot
    be read. ``labels``: what messages call them, such as "masks".
    """
    if said is not None:
        is_stored, why = said is MaskOrientation.STORED, "as classes.json says"
    else:
        found = _find_reason(names, looked_at, labels)
        if found is None:
            return Decided(is_stored=False)
        is_stored, why = found
    drawn = "on the stored pixels and turned" if is_stored else "on the upright image"
    return Decided(
        is_stored,
        f"The {labels} of {count_noun(len(names), 'image')} with an EXIF orientation "
        f"({list_first(names)}) are taken as drawn {drawn}, {why}.",
    )


def _find_reason(
    names: Sequence[str], looked_at: Iterable[BothReadings | None], labels: str
) -> tuple[bool, str] | None:
    """Whether labels lie like stored pixels, and why; None where it makes no difference."""
    by_size: dict[bool, list[str]] = {True: [], False: []}
    margins: list[float] = []
    for both in looked_at:
        if both is None:
            continue
        if (both.upright is None) != (both.stored is None):
            by_size[both.upright is None].append(both.name)
        elif both.upright is not None and both.stored is not None:
            margins += _measure_margin(both.image, both.upright, both.stored)
    if by_size[True] and by_size[False]:
        raise SegfitError(
            f"images have an EXIF orientation, and by their sizes some {labels} lie as these are "
            f"seen ({list_first(by_size[False])}), others like their stored pixels "
            f"({list_first(by_size[True])}): turn the {labels} of the latter, or the images, in "
            "one way"
        )
    if by_size[True] or by_size[False]:
        return bool(by_size[True]), "as their sizes say"
    if not margins:
        return None
    told = [margin for margin in margins if not math.isnan(margin)] or [0.0]
    mean = float(np.mean(told))
    agreeing = float(np.mean(np.sign(told) == np.sign(mean)))
    if abs(mean) < CLEAR_MARGIN or agreeing < AGREEING_SHARE:
        raise SegfitError(
            f"{count_noun(len(names), 'image')} with an EXIF orientation ({list_first(names)}) may "
            f"have {labels} drawn on the upright image or on its stored pixels, and their edges do "
            "not tell which: write "
            '{"orientation": "upright"} or {"orientation": "stored"} into classes.json, or save '
            "the images upright and without EXIF"
        )
    found = (
        f"where edges along their borders are {(1 + abs(mean)) / (1 - abs(mean)):.1f} times as "
        "strong as in the other reading"
    )
    other = MaskOrientation.UPRIGHT if mean > 0 else MaskOrientation.STORED
    return mean > 0, f'{found}; if not, write {{"orientation": "{other}"}} into classes.json'


def _measure_margin(
    image: UInt8Array, upright: NDArray[np.integer], stored: NDArray[np.integer]
) -> list[float]:
    """By how much of their sum edges agree better with the stored reading.

    NaN where there are no edges; nothing where both readings are the same.
    """
    if np.array_equal(upright, stored):
        return []
    as_seen, as_stored = (measure_agreement(image, labels) for labels in (upright, stored))
    total = as_seen + as_stored
    return [(as_stored - as_seen) / total if total > 0 else math.nan]  # NaN is not above 0


def _find_borders(mask: NDArray[np.integer]) -> BoolArray:
    """The pixels (H, W) on either side of a border between two values."""
    borders = np.zeros(mask.shape, bool)
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    borders[1:] |= down
    borders[:-1] |= down
    borders[:, 1:] |= right
    borders[:, :-1] |= right
    return borders


def _find_edges(image: UInt8Array) -> Float32Array:
    """The largest gradient of brightness near each pixel (H, W)."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1)
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    strength = cv2.dilate(cv2.magnitude(across, down), np.ones((NEARBY_PX, NEARBY_PX), np.uint8))
    return np.asarray(strength, np.float32)
