"""Marks → a classifier: logistic regression.

Shapes: ``N`` marked pixels, ``D`` features, ``K`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from segfit.basics.arrays import Float32Array, Float64Array, Int64Array, UInt8Array
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.scribbles.classifier import BATCH, PixelClassifier
from segfit.scribbles.features import PixelFeatures
from segfit.scribbles.marks import Marks

MOST_POINTS = 4000
"""More marks than that are drawn from: neighbours say much the same, and a stroke must answer."""
DECAY = 0.1
"""Of squared weights, beside the mean loss of a pixel: the pixels of a stroke are much alike, so
that there are fewer independent ones than features."""
BALANCE = 0.5
"""Power of a class's marks by which each of them weighs less: 1 would make classes equal, 0 marks.
People mark what is wrong, so that how many marks a class has says little of its share of an image,
but not nothing."""
MOST_STEPS, TOLERANCE = 40, 1e-4
"""Steps of the fit, and the relative gain below which it ends: about 20 steps."""
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
    random = np.random.default_rng(seed)
    chosen = choose_marks([marks for _, marks in marked], classes, random)
    rows = [
        features.sample(marks.points)
        for (features, _), marks in zip(marked, chosen, strict=True)
        if len(marks)
    ]
    labels = np.concatenate([marks.classes for marks in chosen])
    return fit_samples(
        np.concatenate(rows),
        labels,
        classes,
        counts=count_marks([marks for _, marks in marked], classes),
        worth=marked[0][0].worths,
    )


def count_marks(marks: Sequence[Marks], classes: ClassTable) -> Int64Array:
    """How many marks each class has, (K,)."""
    counts = [np.bincount(one.classes, minlength=len(classes)) for one in marks]
    return np.asarray(np.sum(counts, axis=0), np.int64)


def thin_marks(marks: Marks, random: np.random.Generator) -> Marks:
    """Of an image's marks as many of each class as can count at all."""
    kept = np.zeros(len(marks), bool)
    for index in np.unique(marks.classes):
        kept[random.permutation(np.flatnonzero(marks.classes == index))[:MOST_POINTS]] = True
    return marks.only(kept)


def choose_marks(
    marks: Sequence[Marks], classes: ClassTable, random: np.random.Generator
) -> list[Marks]:
    """Of each image's marks those that count: all, or of each class what there is room for.

    Raises ``SegfitError`` for marks of fewer than two classes.
    """
    labels = np.concatenate([one.classes for one in marks] or [np.empty(0, np.uint8)])
    present = np.unique(labels)
    if len(present) < 2:
        there = f"all marks are of {classes.names[present[0]]}" if len(present) else "no marks"
        raise SegfitError(f"{there}: mark pixels of two classes at least")
    if len(labels) <= MOST_POINTS:
        return list(marks)
    kept = np.zeros(len(labels), bool)
    for index in present:
        places = np.flatnonzero(labels == index)
        kept[random.permutation(places)[: MOST_POINTS // len(present)]] = True
    parts = np.split(kept, np.cumsum([len(one) for one in marks])[:-1])
    return [one.only(part) for one, part in zip(marks, parts, strict=True)]


def fit_samples(
    rows: Float32Array,
    labels: UInt8Array,
    classes: ClassTable,
    *,
    counts: Int64Array,
    worth: Float32Array,
) -> PixelClassifier:
    """Fit a classifier to pixels' features (N, D) and classes (N,), two of these at least.

    ``counts``: marks of each class of the table that the pixels were chosen from, (K,).
    ``worth``: (D,) of the features, see ``PixelFeatures.worths``.
    """
    present, own = np.unique(labels, return_inverse=True)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread < 1e-6] = 1  # it says nothing, and must not divide
    spread /= worth
    found = fit_logistic((rows - mean) / spread, own, counts[present])
    weights = np.zeros((len(classes), rows.shape[1]), np.float32)
    biases = np.full(len(classes), NEVER, np.float32)
    weights[present] = found[:, :-1] / spread
    biases[present] = found[:, -1] - weights[present] @ mean
    return PixelClassifier(weights, biases, classes)


def fit_logistic(rows: Float32Array, labels: Int64Array, counts: Int64Array) -> Float32Array:
    """Weights and, last, bias of each class, (K, D + 1), of rows (N, D) with labels (N,) from 0.

    ``counts``: (K,) of the marks that the rows of each class stand for.
    The mean negative log-likelihood, weighed by ``BALANCE``, and ``DECAY`` times the weights'
    squares are least, by L-BFGS.
    """
    count, size = int(labels.max()) + 1, rows.shape[1]
    padded = len(labels) + -len(labels) % BATCH
    batches = np.zeros((padded // BATCH, BATCH, size), np.float32)
    batches.reshape(padded, size)[: len(labels)] = rows
    targets = np.zeros((padded, count), np.float32)
    targets[np.arange(len(labels)), labels] = 1
    shares = np.zeros((padded, 1), np.float32)
    of_class = counts.astype(np.float64) ** (1 - BALANCE) / np.bincount(labels)
    shares[: len(labels), 0] = of_class[labels]
    shares /= shares.sum()

    def measure(flat: Float64Array) -> tuple[float, Float64Array]:
        of_classes = flat.reshape(count, size + 1).astype(np.float32)
        weights = of_classes[:, :-1]
        logits = (batches @ np.ascontiguousarray(weights.T)).reshape(padded, count)
        logits += of_classes[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        chances = np.exp(logits)
        totals = chances.sum(axis=1, keepdims=True)
        losses = np.log(totals) - (logits * targets).sum(axis=1, keepdims=True)
        errors = ((chances / totals - targets) * shares).reshape(-1, BATCH, count)
        gradient = np.empty((count, size + 1))
        gradient[:, :-1] = (errors.transpose(0, 2, 1) @ batches).sum(axis=0) + DECAY * weights
        gradient[:, -1] = errors.sum(axis=(0, 1))
        loss = float((losses * shares).sum()) + DECAY / 2 * float((weights**2).sum())
        return loss, gradient.ravel()

    found = minimize(
        measure,
        np.zeros(count * (size + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "ftol": TOLERANCE},
    )
    return np.asarray(found.x.reshape(count, size + 1), np.float32)
