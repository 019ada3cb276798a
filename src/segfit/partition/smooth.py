"""Arcs without the stairs of pixels, that do not shrink.

Shapes: ``P`` points of all arcs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segfit.partition.arcs import neighbours, resample_arcs
from segfit.partition.planar_map import Partition
from segfit.partition.untangle import untangle

SHRINK, GROW = 0.5, -0.53
"""Taubin's λ and μ: what the first step draws in, the second lets out."""
SPACING_PX = 1.0
"""Of the points: a square that had four would be one wave, and shrink as stairs do."""
SHORTEST_LOOP = 12
"""Points around specks that would shrink so for all that; they stay as they are."""


def smooth_arcs(partition: Partition, rounds: int) -> Partition:
    """Smooth every arc so many times (Taubin, 1995), once for both its regions.

    Junctions, specks and the image's edge stay where they are; so do points where arcs would
    cross.
    Errors are as they were.
    """
    if rounds == 0:
        return partition
    even = resample_arcs(partition, SPACING_PX)
    around = neighbours(even, (-1, 1))  # (P, 2)
    is_end = np.zeros(len(even.points), bool)
    ends = np.concatenate([even.arc_starts[:-1], even.arc_starts[1:] - 1])
    is_end[ends[~even.is_closed[even.arc_of_point[ends]]]] = True
    is_short = even.is_closed & (np.diff(even.arc_starts) <= SHORTEST_LOOP)
    stays = is_end | (even.is_edge | is_short)[even.arc_of_point]
    points = even.points.copy()
    for _ in range(rounds):
        for factor in (SHRINK, GROW):
            steps = factor * (points[around].mean(axis=1) - points)
            points = points + np.where(stays[:, None], 0.0, steps)
    return untangle(partition, even, replace(even, points=points))[0]
