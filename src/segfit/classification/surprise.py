"""How unlike the images that a model has learned from an image is to its classifier.

The distance of Mahalanobis from the middle of the training images, as Lee, Lee, Lee and Shin (A
simple unified framework for detecting out-of-distribution samples and adversarial attacks, 2018)
measure it, of figures of the whole image: a network is as sure of a wall that it calls skin as of a
face, and no cell of it is far from those that it has seen, but an image of walls is.

Shapes: ``h, w`` the grid of scores; ``P`` its planes; ``D`` = 2 P figures of an image.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, Float64Array
from segfit.model.domain import Domain
from segfit.result.scores import Scores


def describe_scores(scores: Scores) -> Float64Array:
    """Mean and standard deviation over the image of every feature, (D,); of the logits, where a
    classifier does not give features.
    """
    if scores.feature_figures is not None:
        return scores.feature_figures.ravel()
    return describe_planes(scores.logits if scores.features is None else scores.features).ravel()


def describe_planes(planes: Float32Array) -> Float64Array:
    """Mean and standard deviation of every plane (P, h, w), (2, P)."""
    figures = [cv2.meanStdDev(np.ascontiguousarray(plane)) for plane in planes]
    return np.array(figures).reshape(len(planes), 2).T


def join_figures(parts: Sequence[tuple[int, Float64Array]]) -> Float64Array:
    """Mean and standard deviation (2, P) over all of an image's parts.

    ``parts``: how many cells each has, and its own figures.
    """
    cells = np.array([count for count, _ in parts], np.float64)[:, None]  # (N, 1)
    means, deviations = np.stack([figures for _, figures in parts], axis=1)  # (N, P) each
    mean = (cells * means).sum(axis=0) / cells.sum()
    square = (cells * (deviations**2 + means**2)).sum(axis=0) / cells.sum()
    return np.stack([mean, np.sqrt(np.maximum(square - mean**2, 0.0))])


def measure_surprise(scores: Scores, domain: Domain) -> float:
    """How far an image is from a model's own, as a share of the bound: above 1 it is unlike them.

    Raises no error: a distance can be measured of anything.
    """
    return measure_distance(describe_scores(scores), domain) / domain.bound


def measure_distance(figures: Float64Array, domain: Domain) -> float:
    """Distance of Mahalanobis of an image's figures (D,) from the mean, over √D."""
    standardised = (figures - np.array(domain.mean)) / np.array(domain.deviation)
    along = np.array(domain.axes).reshape(-1, len(standardised)) @ standardised  # (R,)
    across = max(0.0, float(standardised @ standardised - along @ along))
    squared = float((along**2 / np.array(domain.variances)).sum()) + across / domain.rest
    return float(np.sqrt(squared / len(standardised)))
