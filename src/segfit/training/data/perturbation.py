"""A classifier's outlines to learn from.

Shapes: ``K`` classes; ``h, w`` the score grid.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from segfit.result.scores import Scores


def perturb_scores(scores: Scores, rng: np.random.Generator) -> Scores:
    """Make a classifier err on an image that it knows as it errs on new ones.

    Weaker logits under smooth noise, both of a strength drawn anew each time.
    """
    classes, height, width = scores.logits.shape
    strength, faith = 3.0 * rng.random() ** 2, rng.uniform(0.4, 1.0)
    grain = int(rng.integers(2, 9))
    noise = np.stack(
        [
            cv2.resize(
                rng.standard_normal((height // grain + 2, width // grain + 2), dtype=np.float32),
                (width, height),
                interpolation=cv2.INTER_CUBIC,
            )
            for _ in range(classes)
        ]
    )
    return replace(scores, logits=np.float32(faith) * scores.logits + np.float32(strength) * noise)
