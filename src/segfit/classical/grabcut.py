"""From a hint to foreground: GrabCut."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.classical.shared.hints import HintedMethod
from segfit.classical.shared.random_numbers import run_seeded


class GrabCut(HintedMethod):
    """Mixtures of colors of both sides, and a cut that likes edges (Rother et al., 2004).

    ``rounds``: how often colors and cut are found anew.
    """

    name: ClassVar[str] = "grabcut"
    place: ClassVar[int] = 50
    purpose: ClassVar[str] = "one object in a photograph, inside a rectangle"
    fails: ClassVar[str] = (
        "background of the foreground's colors, such as a second object outside the rectangle; "
        "thin parts get lost"
    )

    rounds: int = Field(default=5, ge=1, le=50)

    def separate(self, image: UInt8Array) -> tuple[BoolArray, str]:
        """Foreground."""
        may, sure, never = self.read_hints(image.shape[:2])
        grid = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)
        grid[may] = cv2.GC_PR_FGD
        grid[never] = cv2.GC_BGD
        grid[sure] = cv2.GC_FGD
        if self.rectangle is None and self.rough_mask is None:
            grid[may & ~sure & ~never] = cv2.GC_PR_BGD
        models = np.zeros((1, 65)), np.zeros((1, 65))
        bgr = np.ascontiguousarray(image[..., ::-1])
        # Its mixtures begin with a random clustering.
        run_seeded(
            lambda: cv2.grabCut(
                bgr, grid, (0, 0, 1, 1), *models, self.rounds, cv2.GC_INIT_WITH_MASK
            )
        )
        mask = np.isin(grid, (cv2.GC_FGD, cv2.GC_PR_FGD))
        return mask, "" if mask.any() else "nothing is foreground: its colors are the background's"


METHOD = GrabCut
