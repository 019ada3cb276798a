"""Drawn edge maps, and what the Berkeley benchmark's way of matching counts in them.

    python tests/metrics/edge_scenes.py > tests/metrics/edge_counts.json

writes the known answer anew. The benchmark (Martin et al., PAMI 2004) assigns found and drawn
pixels at the least cost, the distance of a pair, where being left without a partner costs 100 times
the reach. Here SciPy's assignment solves it on a full matrix.
"""

from __future__ import annotations

import json

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from skimage.morphology import thin

SEEDS = range(6)
STRENGTHS = (0.2, 0.5, 0.8)
REACH_PX = 2.5


def draw_edge_scene(seed):
    """An edge map (48, 64), and what three people drew."""
    rng = np.random.default_rng(seed)
    columns = np.arange(64)
    waves = [10 + 14 * k + 3 * np.sin(columns / rng.uniform(5, 12) + k) for k in range(3)]
    people = [np.zeros((48, 64), bool) for _ in range(3)]
    for person in people:
        for wave in waves:
            if rng.random() < 0.8:
                rows = np.rint(wave + rng.normal(0, 1.2) + rng.normal(0, 0.3, 64)).astype(int)
                person[rows.clip(0, 47), columns] = True
    edges = np.zeros((48, 64), np.float32)
    for wave in waves:
        rows = np.rint(wave + rng.normal(0, 1.0)).astype(int).clip(0, 47)
        edges[rows, columns] = rng.uniform(0.1, 1, 64)
    edges[rng.integers(0, 48, 60), rng.integers(0, 64, 60)] = rng.uniform(0, 1, 60)
    return edges, people


def assign(found, drawn):
    """Which found pixels have a partner at the least cost, and how many drawn ones."""
    first, second = np.argwhere(found), np.argwhere(drawn)
    matched = np.zeros(found.shape, bool)
    outlier = 100 * REACH_PX
    n, m = len(first), len(second)
    cost = np.full((n + m, n + m), outlier)
    distance = cdist(first, second) if n and m else np.zeros((n, m))
    cost[:n, :m] = np.where(distance <= REACH_PX, distance, 4 * outlier)
    cost[n:, m:] = 0
    rows, columns = linear_sum_assignment(cost)
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if r < n and c < m]
    pairs = [(r, c) for r, c in pairs if distance[r, c] <= REACH_PX]
    for row, _ in pairs:
        matched[tuple(first[row])] = True
    return matched, len(pairs)


def count_by_assignment(edges, people):
    """Found, found and right, drawn, drawn and recalled; for each strength."""
    rows = []
    for strength in STRENGTHS:
        found = thin(edges >= strength)
        results = [assign(found, person) for person in people]
        right = np.any([matched for matched, _ in results], axis=0)
        drawn = sum(int(person.sum()) for person in people)
        rows.append([int(found.sum()), int(right.sum()), drawn, sum(count for _, count in results)])
    return rows


if __name__ == "__main__":
    known = [
        {"seed": seed, "counts": count_by_assignment(*draw_edge_scene(seed))} for seed in SEEDS
    ]
    print(json.dumps({"strengths": STRENGTHS, "reach_px": REACH_PX, "scenes": known}, indent=1))
