"""Figures of images that a test makes up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segfit.evaluation.report import GroupFigures
from segfit.metrics import CLASS_METRICS
from segfit.metrics.boundary import no_boundaries
from segfit.metrics.calibration import CalibrationCounts


def figures_of(
    confusion: Sequence[Sequence[int]], calibration: CalibrationCounts | None = None
) -> GroupFigures:
    """An image of which only the confusion is known, and how sure of it a model says it is."""
    table = np.array(confusion, np.int64)
    counts = {name: no_boundaries(len(table)) for name in CLASS_METRICS}
    names = tuple("abcdefgh"[: len(table)])
    return GroupFigures(names, counts | {"confusion": table}, 1, None, calibration, None)
