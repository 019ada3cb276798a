"""Marks → a classifier: logistic regression.

Shapes: ``N`` marked pixels, ``D`` features, ``K`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from segfit.basics.arrays import Float32Array, Float64Array, Int64Array
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.scribbles.classifier import PixelClassifier
from segfit.scribbles.features import PixelFeatures
from segfit.scribbles.marks import Marks

MOST_POINTS = 6000
"""More marks than that are drawn from: neighbours say much the same, and a stroke must answer."""
DECAY = 0.1
"""Of squared weights, beside the mean loss of a pixel: the pixels of a stroke are much alike, so
that there are fewer independent ones than features."""
BALANCE = 0.5
"""Power of a class's marks by which each of them weighs less: 1 would make classes equal, 0 marks.
People mark what is wrong, so that how many marks a class has says little of its share of an image,
but not nothing."""
MOST_STEPS = 40
NEVER = -1e4
"""Logit of a class without marks, in place of minus infinity."""


def fit_pixels(
    marked: Sequence[tuple[PixelFeatures, Marks]], classes: ClassTable, *, seed: int = 0
) -> PixelClassifier:
    """Fit a classifier to the marks of all images.

    A class with four times the marks of another weighs twice as much, and one without any is never
    found. ``seed``: of the choice among very many marks. Raises ``SegfitError`` for marks of fewer
    than two classes, outside their image or of no class.
    """
    for features, marks in marked:
        marks.check(features.image_shape, len(classes))
    chosen = _choose_marks([marks for _, marks in marked], np.random.default_rng(seed))
    parts = [marks.classes[kept] for (_, marks), kept in zip(marked, chosen, strict=True)]
    labels = np.concatenate([np.empty(0, np.int64), *parts])
    present = np.unique(labels)
    if len(present) < 2:
        there = f"all marks are of {classes.names[present[0]]}" if len(present) else "no marks"
        raise SegfitError(f"{there}: mark pixels of two classes at least")
    rows = np.concatenate(
        [
            features.sample(marks.points[kept])
            for (features, marks), kept in zip(marked, chosen, strict=True)
            if len(kept)
        ]
    )
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread < 1e-6] = 1  # it says nothing, and must not divide
    found = fit_logistic((rows - mean) / spread, np.searchsorted(present, labels))
    weights = np.zeros((len(classes), rows.shape[1]), np.float32)
    biases = np.full(len(classes), NEVER, np.float32)
    weights[present] = found[:, :-1] / spread
    biases[present] = found[:, -1] - weights[present] @ mean
    return PixelClassifier(weights, biases, classes)


def _choose_marks(marks: Sequence[Marks], random: np.random.Generator) -> list[Int64Array]:
    """Of each image's marks those that count: all, or of each class what there is room for."""
    labels = np.concatenate([one.classes for one in marks] or [np.empty(0, np.uint8)])
    if len(labels) <= MOST_POINTS:
        return [np.arange(len(one)) for one in marks]
    each = MOST_POINTS // len(np.unique(labels))
    kept = np.zeros(len(labels), bool)
    for index in np.unique(labels):
        places = np.flatnonzero(labels == index)
        kept[random.permutation(places)[:each]] = True
    ends = np.cumsum([len(one) for one in marks])[:-1]
    return [np.flatnonzero(part) for part in np.split(kept, ends)]


def fit_logistic(rows: Float32Array, labels: Int64Array) -> Float32Array:
    """Weights and, last, bias of each class, (K, D + 1), of rows (N, D) with labels (N,) from 0.

    The mean negative log-likelihood, weighed by ``BALANCE``, and ``DECAY`` times the
    weights' squares are least, by L-BFGS.
    """
    count, size = int(labels.max()) + 1, rows.shape[1]
    shares = np.bincount(labels)[labels] ** -BALANCE
    shares = np.asarray(shares / shares.sum(), np.float32)[:, None]
    targets = np.zeros((len(labels), count), np.float32)
    targets[np.arange(len(labels)), labels] = 1

    def measure(flat: Float64Array) -> tuple[float, Float64Array]:
        weights = flat.reshape(count, size + 1).astype(np.float32)
        logits = rows @ weights[:, :-1].T + weights[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        chances = np.exp(logits)
        totals = chances.sum(axis=1, keepdims=True)
        losses = np.log(totals) - (logits * targets).sum(axis=1, keepdims=True)
        errors = (chances / totals - targets) * shares
        gradient = np.empty((count, size + 1), np.float64)
        gradient[:, :-1] = errors.T @ rows + DECAY * weights[:, :-1]
        gradient[:, -1] = errors.sum(axis=0)
        loss = float((losses * shares).sum()) + DECAY / 2 * float((weights[:, :-1] ** 2).sum())
        return loss, gradient.ravel()

    found = minimize(
        measure, np.zeros(count * (size + 1)), jac=True, method="L-BFGS-B",
        options={"maxiter": MOST_STEPS},
    )  # fmt: skip
    return np.asarray(found.x.reshape(count, size + 1), np.float32)
