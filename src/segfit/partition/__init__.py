"""Regions of an image, and the arcs that they share as borders."""

from segfit.partition.codes import join_codes, split_codes
from segfit.partition.merge import merge_loose_pieces, merge_small_regions
from segfit.partition.planar_map import OUTSIDE, Partition
from segfit.partition.raster import rasterize, rasterize_labels
from segfit.partition.rings import trace_rings
from segfit.partition.simplify import simplify_arcs
from segfit.partition.smooth import smooth_arcs
from segfit.partition.trace import partition_of

__all__ = [
    "OUTSIDE",
    "Partition",
    "join_codes",
    "merge_loose_pieces",
    "merge_small_regions",
    "partition_of",
    "rasterize",
    "rasterize_labels",
    "simplify_arcs",
    "smooth_arcs",
    "split_codes",
    "trace_rings",
]
