"""An image → its edges, linked to lines and closed into regions.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.classes import REGIONS, ClassTable
from segfit.edges.detectors import Detector
from segfit.edges.hierarchy import RegionHierarchy, build_hierarchy
from segfit.edges.linking import close_gaps, trace_contours
from segfit.errors import SegfitError
from segfit.formats.format import Content
from segfit.imaging.read import check_size
from segfit.partition import LabelGrid
from segfit.result.edges import EdgeMap, FoundEdges
from segfit.result.segmentation import Segmentation

GAP_PX = 8.0
SHORTEST_PX = 5.0


@dataclass(frozen=True)
class EdgeFinder:
    """Finds edges and makes regions of them: a ``Method``.

    ``strength``: from 0 to 1, that edges must have to be linked to lines and to separate regions.
    ``gap_px``: up to which length gaps are closed. ``shortest_px``: of the lines that are kept.
    ``threads``: of OpenCV while it works; None leaves them as they are.
    """

    detector: Detector
    strength: float
    gap_px: float = GAP_PX
    shortest_px: float = SHORTEST_PX
    threads: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise SegfitError(f"strength must be above 0 and up to 1, given {self.strength}")
        for name, length in (("gap_px", self.gap_px), ("shortest_px", self.shortest_px)):
            if not length >= 0:
                raise SegfitError(f"{name} must be 0 px or more, given {length}")

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
        with limit_threads(self.threads):
            found = self.detector.detect(image)
            edges = close_gaps(found, gap_px=self.gap_px, strength=self.strength)
            return edges, build_hierarchy(edges.strength)

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Regions whose borders are at least as strong as ``strength``, and the edges."""
        edges, hierarchy = self.find(image)
        contours = trace_contours(edges, strength=self.strength, shortest_px=self.shortest_px)
        objects = hierarchy.cut(self.strength) + 1
        note = ""
        if objects.max() == 1:
            note = (
                f"one region: no border is as strong as {self.strength:g}; the strongest edge is "
                f"{edges.strength.max():.2f}: give a lower strength"
            )
        return Segmentation(
            image,
            LabelGrid(np.ones(objects.shape, np.uint8), objects),
            REGIONS,
            edges=FoundEdges(edges, tuple(contours), self.strength),
            note=note,
        )


class _ThreadLimit:
    """OpenCV's number of threads, which is a setting of the whole process.

    Of finders that work at the same time the lowest limit holds, and the last one to end restores
    what was set before the first.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._limits: list[int] = []
        self._before = 0

    def add(self, threads: int) -> None:
        with self._lock:
            if not self._limits:
                self._before = cv2.getNumThreads()
            self._limits.append(threads)
            cv2.setNumThreads(min(self._limits))

    def remove(self, threads: int) -> None:
        with self._lock:
            self._limits.remove(threads)
            cv2.setNumThreads(min(self._limits, default=self._before))


_limit = _ThreadLimit()


@contextmanager
def limit_threads(threads: int | None) -> Iterator[None]:
    """Let OpenCV use so many threads, and as many as before afterwards; None changes nothing."""
    if threads is None:
        yield
        return
    _limit.add(threads)
    try:
        yield
    finally:
        _limit.remove(threads)
