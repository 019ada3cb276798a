"""Edge pixels → contours: gaps closed along the edge's direction, lines traced.

Shapes: ``H, W`` the image; ``N`` points of a contour; ``E`` loose ends. Frame: continuous image
coordinates (x, y).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.result.edges import Contour, EdgeMap

DIRECTION_PX = 6
"""So far back along its line the direction of a loose end is taken."""
LARGEST_BEND_DEG = 25.0
"""A gap may be closed up to this much off that direction."""
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, -1), (-1, 1))
"""Steps (down, right) to the eight neighbours; those that share a side first."""


def close_gaps(edges: EdgeMap, *, gap_px: float, strength: float = 0.0) -> EdgeMap:
    """Continue from loose ends along their direction, up to ``gap_px``, to the next edge there is.

    Only edges of at least ``strength`` count. The pixels of a closed gap are as strong as the
    weaker of its ends. 0 leaves all gaps open.
    """
    is_line = np.asarray(skeletonize(edges.is_edge & (edges.strength >= strength)), np.bool_)
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
    is_line = np.asarray(skeletonize(edges.is_edge & (edges.strength >= strength)), np.bool_)
    contours = []
    for pixels in trace_chains(is_line):
        is_closed = len(pixels) > 3 and (pixels[0] == pixels[-1]).all()
        rows, columns = (pixels[:-1] if is_closed else pixels).T
        strengths = edges.strength[rows, columns].astype(np.float64)
        contour = Contour(edges.locate(rows, columns), strengths, bool(is_closed))
        if contour.length_px >= shortest_px:
            contours.append(contour)
    return contours


def trace_chains(is_line: BoolArray) -> list[Int64Array]:
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


def _find_gaps(is_line: BoolArray, gap_px: float) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of pixels (row, column): a loose end, and the nearest edge ahead of it."""
    if gap_px < 1 or not is_line.any():
        return []
    ends, backs = _find_loose_ends(is_line)
    pixels = np.argwhere(is_line)
    around = cKDTree(pixels).query_ball_point(ends, gap_px)
    largest = np.cos(np.radians(LARGEST_BEND_DEG))
    gaps = []
    for end, back, within in zip(ends, backs, around, strict=True):
        direction = (end - back) / np.hypot(*(end - back))
        near = pixels[within]
        ways = near - end
        lengths = np.hypot(*ways.T)
        ahead = (lengths > 1.5) & (ways @ direction >= largest * lengths)
        if ahead.any():
            target = near[ahead][np.argmin(lengths[ahead])]
            gaps.append((tuple(end.tolist()), tuple(target.tolist())))
    return gaps


def _find_loose_ends(is_line: BoolArray) -> tuple[Int64Array, Int64Array]:
    """Pixels with one neighbour, and the pixel ``DIRECTION_PX`` back along the line, (E, 2) each.

    It is nearer where the line meets another before; lines of two pixels have no direction.
    """
    padded = np.pad(is_line, 1)
    width = padded.shape[1]
    inside = padded.ravel()
    steps = np.array([down * width + across for down, across in NEIGHBOURS])
    pixels = np.flatnonzero(padded)
    counts = np.zeros(inside.shape, np.int64)
    counts[pixels] = inside[pixels[:, None] + steps].sum(axis=1)
    ends = before = here = pixels[counts[pixels] == 1]
    walked = np.zeros(len(ends), np.int64)
    for _ in range(DIRECTION_PX):
        neighbours = here[:, None] + steps
        ahead = inside[neighbours] & (neighbours != before[:, None])
        goes_on = (counts[here] == 2) | (here == ends)
        further = neighbours[np.arange(len(here)), ahead.argmax(axis=1)]
        before, here = np.where(goes_on, here, before), np.where(goes_on, further, here)
        walked += goes_on
    places = np.stack([np.divmod(ends, width), np.divmod(here, width)])  # (2, 2, E)
    found, backs = places.transpose(0, 2, 1)[:, walked >= 2] - 1
    return found, backs
