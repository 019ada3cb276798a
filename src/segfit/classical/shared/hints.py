"""What methods that begin with a hint share: how it is read.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB. Frame: image coordinates (x, y).
"""

from __future__ import annotations

import reprlib

import cv2
import numpy as np
from pydantic import ConfigDict, Field

from segfit.basics.arrays import BoolArray
from segfit.classical.shared.method import ForegroundMethod
from segfit.errors import SegfitError

HINTS = frozenset({"rectangle", "points", "rough_mask"})
"""Settings of which a method that begins with a hint needs one."""


class HintedMethod(ForegroundMethod):
    """A method that begins with a hint; one of three is needed.

    ``rectangle``: left, top, right, bottom, around all of the foreground. ``points``: (x, y) that
    are foreground, and ``background_points`` that are not: so are ``stroke_px`` around each.
    ``rough_mask``: (H, W) bool, about where the foreground is, right to within ``mask_error_px``.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    rectangle: tuple[float, float, float, float] | None = None
    points: tuple[tuple[float, float], ...] = ()
    background_points: tuple[tuple[float, float], ...] = ()
    rough_mask: BoolArray | None = None
    mask_error_px: int = Field(default=8, ge=1)
    stroke_px: int = Field(default=5, ge=1)

    def __eq__(self, other: object) -> bool:
        """Whether the other is the same method with the same settings, masks by their pixels."""
        if not isinstance(other, HintedMethod):
            return NotImplemented
        return type(self) is type(other) and self._comparable == other._comparable

    def __hash__(self) -> int:
        return hash((type(self), self._comparable))

    def __repr__(self) -> str:
        """Name and settings, a mask by its size, in one line."""
        shown = [f"{name}={reprlib.repr(value)}" for name, value in self if name != "rough_mask"]
        if self.rough_mask is not None:
            shown.append(f"rough_mask=<{'×'.join(map(str, self.rough_mask.shape))}>")
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def _comparable(self) -> tuple[object, ...]:
        mask = self.rough_mask
        settings = [value for name, value in self if name != "rough_mask"]
        return (*settings, None if mask is None else (mask.shape, mask.tobytes()))

    def read_hints(self, shape: tuple[int, int]) -> tuple[BoolArray, BoolArray, BoolArray]:
        """What may be foreground, what surely is, and what surely is not, (H, W) each.

        Raises ``SegfitError`` without a hint, and for one outside the image.
        """
        height, width = shape
        may, sure, never = (np.zeros(shape, bool) for _ in range(3))
        if self.rough_mask is not None:
            self._check_mask(shape)
            sides = 2 * self.mask_error_px + 1
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (sides, sides))
            rough = self.rough_mask.view(np.uint8)
            may = cv2.dilate(rough, disc).view(bool)
            sure = cv2.erode(rough, disc, borderValue=0).view(bool)
        elif self.rectangle is not None:
            left, top, right, bottom = self._check_rectangle(shape)
            may[top:bottom, left:right] = True
        elif self.points:
            may[:] = True
        else:
            raise SegfitError(
                "a hint is needed: give a rectangle around the foreground, points in it, or a "
                "rough mask of it (on the command line: --foreground)"
            )
        for places, mask in ((self.points, sure), (self.background_points, never)):
            for x, y in places:
                if not (0 <= x < width and 0 <= y < height):
                    raise SegfitError(
                        f"the point {x:g}, {y:g} lies outside the image, which is {width} px "
                        f"wide and {height} high"
                    )
                row, column, reach = int(y), int(x), self.stroke_px
                mask[
                    max(0, row - reach) : row + reach + 1,
                    max(0, column - reach) : column + reach + 1,
                ] = True
        return may | sure, sure & ~never, ~(may | sure) | never

    def _check_rectangle(self, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        assert self.rectangle is not None
        left, top, right, bottom = self.rectangle
        shown = f"the rectangle {left:g}, {top:g}, {right:g}, {bottom:g}"
        if right <= left or bottom <= top:
            raise SegfitError(f"{shown} is empty: give left, top, right, bottom")
        height, width = shape
        inside = max(0, left), max(0, top), min(width, right), min(height, bottom)
        if inside[2] - inside[0] < 2 or inside[3] - inside[1] < 2:
            raise SegfitError(
                f"{shown} lies outside the image, which is {width} px wide and {height} high"
            )
        if inside[0] <= 0 and inside[1] <= 0 and inside[2] >= width and inside[3] >= height:
            raise SegfitError(
                f"{shown} covers the whole image: leave some of the background around the "
                "foreground outside it"
            )
        return int(inside[0]), int(inside[1]), int(np.ceil(inside[2])), int(np.ceil(inside[3]))

    def _check_mask(self, shape: tuple[int, int]) -> None:
        assert self.rough_mask is not None
        if self.rough_mask.shape != shape:
            given = "×".join(map(str, self.rough_mask.shape))
            raise SegfitError(
                f"the rough mask is {given} but the image is {shape[0]}×{shape[1]} (height × "
                "width): resize one of them"
            )
        if not self.rough_mask.any():
            raise SegfitError("the rough mask is empty: mark some of the foreground")
