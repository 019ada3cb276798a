"""Regions of an image, and the arcs that they share as borders."""

from segfit.partition.fill import fill_ignored
from segfit.partition.label_grid import LabelGrid
from segfit.partition.merge import (
    dissolve_small_regions,
    merge_loose_pieces,
    merge_small_regions,
)
from segfit.partition.planar_map import OUTSIDE, Partition
from segfit.partition.raster import Filling, fill_regions, rasterize, rasterize_labels
from segfit.partition.rings import trace_rings, trace_union
from segfit.partition.simplify import simplify_arcs
from segfit.partition.smooth import smooth_arcs
from segfit.partition.trace import partition_of

__all__ = [
    "OUTSIDE",
    "Filling",
    "LabelGrid",
    "Partition",
    "dissolve_small_regions",
    "fill_ignored",
    "fill_regions",
    "merge_loose_pieces",
    "merge_small_regions",
    "partition_of",
    "rasterize",
    "rasterize_labels",
    "simplify_arcs",
    "smooth_arcs",
    "trace_rings",
    "trace_union",
]
