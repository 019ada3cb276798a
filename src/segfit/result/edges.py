"""How strong an edge is at each pixel, which way it runs, and where exactly it lies.

Shapes: ``H, W`` the image; ``N`` points of a contour. Frame: continuous image coordinates
(x, y), pixel (row r, column c) covers [c, c+1] × [r, r+1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Float64Array, IntpArray
from segfit.basics.show import show_briefly


@dataclass(frozen=True, eq=False)
class EdgeMap:
    """Edges of an image.

    ``strength``: (H, W) float32, 0 to 1. ``is_edge``: (H, W), the pixels of lines a pixel wide,
    where strength is highest across the edge. ``normal``: (2, H, W) float32 unit vectors (x, y)
    across the edge. ``shift``: (H, W) float32, how far along the normal from the pixel's centre the
    edge lies, −0.5 to 0.5.
    """

    strength: Float32Array
    is_edge: BoolArray
    normal: Float32Array
    shift: Float32Array

    __repr__ = show_briefly

    @property
    def thinned(self) -> Float32Array:
        """Strength (H, W) where there is an edge, else 0."""
        return np.where(self.is_edge, self.strength, np.float32(0))

    def locate(self, rows: IntpArray, columns: IntpArray) -> Float64Array:
        """Where the edge lies in pixels, (N, 2) in image coordinates."""
        shift = self.shift[rows, columns]
        across = self.normal[:, rows, columns] * shift
        centres = np.stack([columns, rows], axis=1) + 0.5
        return np.asarray(centres + across.T, np.float64)


@dataclass(frozen=True, eq=False)
class Contour:
    """A line of edge points.

    ``points``: (N, 2) float64, to a fraction of a pixel. ``strength``: (N,), 0 to 1. ``is_closed``:
    whether the last point is next to the first.
    """

    points: Float64Array
    strength: Float64Array
    is_closed: bool

    __repr__ = show_briefly

    @property
    def length_px(self) -> float:
        """Length of the line through its points."""
        points = np.vstack([self.points, self.points[:1]]) if self.is_closed else self.points
        return float(np.hypot(*np.diff(points, axis=0).T).sum())


@dataclass(frozen=True, eq=False)
class FoundEdges:
    """Edges of an image, and the lines that they are linked to, of at least a ``strength``."""

    edges: EdgeMap
    contours: tuple[Contour, ...]
    strength: float

    __repr__ = show_briefly
