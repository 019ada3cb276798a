"""An image → its edges, linked to lines and closed into regions.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from segfit.arrays import UInt8Array
from segfit.classes import REGIONS, ClassTable
from segfit.edges import (
    DETECTORS,
    RegionHierarchy,
    build_hierarchy,
    close_gaps,
    find_ridges,
    trace_contours,
)
from segfit.edges.detectors import Detector
from segfit.errors import SegfitError
from segfit.formats.format import Content
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.read import check_size
from segfit.partition import LabelGrid
from segfit.result.edges import EdgeMap, FoundEdges
from segfit.result.scores import sigmoid
from segfit.result.segmentation import Segmentation
from segfit.runtime.sessions import Backend
from segfit.segmenter import Segmenter, load

LEARNED = "learned"
EDGE_MODEL = "edges"
GAP_PX = 8.0
SHORTEST_PX = 5.0
SCALES = (0.5, 1.0, 1.5)
"""A learned detector looks at the image at each of these sizes, and takes the mean of logits."""
MARGIN_PX = 32
"""So far the image goes on as its mirror image: a network that meets nothing there instead finds
lines along the image's border."""


@dataclass(frozen=True)
class LearnedDetector:
    """Edges by a segmentation network whose one class is the edge."""

    segmenter: Segmenter

    def __call__(self, image: UInt8Array, /) -> EdgeMap:
        """Edges of an image; their strength is the network's probability."""
        margin = MARGIN_PX, MARGIN_PX
        framed = np.pad(image, (margin, margin, (0, 0)), "symmetric")
        shape = framed.shape[0], framed.shape[1]
        pyramid = Pyramid(framed)
        total = np.zeros(shape, np.float32)
        for scale in SCALES:
            resized = pyramid.resize(*(round(side * scale) for side in shape))
            total += self.segmenter.score(resized).to_logits(shape=shape)[0]
        inside = slice(MARGIN_PX, -MARGIN_PX)
        return find_ridges(sigmoid(total[inside, inside] / np.float32(len(SCALES))))


@dataclass(frozen=True)
class EdgeFinder:
    """Finds edges and makes regions of them: a ``Method``.

    ``strength``: from 0 to 1, that edges must have to be linked to lines and to separate regions.
    ``gap_px``: up to which length gaps are closed. ``shortest_px``: of the lines that are kept.
    """

    detect: Detector
    strength: float
    gap_px: float = GAP_PX
    shortest_px: float = SHORTEST_PX

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise SegfitError(f"strength is a number above 0 and up to 1, given {self.strength}")
        if min(self.gap_px, self.shortest_px) < 0:
            raise SegfitError(
                f"a length is 0 px or more, given {min(self.gap_px, self.shortest_px)}"
            )

    @property
    def classes(self) -> ClassTable:
        """Background, which no pixel is, and region."""
        return REGIONS

    @property
    def provides(self) -> frozenset[Content]:
        """Edges, and the regions between them as objects."""
        return frozenset({Content.EDGES, Content.OBJECTS})

    def find(self, image: UInt8Array) -> tuple[EdgeMap, RegionHierarchy]:
        """Edges with their gaps closed, and all the regions that they separate, weak to strong."""
        check_size(image, "the image")
        edges = close_gaps(self.detect(image), gap_px=self.gap_px, strength=self.strength)
        return edges, build_hierarchy(edges.strength)

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Regions whose borders are at least as strong as ``strength``, and the edges."""
        edges, hierarchy = self.find(image)
        contours = trace_contours(edges, strength=self.strength, shortest_px=self.shortest_px)
        objects = hierarchy.cut(self.strength) + 1
        note = ""
        if objects.max() == 1:
            note = (
                f"one region: no border is as strong as {self.strength:g}, the strongest edge is "
                f"{edges.strength.max():.2f}; give a lower strength"
            )
        return Segmentation(
            image,
            LabelGrid(np.ones(objects.shape, np.uint8), objects),
            REGIONS,
            edges=FoundEdges(edges, tuple(contours), self.strength),
            note=note,
        )


USUAL_STRENGTHS = {LEARNED: 0.2, "canny": 0.1, "sobel": 0.15, "scharr": 0.15, "laplacian": 0.15}


def open_detector(
    name: str, *, backend: Backend = "openvino", threads: int | None = None
) -> Detector:
    """A detector by its name, "learned", or a model of edges by its path.

    Raises ``SegfitError`` for another name, and for a model that finds no edges.
    """
    if name in DETECTORS:
        if threads is not None:
            cv2.setNumThreads(threads)
        return DETECTORS[name]
    if name != LEARNED and not name.endswith(".segfit"):
        raise SegfitError(
            f"unknown detector {name!r}: choose {LEARNED}, {', '.join(DETECTORS)}, or give a "
            ".segfit file"
        )
    model = EDGE_MODEL if name == LEARNED else name
    segmenter = load(model, backend=backend, threads=threads, precision="fastest")
    if segmenter.card.classes.names != ("background", "edge"):
        raise SegfitError(
            f"{name} tells {', '.join(segmenter.classes.names)} apart and finds no edges: give a "
            "model of background and edge"
        )
    return LearnedDetector(segmenter)
