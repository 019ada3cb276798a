"""The result of segmenting a picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.scores import Scores


@dataclass(frozen=True)
class ClassSummary:
    """What a picture holds of one class.

    ``area_px`` in pixels; ``share`` of the picture, 0 to 1; ``regions``: connected ones, diagonal
    neighbours joined; ``mean_probability`` over the class's pixels, None without scores or area.
    """

    name: str
    area_px: int
    share: float
    regions: int
    mean_probability: float | None


@dataclass(frozen=True)
class Segmentation:
    """Labels of a picture's pixels, and what can be said of them.

    ``picture``: (H, W, 3) uint8 RGB. ``labels``: (H, W) uint8 indices into ``classes``.
    ``scores``: the network's own, None for a method that has none. ``picture_name`` and
    ``model_name``: the picture's file and the model, where known, for formats that note them.
    """

    picture: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    classes: ClassTable
    scores: Scores | None = None
    picture_name: str | None = None
    model_name: str | None = None

    @cached_property
    def probabilities(self) -> NDArray[np.float32] | None:
        """Class probabilities (K, H, W) float32, or None for a method without scores."""
        return None if self.scores is None else self.scores.to_probabilities()

    def summary(self) -> tuple[ClassSummary, ...]:
        """Area, share, regions and mean probability of every class, in the table's order."""
        return tuple(self._summarise(index) for index in range(len(self.classes)))

    def overlay(self, *, opacity: float = 0.45, legend: bool = False) -> NDArray[np.uint8]:
        """Draw the classes over the picture, (H, W, 3) uint8; see ``formats.overlay``."""
        from segfit.formats.overlay import draw_overlay

        return draw_overlay(self.picture, self.labels, self.classes, opacity=opacity, legend=legend)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a file of the kind that its suffix names.

        ``.png``: mask; ``.jpg``, ``.jpeg``, ``.webp``: overlay; ``.json``: summary; ``.npz``:
        probabilities. Raises ``SegfitError`` for another suffix, or where the file exists (unless
        ``force``) or cannot be written.
        """
        from segfit.formats import WRITER_OF_SUFFIX

        suffix = Path(path).suffix.lower()
        if suffix not in WRITER_OF_SUFFIX:
            raise SegfitError(
                f"cannot tell from the suffix {suffix!r} of {path} what to write: use one of "
                f"{', '.join(WRITER_OF_SUFFIX)}"
            )
        WRITER_OF_SUFFIX[suffix](self, path, force=force)

    def _summarise(self, index: int) -> ClassSummary:
        mask = self.labels == index
        area_px = int(np.count_nonzero(mask))
        regions = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)[0] - 1
        probabilities = self.probabilities
        known = probabilities is not None and area_px > 0
        return ClassSummary(
            name=self.classes.names[index],
            area_px=area_px,
            share=area_px / mask.size,
            regions=regions,
            mean_probability=float(probabilities[index][mask].mean())
            if known and probabilities is not None
            else None,
        )


class Method(Protocol):
    """Picture in, segmentation out: learned or classical."""

    @property
    def classes(self) -> ClassTable:
        """The classes that the method tells apart."""
        ...

    def __call__(self, picture: NDArray[np.uint8], /) -> Segmentation:
        """Segment a picture, (H, W, 3) uint8 RGB."""
        ...


Progress = Callable[[int, int], None]
"""Called with the number of things done and their total."""
