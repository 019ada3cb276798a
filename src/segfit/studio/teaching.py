"""Which images would teach a model most: unsure ones, unlike those that are labelled.

Shapes: ``N`` images, ``D`` figures of an image, ``K`` classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Float64Array

if TYPE_CHECKING:
    from segfit.scribbles import PixelFeatures

WEIGHT = 0.25
"""Of unsureness beside being unlike, as measured, see ``benchmarks/choosing_next.py``."""


def measure_unsureness(probabilities: Float32Array) -> float:
    """Mean entropy of pixels' classes, (K, …) probabilities, from 0 to 1 (all alike)."""
    chances = np.maximum(probabilities.reshape(len(probabilities), -1), 1e-9)
    entropy = -(chances * np.log(chances)).sum(axis=0)
    return float(entropy.mean() / np.log(len(chances)))


def describe_look(features: PixelFeatures) -> Float64Array:
    """What an image looks like, (D,): mean and spread of each of its pixels' features."""
    rows = [grid.reshape(-1, grid.shape[2]).astype(np.float32) for grid in features.grids]
    figures = [*(grid.mean(axis=0) for grid in rows), *(grid.std(axis=0) for grid in rows)]
    return np.concatenate(figures).astype(np.float64)


def order_images(
    figures: Float64Array,
    unsureness: Float64Array,
    is_labelled: BoolArray,
    *,
    weight: float = WEIGHT,
) -> list[int]:
    """Indices of the images without labels, the one that teaches most first.

    ``figures``: (N, D), what images look like. ``unsureness``: (N,), NaN where nobody knows, which
    counts as the mean of the others. ``weight``: of unsureness beside being unlike, 0 to 1.

    Each image is the one of which unsureness and distance to the nearest one that is labelled or
    comes before it, as ranks, have the largest sum: farthest-first traversal (Gonzalez, 1985;
    Sener and Savarese, 2018), with a pull.
    """
    left = np.flatnonzero(~is_labelled)
    if len(left) == 0:
        return []
    places = _standardize(figures)
    usual = float(np.nanmean(unsureness)) if (~np.isnan(unsureness)).any() else 0.0
    known = np.nan_to_num(unsureness, nan=usual)
    nearest = np.full(len(places), np.inf)
    for index in np.flatnonzero(is_labelled).tolist():
        nearest = np.minimum(nearest, _measure_distances(places, index))
    if not is_labelled.any():
        nearest = _measure_to_middle(places)
    order: list[int] = []
    while len(left):
        worth = weight * _rank(known[left]) + (1 - weight) * _rank(nearest[left])
        chosen = int(left[worth.argmax()])
        order.append(chosen)
        nearest = np.minimum(nearest, _measure_distances(places, chosen))
        left = left[left != chosen]
    return order


def _standardize(figures: Float64Array) -> Float64Array:
    spread = figures.std(axis=0)
    return np.asarray((figures - figures.mean(axis=0)) / np.where(spread > 1e-9, spread, 1))


def _measure_distances(places: Float64Array, index: int) -> Float64Array:
    return np.asarray(np.linalg.norm(places - places[index], axis=1))


def _measure_to_middle(places: Float64Array) -> Float64Array:
    """The first image is the most usual one: nearness to the mean."""
    return np.asarray(-np.linalg.norm(places, axis=1))


def _rank(values: Float64Array) -> Float64Array:
    """Ranks from 0 to 1, equal values alike."""
    different, place = np.unique(values, return_inverse=True)
    return np.asarray(place / max(1, len(different) - 1))
