"""Edges of a picture: found, thinned, linked, and closed into a hierarchy of regions."""

from segfit.edges.detectors import DETECTORS, detect_canny, detect_gradient, detect_laplacian
from segfit.edges.edge_map import EdgeMap, find_ridges
from segfit.edges.hierarchy import RegionHierarchy, build_hierarchy
from segfit.edges.linking import Contour, close_gaps, trace_contours

__all__ = [
    "DETECTORS",
    "Contour",
    "EdgeMap",
    "RegionHierarchy",
    "build_hierarchy",
    "close_gaps",
    "detect_canny",
    "detect_gradient",
    "detect_laplacian",
    "find_ridges",
    "trace_contours",
]
