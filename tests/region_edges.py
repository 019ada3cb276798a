"""Edges of regions, as a person draws them who follows every border."""

import numpy as np


def draw_edges(regions):
    """Edges (H, W) of regions (H, W): the pixels that differ from one to the right or below."""
    edges = np.zeros(regions.shape, bool)
    edges[:-1] |= regions[:-1] != regions[1:]
    edges[:, :-1] |= regions[:, :-1] != regions[:, 1:]
    edges[:-1, :-1] |= regions[:-1, :-1] != regions[1:, 1:]
    return edges
