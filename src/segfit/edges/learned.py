"""Edges by a segmentation network whose one class is the edge.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.edges.thinning import find_ridges
from segfit.imaging.pyramid import Pyramid
from segfit.result.edges import EdgeMap
from segfit.result.scores import Score, sigmoid

SCALES = (0.5, 1.0, 1.5)
"""The network looks at the image at each of these sizes; the mean of its logits counts."""
MARGIN_PX = 32
"""So far the image is continued by its mirror image: a network that meets nothing there instead
finds lines along the image's border."""


@dataclass(frozen=True)
class LearnedDetector:
    """Finds edges by scores. ``score``: gives those of an image, with one output, the edge's."""

    score: Score

    def __call__(self, image: UInt8Array, /) -> EdgeMap:
        """Edges of an image; their strength is the network's probability."""
        margin = MARGIN_PX, MARGIN_PX
        framed = np.pad(image, (margin, margin, (0, 0)), "symmetric")
        shape = framed.shape[0], framed.shape[1]
        pyramid = Pyramid(framed)
        total = np.zeros(shape, np.float32)
        for scale in SCALES:
            resized = pyramid.resize(*(round(side * scale) for side in shape))
            total += self.score(resized).to_logits(shape=shape)[0]
        inside = slice(MARGIN_PX, -MARGIN_PX)
        return find_ridges(sigmoid(total[inside, inside] / np.float32(len(SCALES))))
