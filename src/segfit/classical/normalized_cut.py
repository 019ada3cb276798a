"""Superpixels divided by normalised cuts."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage import graph

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.method import RegionMethod
from segfit.classical.slic import make_superpixels
from segfit.imaging.color import to_lab


class NormalizedCut(RegionMethod):
    """Superpixels divided where a cut is cheap beside what it leaves (Shi and Malik, 2000).

    ``superpixels``: about how many; ``compactness``: how even, the larger, the squarer.
    ``most_cost``: from 0 to 2, what a cut may cost; the larger, the more regions.
    """

    name: ClassVar[str] = "normalized-cut"
    place: ClassVar[int] = 43
    purpose: ClassVar[str] = "few large regions of a photograph, balanced in size"
    fails: ClassVar[str] = "small objects; a large even area may be cut in two"

    superpixels: int = Field(default=250, ge=2)
    compactness: float = Field(default=15.0, gt=0)
    most_cost: float = Field(default=0.05, gt=0, le=2)

    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Regions, and how many superpixels they are made of."""
        pieces = make_superpixels(image, self.superpixels, self.compactness)
        adjacency = graph.rag_mean_color(to_lab(image), pieces, mode="similarity", sigma=30.0)
        cut = graph.cut_normalized(
            pieces, adjacency, thresh=self.most_cost, rng=np.random.default_rng(0)
        )
        joined = np.asarray(cut, np.int64)
        return joined, f"{len(np.unique(joined))} regions of {pieces.max() + 1} superpixels"


METHOD = NormalizedCut
