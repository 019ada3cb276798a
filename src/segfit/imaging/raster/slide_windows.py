"""Slides of all makers, window by window, through OpenSlide.

Shapes: ``h, w`` a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segfit.errors import SegfitError
from segfit.imaging.channels import COLOR_NAMES
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.tiles import KEPT_BYTES, take_channels
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import Scale
from segfit.imaging.stored import StoredImage, Values
from segfit.imaging.tiff_metadata import make_scale

if TYPE_CHECKING:
    from openslide import OpenSlide

EXTRA = 'pip install "segfit[slides]"'
GENERIC = "generic-tiff"
"""What OpenSlide calls a TIFF that is tiled and of no maker, whose tags say more than it does."""
SLIDE_SUFFIXES = frozenset(
    {".svs", ".ndpi", ".scn", ".bif", ".mrxs", ".vms", ".vmu", ".svslide", ".zvi"}
)


def is_slide(path: Path) -> bool:
    """Whether OpenSlide knows a file as that of a maker of scanners; it looks into no store.

    Raises ``SegfitError`` where it is not installed, for a file that has a slide's suffix.
    """
    try:
        from openslide import OpenSlide
    except ImportError as error:
        if path.suffix.lower() in SLIDE_SUFFIXES:
            raise SegfitError(f"reading {path} needs OpenSlide: {EXTRA}") from error
        return False
    return OpenSlide.detect_format(path) not in (None, GENERIC)


def open_slide_windows(path: Path) -> Raster:
    """A slide that ``is_slide``; raises ``SegfitError`` where it is damaged."""
    from openslide import OpenSlide, OpenSlideCache, OpenSlideError

    name = str(path)
    try:
        slide = OpenSlide(path)
        slide.set_cache(OpenSlideCache(KEPT_BYTES))
    except OpenSlideError as error:
        raise _damaged(name, error) from error
    scale, scale_note = _find_scale(slide)
    facts = StoredImage(
        name,
        np.empty((0, 0, 4), np.uint8),
        (*COLOR_NAMES, "alpha"),
        alpha=3,
        scale=scale,
        scale_note=scale_note,
    )
    levels = [(height, width) for width, height in slide.level_dimensions]
    return Raster(facts, _SlideWindows(name, slide), levels)


def _find_scale(slide: OpenSlide) -> tuple[Scale | None, str]:
    try:
        across, down = (float(slide.properties[f"openslide.mpp-{axis}"]) for axis in "xy")
    except (KeyError, ValueError):
        return None, ""
    return make_scale(across, down, "um", origin="OpenSlide")


class _SlideWindows:
    """The levels of an open slide; OpenSlide's functions may be called by several threads."""

    has_gaps = False  # where nothing was scanned alpha is 0

    def __init__(self, name: str, slide: OpenSlide) -> None:
        self._name = name
        self._slide = slide

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        from openslide import OpenSlideError

        step = self._slide.level_downsamples[level]
        corner = (round(window.left * step), round(window.top * step))
        try:
            region = self._slide.read_region(corner, level, (window.width, window.height))
        except OpenSlideError as error:
            raise _damaged(self._name, error) from error
        return take_channels(np.asarray(region), channels)

    def find_covered(self, window: Window, *, level: int) -> None:
        return None

    def close(self) -> None:
        self._slide.close()


def _damaged(name: str, reason: object) -> SegfitError:
    return SegfitError(f"{name}: this slide is damaged ({reason}): export or copy it again")
