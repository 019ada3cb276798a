"""What an image has of a class, in a few figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassSummary:
    """What an image holds of one class.

    ``area_px`` in pixels; ``share`` of the image, 0 to 1; ``regions``: joined by their
    sides, as ``Segmentation.regions`` has them; ``objects``: the same, None for a class without;
    ``mean_probability`` over the class's area, on the grid of the scores' samples; None without
    scores, or where no sample lies in it.
    """

    name: str
    area_px: int
    share: float
    regions: int
    objects: int | None
    mean_probability: float | None
