"""Which images would teach a model most: those that many others are like, and unsure ones by turns.

Shapes: ``N`` images, ``D`` figures of an image, ``K`` classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Float64Array

if TYPE_CHECKING:
    from segfit.scribbles import PixelFeatures

UNSURE_TURN = 3
"""Each image of so many is for the unsure ones, as measured by ``benchmarks/choosing_next.py``."""


def describe_look(features: PixelFeatures) -> Float64Array:
    """What an image looks like, (D,): mean and spread of each of its pixels' features."""
    rows = [grid.reshape(-1, grid.shape[2]).astype(np.float32) for grid in features.grids]
    figures = [*(grid.mean(axis=0) for grid in rows), *(grid.std(axis=0) for grid in rows)]
    return np.concatenate(figures).astype(np.float64)


def measure_unsureness(probabilities: Float32Array) -> float:
    """Mean entropy of pixels' classes, (K, …) probabilities, from 0 to 1 (all alike)."""
    chances = np.maximum(probabilities.reshape(len(probabilities), -1), 1e-9)
    entropy = -(chances * np.log(chances)).sum(axis=0)
    return float(entropy.mean() / np.log(len(chances)))


def order_images(
    figures: Float64Array,
    unsureness: Float64Array,
    is_labelled: BoolArray,
    *,
    unsure_turn: int | None = UNSURE_TURN,
) -> list[int]:
    """Indices of the images without labels, the one that teaches most first.

    ``figures``: (N, D), what images look like. ``unsureness``: (N,), NaN where nobody knows, which
    counts as the mean of the others. ``unsure_turn``: see ``UNSURE_TURN``; None for no such turns.

    Each image is the one that brings all others nearest to one that is labelled or comes before it,
    the distances being added up (the greedy solution of facility location; Wei et al., 2015); when
    it is the turn of the unsure ones, distances count as much as their image is unsure. Where
    nothing is labelled, the first image is the one that all are nearest to.
    """
    if is_labelled.all():
        return []
    distances = _measure_distances(figures)
    weights = _weigh(unsureness)
    taken = is_labelled.copy()
    nearest = distances[:, taken].min(axis=1, initial=distances.max())
    order: list[int] = []
    while not taken.all():
        is_turn = unsure_turn is not None and taken.sum() % unsure_turn == 1
        gains = np.maximum(0, nearest[:, None] - distances)
        gained = weights @ gains if is_turn else gains.sum(axis=0)
        gained[taken] = -1
        chosen = int(gained.argmax())
        order.append(chosen)
        taken[chosen] = True
        nearest = np.minimum(nearest, distances[:, chosen])
    return order


def _weigh(unsureness: Float64Array) -> Float64Array:
    known = ~np.isnan(unsureness)
    return np.where(known, unsureness, unsureness[known].mean() if known.any() else 1.0)


def _measure_distances(figures: Float64Array) -> Float64Array:
    """Between all images, (N, N), each figure by its spread."""
    spread = figures.std(axis=0)
    places = (figures - figures.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)
    squares = (places**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(0, squares[:, None] + squares - 2 * places @ places.T)))
