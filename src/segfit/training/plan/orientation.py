"""Whether images have an up and a down: what their labels say of it.

Shapes: ``n`` images, ``K`` classes.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.datasets import Dataset
from segfit.training.data.subsets import pick_evenly

FEWEST_IMAGES = 6
"""With fewer, even images that all agree could do so by chance (2 of 2⁵ ways to turn 5)."""
MOST_IMAGES = 500
"""More say the same, and all ways to turn them would fill memory."""
TURNED_AT_RANDOM = 1999
"""Ways to turn the images that their own is compared with."""
CHANCE = 0.2
"""What as many of the ways reach is no sign of an up and a down. As high as that, since turning
what is upright costs more than not turning what is not."""
LEAST_AGREEMENT = 0.1
"""From 0 (none) to 1 (all alike): less may be sure in hundreds of images, and helps nobody."""


def has_up_and_down(training: Dataset) -> bool | None:
    """Whether the images agree in which of their sides is up, as far as labels show it.

    Turned upside down, each at random, would they show their classes as much more often in the same
    half? And turned by a quarter, as much more often upright than lying? Where they would in many
    ways to turn them, theirs is no other. A sign test by permutation (Fisher, 1935). None where
    there are too few images to tell.
    """
    if len(training) < FEWEST_IMAGES or not all(one.class_layout for one in training.stats):
        return None
    few = pick_evenly(training, MOST_IMAGES)
    layouts = np.array([one.class_layout for one in few.stats])  # (n, K, 2)
    return any(agree(layouts[:, :, part]) for part in range(layouts.shape[2]))


def agree(turns: Float64Array) -> bool:
    """Whether figures (n, K), whose signs turn with the images, agree, and more than at random."""
    own = turns[:, np.abs(turns).sum(axis=0) > 0]
    if own.size == 0:
        return False
    own = own / np.sqrt((own**2).sum(axis=0))
    images, classes = own.shape
    reached = float((own.sum(axis=0) ** 2).sum())
    if reached < LEAST_AGREEMENT * images * classes:
        return False
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (TURNED_AT_RANDOM, images))
    return bool((((signs @ own) ** 2).sum(axis=1) >= reached).mean() < CHANCE)
