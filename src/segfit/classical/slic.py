"""Superpixels, and their neighbours of like color merged."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage import graph
from skimage.segmentation import slic

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.method import RegionMethod
from segfit.imaging.color import to_lab


class Slic(RegionMethod):
    """Even superpixels (Achanta et al., 2012), of which neighbours of like color are merged.

    ``superpixels``: about how many. ``compactness``: how even; the larger, the squarer.
    ``merge_below``: neighbours whose mean colors differ by less, in CIELAB units, become one; 0
    leaves the superpixels as they are.
    """

    name: ClassVar[str] = "slic"
    place: ClassVar[int] = 42
    purpose: ClassVar[str] = "regions of even size that follow edges; few of them after merging"
    fails: ClassVar[str] = "textures of strong contrast; colors that shade into each other"

    superpixels: int = Field(default=400, ge=2)
    compactness: float = Field(default=10.0, gt=0)
    merge_below: float = Field(default=8.0, ge=0)

    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Regions, and how many superpixels they are made of."""
        pieces = make_superpixels(image, self.superpixels, self.compactness)
        if self.merge_below == 0:
            return pieces, ""
        # In 8 bits the graph's colors would be rounded.
        adjacency = graph.rag_mean_color(to_lab(image), pieces)
        merged = graph.merge_hierarchical(
            pieces,
            adjacency,
            thresh=self.merge_below,
            rag_copy=False,
            in_place_merge=True,
            merge_func=_merge_means,
            weight_func=_compare_means,
        )
        joined = np.asarray(merged, np.int64)
        return joined, f"{len(np.unique(joined))} regions of {pieces.max() + 1} superpixels"


def make_superpixels(image: UInt8Array, count: int, compactness: float) -> Int64Array:
    """About ``count`` superpixels of an image, (H, W) numbers from 0."""
    found = slic(image, n_segments=count, compactness=compactness, start_label=0)
    return np.asarray(np.unique(found, return_inverse=True)[1].reshape(found.shape), np.int64)


def _compare_means(adjacency: graph.RAG, source: int, target: int, other: int) -> dict[str, float]:
    apart = adjacency.nodes[target]["mean color"] - adjacency.nodes[other]["mean color"]
    return {"weight": float(np.linalg.norm(apart))}


def _merge_means(adjacency: graph.RAG, source: int, target: int) -> None:
    into, given = adjacency.nodes[target], adjacency.nodes[source]
    into["total color"] = into["total color"] + given["total color"]
    into["pixel count"] += given["pixel count"]
    into["mean color"] = into["total color"] / into["pixel count"]


METHOD = Slic
