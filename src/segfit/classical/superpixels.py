"""Graphs of pixels and superpixels: Felzenszwalb, merged SLIC, normalised cut, watershed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage import graph
from skimage.filters import sobel
from skimage.measure import label
from skimage.morphology import h_minima
from skimage.segmentation import felzenszwalb, slic, watershed

from segfit.classical.method import Floats, Numbers, Picture, RegionMethod, smooth, to_lab


class Felzenszwalb(RegionMethod):
    """A minimum spanning forest (Felzenszwalb and Huttenlocher, 2004).

    ``scale``: the larger, the larger regions become. ``least_area_px``: smaller ones are joined to
    a neighbour; None takes a 500th of the picture.
    """

    purpose: ClassVar[str] = "a first division of any photograph; fast"
    fails: ClassVar[str] = "long thin regions along blurred edges"

    scale: float = Field(default=300.0, gt=0)
    blur_px: float = Field(default=0.8, ge=0)
    least_area_px: int | None = Field(default=None, ge=1)

    def divide(self, picture: Picture) -> tuple[Numbers, str]:
        """Regions."""
        least = self.least_area_px or max(20, picture.shape[0] * picture.shape[1] // 500)
        found = felzenszwalb(picture, scale=self.scale, sigma=self.blur_px, min_size=least)
        return np.asarray(found, np.int64), ""


class Slic(RegionMethod):
    """Even superpixels (Achanta et al., 2012), of which neighbours of like colour are merged.

    ``superpixels``: about how many. ``compactness``: how even; the larger, the squarer.
    ``merge_below``: neighbours whose mean colours differ by less, in CIELAB units, become one; 0
    leaves the superpixels as they are.
    """

    purpose: ClassVar[str] = "regions of even size that follow edges; few of them after merging"
    fails: ClassVar[str] = "textures of strong contrast; colours that shade into each other"

    superpixels: int = Field(default=400, ge=2)
    compactness: float = Field(default=10.0, gt=0)
    merge_below: float = Field(default=8.0, ge=0)

    def divide(self, picture: Picture) -> tuple[Numbers, str]:
        """Regions, and how many superpixels they are made of."""
        pieces = make_superpixels(picture, self.superpixels, self.compactness)
        if self.merge_below == 0:
            return pieces, ""
        # In 8 bits the graph's colours would be rounded.
        adjacency = graph.rag_mean_color(to_lab(picture), pieces)
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


class NormalizedCut(RegionMethod):
    """Superpixels parted where a cut is cheap beside what it leaves (Shi and Malik, 2000).

    ``most_cost``: from 0 to 2, what a cut may cost; the larger, the more regions.
    """

    purpose: ClassVar[str] = "few large regions of a photograph, balanced in size"
    fails: ClassVar[str] = "small objects; a large even area may be cut in two"

    superpixels: int = Field(default=250, ge=2)
    compactness: float = Field(default=15.0, gt=0)
    most_cost: float = Field(default=0.05, gt=0, le=2)

    def divide(self, picture: Picture) -> tuple[Numbers, str]:
        """Regions, and how many superpixels they are made of."""
        pieces = make_superpixels(picture, self.superpixels, self.compactness)
        adjacency = graph.rag_mean_color(to_lab(picture), pieces, mode="similarity", sigma=30.0)
        cut = graph.cut_normalized(
            pieces, adjacency, thresh=self.most_cost, rng=np.random.default_rng(0)
        )
        joined = np.asarray(cut, np.int64)
        return joined, f"{len(np.unique(joined))} regions of {pieces.max() + 1} superpixels"


class Watershed(RegionMethod):
    """Basins of the gradient, flooded from minima that are deep enough (Meyer, 1994).

    ``depth``: of a minimum below the lowest way out, as a share of the largest gradient; the
    larger, the fewer regions. ``blur_px``: standard deviation of a smoothing before.
    """

    purpose: ClassVar[str] = "regions parted by closed edges: grains, cells, foam"
    fails: ClassVar[str] = "gaps in edges, through which regions run together; texture"

    depth: float = Field(default=0.06, gt=0, le=1)
    blur_px: float = Field(default=1.5, ge=0)

    def divide(self, picture: Picture) -> tuple[Numbers, str]:
        """Regions."""
        gradient = measure_gradient(smooth(to_lab(picture), self.blur_px))
        markers = label(h_minima(gradient, self.depth))
        return np.asarray(watershed(gradient, markers), np.int64), ""


def make_superpixels(picture: Picture, count: int, compactness: float) -> Numbers:
    """About ``count`` superpixels of a picture, (H, W) numbers from 0."""
    found = slic(picture, n_segments=count, compactness=compactness, start_label=0)
    return np.asarray(np.unique(found, return_inverse=True)[1].reshape(found.shape), np.int64)


def measure_gradient(channels: Floats) -> Floats:
    """Gradient of the channel that changes most, (H, W), as a share of the largest."""
    strongest = np.max([sobel(channels[..., index]) for index in range(3)], axis=0)
    return np.asarray(strongest / max(float(strongest.max()), 1e-9), np.float32)


def _compare_means(adjacency: graph.RAG, source: int, target: int, other: int) -> dict[str, float]:
    apart = adjacency.nodes[target]["mean color"] - adjacency.nodes[other]["mean color"]
    return {"weight": float(np.linalg.norm(apart))}


def _merge_means(adjacency: graph.RAG, source: int, target: int) -> None:
    into, given = adjacency.nodes[target], adjacency.nodes[source]
    into["total color"] = into["total color"] + given["total color"]
    into["pixel count"] += given["pixel count"]
    into["mean color"] = into["total color"] / into["pixel count"]
