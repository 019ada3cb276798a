"""Edges of an image: found, thinned, linked, and closed into a hierarchy of regions."""

from segfit.edges.detectors import (
    DETECTORS,
    Detector,
    detect_canny,
    detect_gradient,
    detect_laplacian,
)
from segfit.edges.finder import EdgeFinder
from segfit.edges.hierarchy import RegionHierarchy, build_hierarchy
from segfit.edges.learned import LearnedDetector
from segfit.edges.linking import close_gaps, trace_contours
from segfit.edges.thinning import find_ridges

__all__ = [
    "DETECTORS",
    "Detector",
    "EdgeFinder",
    "LearnedDetector",
    "RegionHierarchy",
    "build_hierarchy",
    "close_gaps",
    "detect_canny",
    "detect_gradient",
    "detect_laplacian",
    "find_ridges",
    "trace_contours",
]
