"""A few images that stand for all of a data set."""

from __future__ import annotations

import numpy as np

from segfit.datasets import Dataset

QUICK_VALIDATION = 24
"""Images that a round validates on, at most."""


def pick_for_rounds(dataset: Dataset) -> Dataset:
    """The images of a data set that rounds validate on."""
    return pick_evenly(dataset, QUICK_VALIDATION)


def pick_evenly(dataset: Dataset, most: int) -> Dataset:
    """At most so many images of a data set, spread over its whole length."""
    if len(dataset) <= most:
        return dataset
    return dataset.subset(np.linspace(0, len(dataset) - 1, most).round().astype(int).tolist())
