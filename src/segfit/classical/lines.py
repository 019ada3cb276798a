"""Straight lines as borders of regions."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import Field
from skimage.measure import label
from skimage.segmentation import expand_labels

from segfit.basics.arrays import Float64Array, Int64Array, UInt8Array
from segfit.classical.shared.method import RegionMethod
from segfit.imaging.color import to_lightness

Segments = Float64Array
"""Lines (S, 2, 2): ends in image coordinates (x, y)."""

CANNY_LEVELS = (50, 150)
HOUGH_VOTES = 40


class Lines(RegionMethod):
    """Line segments, made longer until they meet others, and the faces between them.

    ``detector``: "lsd" (von Gioi et al., 2010) or "hough" (Matas et al., 2000).
    ``shortest_px``: segments that are shorter do not count. ``reach``: by which share of the
    image's diagonal a segment is made longer, to where it meets another; else it stays.
    ``least_area_px``: faces with less go to a neighbour.
    """

    name: ClassVar[str] = "lines"
    place: ClassVar[int] = 40
    purpose: ClassVar[str] = "straight borders: facades, panels, documents, roads, crystals"
    fails: ClassVar[str] = "curved borders, and textures full of short lines"

    detector: Literal["lsd", "hough"] = "lsd"
    shortest_px: float = Field(default=15.0, gt=0)
    reach: float = Field(default=0.08, ge=0, le=1)
    least_area_px: float = Field(default=64.0, ge=0)

    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Faces, and how many segments there are."""
        lightness = np.rint(to_lightness(image) * 2.55).astype(np.uint8)
        segments = find_segments(lightness, self.detector, self.shortest_px)
        height, width = lightness.shape
        longer = lengthen(segments, self.reach * math.hypot(height, width), (height, width))
        wall = np.zeros((height, width), np.uint8)
        for begin, end in np.floor(longer).astype(int).tolist():
            cv2.line(wall, begin, end, (1,), 1, cv2.LINE_4)
        faces = np.asarray(label(wall == 0, connectivity=1))
        areas = np.bincount(faces.ravel())
        faces[(areas < self.least_area_px)[faces]] = 0
        if faces.max() == 0:
            return np.zeros(
                wall.shape, np.int64
            ), "one region: no face between lines is large enough"
        joined = np.asarray(expand_labels(faces, distance=math.hypot(height, width)), np.int64)
        count = len(np.unique(joined))
        return joined, f"{count} regions between {len(segments)} line segments"


def find_segments(
    lightness: UInt8Array, detector: Literal["lsd", "hough"], shortest_px: float
) -> Segments:
    """Line segments of a grey image (H, W)."""
    found: NDArray[Any] | None
    if detector == "lsd":
        found = cv2.createLineSegmentDetector().detect(lightness)[0]
    else:
        edges = cv2.Canny(lightness, *CANNY_LEVELS)
        found = cv2.HoughLinesP(edges, 1, math.pi / 180, HOUGH_VOTES, None, shortest_px, 4)
    if found is None:
        return np.empty((0, 2, 2))
    segments = np.asarray(found, np.float64).reshape(-1, 2, 2) + 0.5
    lengths = np.hypot(*(segments[:, 1] - segments[:, 0]).T)
    return np.asarray(segments[lengths >= shortest_px])


def lengthen(segments: Segments, reach_px: float, shape: tuple[int, int]) -> Segments:
    """Move ends on, up to ``reach_px``, to where they meet a segment or the image's edge.

    The other segment may have to be made longer, too, as two sides of a corner have.
    """
    if len(segments) == 0 or reach_px == 0:
        return segments
    height, width = shape
    frame = shapely.box(0.5, 0.5, width - 0.5, height - 0.5).exterior
    ways = np.diff(segments, axis=1)[:, 0]
    ways = ways / np.hypot(*ways.T)[:, None] * reach_px
    goals = np.stack([segments[:, 0] - ways, segments[:, 1] + ways], axis=1)
    lines = [*shapely.linestrings(goals), frame]
    tree = shapely.STRtree(lines)
    longer = segments.copy()
    for number, segment in enumerate(segments):
        for tip in (0, 1):
            ray = shapely.LineString([segment[tip], goals[number, tip]])
            places = [
                shapely.intersection(ray, lines[index])
                for index in tree.query(ray, predicate="intersects").tolist()
                if index != number
            ]
            points = shapely.get_coordinates(places)
            distances = np.hypot(*(points - segment[tip]).T)
            if len(points):
                longer[number, tip] = points[distances.argmin()]
    return np.clip(longer, 0, np.array([width, height]) - 0.01)


METHOD = Lines
