"""Edge pixels → contours: gaps closed along the edge's direction, lines traced.

Shapes: ``H, W`` the picture; ``N`` points of a contour; ``E`` loose ends. Frame: continuous picture
coordinates (x, y).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.morphology import thin

from segfit.edge_map import Contour, EdgeMap

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DIRECTION_PX = 6
"""So far back along its line the direction of a loose end is taken."""
LARGEST_BEND_DEG = 25.0
"""A gap may be closed up to this much off that direction."""
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, -1), (-1, 1))
"""Steps (down, right) to the eight neighbours; those that share a side first."""


def close_gaps(edges: EdgeMap, *, gap_px: float, strength: float = 0.0) -> EdgeMap:
    """Go on from loose ends along their direction, up to ``gap_px``, to the next edge there is.

    Only edges of at least ``strength`` count. The pixels of a closed gap are as strong as the
    weaker of its ends. 0 leaves all gaps open.
    """
    is_line = np.asarray(thin(edges.is_edge & (edges.strength >= strength)), np.bool_)
    bridge = np.zeros(is_line.shape, np.float32)
    for (row, column), (to_row, to_column) in _find_gaps(is_line, gap_px):
        level = float(min(edges.strength[row, column], edges.strength[to_row, to_column]))
        left, right = sorted((column, to_column))
        top, bottom = sorted((row, to_row))
        window = bridge[top : bottom + 1, left : right + 1]
        drawn = np.zeros(window.shape, np.uint8)
        cv2.line(drawn, (column - left, row - top), (to_column - left, to_row - top), (1,))
        np.maximum(window, drawn * np.float32(level), out=window)
    closed = (bridge > 0) & ~edges.is_edge
    return replace(
        edges,
        strength=np.where(closed, np.maximum(edges.strength, bridge), edges.strength),
        is_edge=edges.is_edge | closed,
        shift=np.where(closed, np.float32(0), edges.shift),
    )


def trace_contours(edges: EdgeMap, *, strength: float, shortest_px: float = 0.0) -> list[Contour]:
    """Lines of edge pixels of at least this strength, from junction to junction or to an end.

    Lines shorter than ``shortest_px``, and single pixels, are left out.
    """
    is_line = np.asarray(thin(edges.is_edge & (edges.strength >= strength)), np.bool_)
    contours = []
    for pixels in trace_chains(is_line):
        is_closed = len(pixels) > 3 and (pixels[0] == pixels[-1]).all()
        rows, columns = (pixels[:-1] if is_closed else pixels).T
        strengths = edges.strength[rows, columns].astype(np.float64)
        contour = Contour(edges.locate(rows, columns), strengths, bool(is_closed))
        if contour.length_px >= shortest_px:
            contours.append(contour)
    return contours


def trace_chains(is_line: Bools) -> list[Ints]:
    """Chains of neighbouring pixels of a mask (H, W), a pixel wide, as (N, 2) rows and columns.

    A chain ends at a loose end or at a junction, whose pixel it includes; a closed one ends with
    the pixel that it begins with.
    """
    width = is_line.shape[1] + 2
    inside = np.pad(is_line, 1).ravel().tolist()
    steps = [down * width + across for down, across in NEIGHBOURS]
    pixels = np.flatnonzero(np.pad(is_line, 1)).tolist()
    around = {pixel: [pixel + s for s in steps if inside[pixel + s]] for pixel in pixels}
    nodes = [pixel for pixel, near in around.items() if len(near) != 2]
    is_node = set(nodes)
    walked: set[tuple[int, int]] = set()
    passed: set[int] = set()
    chains: list[list[int]] = []

    def walk(start: int, first: int) -> list[int]:
        chain = [start, first]
        while chain[-1] not in is_node and chain[-1] != start:
            passed.add(chain[-1])
            one, other = around[chain[-1]]
            chain.append(other if one == chain[-2] else one)
        walked.add((chain[-1], chain[-2]))
        return chain

    for node in nodes:
        chains += [walk(node, near) for near in around[node] if (node, near) not in walked]
    for pixel in pixels:  # what is left goes round without a junction
        if pixel not in is_node and pixel not in passed:
            chains.append(walk(pixel, around[pixel][0]))
            passed.add(pixel)
    return [np.stack(np.divmod(np.array(chain), width), axis=1) - 1 for chain in chains]


def _find_gaps(is_line: Bools, gap_px: float) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of pixels (row, column): a loose end, and the nearest edge ahead of it."""
    if gap_px < 1 or not is_line.any():
        return []
    counts = cv2.filter2D(
        is_line.view(np.uint8), -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT
    )
    pixels = np.argwhere(is_line)
    tree = cKDTree(pixels)
    largest = np.cos(np.radians(LARGEST_BEND_DEG))
    gaps = []
    for chain in trace_chains(is_line):
        for line in (chain, chain[::-1]):
            end = line[0]
            if counts[tuple(end)] != 2 or len(line) < 3:
                continue
            back = line[min(DIRECTION_PX, len(line) - 1)]
            direction = (end - back) / np.hypot(*(end - back))
            near = pixels[tree.query_ball_point(end, gap_px)]
            ways = near - end
            lengths = np.hypot(*ways.T)
            ahead = (lengths > 1.5) & (ways @ direction >= largest * lengths)
            if ahead.any():
                target = near[ahead][np.argmin(lengths[ahead])]
                gaps.append((tuple(end.tolist()), tuple(target.tolist())))
    return gaps
