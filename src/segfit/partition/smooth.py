"""Arcs without the stairs of pixels, that do not shrink.

Shapes: ``P`` points of all arcs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segfit.partition.arcs import neighbours
from segfit.partition.planar_map import Partition
from segfit.partition.untangle import untangle

SHRINK, GROW = 0.5, -0.53
"""Taubin's λ and μ: what the first step draws in, the second lets out."""


def smooth_arcs(partition: Partition, rounds: int) -> Partition:
    """Smooth every arc so many times (Taubin, 1995), once for both its regions.

    Junctions and the picture's edge stay where they are; so do points where arcs would cross.
    Errors are as they were.
    """
    around = neighbours(partition, (-1, 1))  # (P, 2)
    is_end = np.zeros(len(partition.points), bool)
    ends = np.concatenate([partition.arc_starts[:-1], partition.arc_starts[1:] - 1])
    is_end[ends[~partition.is_closed[partition.arc_of_point[ends]]]] = True
    stays = is_end | partition.is_edge[partition.arc_of_point]
    points = partition.points.copy()
    for _ in range(rounds):
        for factor in (SHRINK, GROW):
            steps = factor * (points[around].mean(axis=1) - points)
            points = points + np.where(stays[:, None], 0.0, steps)
    return untangle(partition, partition, replace(partition, points=points))[0]
