"""Calibration: whether "90 % sure" is right nine times in ten.

Shapes: ``K`` classes; ``M`` bins; ``H, W`` an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import Float32Array, Float64Array, Int64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.errors import SegfitError

BINS = 15


@dataclass(frozen=True)
class ReliabilityRow:
    """Pixels whose best class has a probability in (``low``, ``high``].

    ``confidence``: their mean probability; ``accuracy``: the share of them whose class is right;
    both NaN where ``count`` is 0.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class CalibrationCounts:
    """Pixels by the probability of their best class; add them up over images.

    All (M,): ``count`` int64 pixels, ``right`` int64 of which right, ``probability`` float64 sum.
    """

    count: Int64Array
    right: Int64Array
    probability: Float64Array

    def __add__(self, other: CalibrationCounts) -> CalibrationCounts:
        return CalibrationCounts(
            count=self.count + other.count,
            right=self.right + other.right,
            probability=self.probability + other.probability,
        )

    @property
    def expected_error(self) -> float:
        """Expected calibration error (Guo et al. 2017, eq. 3), 0 to 1; NaN without pixels."""
        total = int(self.count.sum())
        gaps = np.abs(self.right - self.probability)
        return float(gaps.sum()) / total if total else float("nan")

    @property
    def overconfidence(self) -> float:
        """Mean confidence minus accuracy, -1 to 1; NaN without pixels."""
        total = int(self.count.sum())
        return float((self.probability - self.right).sum()) / total if total else float("nan")

    def rows(self) -> tuple[ReliabilityRow, ...]:
        """The reliability diagram, one row per bin."""
        bins = len(self.count)
        return tuple(
            ReliabilityRow(
                low=index / bins,
                high=(index + 1) / bins,
                count=int(count),
                confidence=float(probability / count) if count else float("nan"),
                accuracy=float(right / count) if count else float("nan"),
            )
            for index, (count, right, probability) in enumerate(
                zip(self.count, self.right, self.probability, strict=True)
            )
        )


def no_calibration(*, bins: int = BINS) -> CalibrationCounts:
    """Counts of no image, to add others to."""
    return CalibrationCounts(np.zeros(bins, np.int64), np.zeros(bins, np.int64), np.zeros(bins))


def count_calibration(
    truth: UInt8Array, probabilities: Float32Array, *, bins: int = BINS
) -> CalibrationCounts:
    """Sort an image's pixels into bins of equal width by the probability of their best class.

    ``truth``: (H, W) uint8; pixels with ``IGNORE`` are left out. ``probabilities``: (K, H, W). The
    class that counts is the most probable one, whatever threshold a segmentation applied. Raises
    ``SegfitError`` where the shapes differ.
    """
    if probabilities.ndim != 3 or probabilities.shape[1:] != truth.shape:
        raise SegfitError(
            f"truth is {truth.shape} but the probabilities are {probabilities.shape}; expected "
            "(H, W) and (K, H, W)"
        )
    counted = truth != IGNORE
    best = probabilities.max(axis=0)[counted]
    right = probabilities.argmax(axis=0)[counted] == truth[counted]
    places = np.clip(np.ceil(best * bins).astype(np.int64) - 1, 0, bins - 1)
    return CalibrationCounts(
        count=np.bincount(places, minlength=bins),
        right=np.bincount(places[right], minlength=bins),
        probability=np.bincount(places, weights=best, minlength=bins).astype(np.float64),
    )
