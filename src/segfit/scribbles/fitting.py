"""Marks → a classifier: logistic regression, and what it says of regions learned in turn.

Shapes: ``N`` marked pixels, ``S`` drawn ones, ``D`` features, ``K`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from segfit.basics.arrays import (
    BoolArray,
    Float32Array,
    Float64Array,
    Int64Array,
    UInt8Array,
)
from segfit.classes import IGNORE, ClassTable
from segfit.errors import SegfitError
from segfit.scribbles.classifier import BATCH, PixelClassifier
from segfit.scribbles.drawn import DrawnPixels, draw_pixels
from segfit.scribbles.features import PixelFeatures
from segfit.scribbles.marks import Marks

MOST_POINTS = 2000
"""More marks than that are drawn from: neighbours say much the same, and a stroke must answer."""
MOST_DRAWN, MOST_GUESSED = 6000, 2000
"""Of all images: pixels whose class is guessed, and those of them that are learned."""
ROUNDS, SUREST = 2, 0.5
"""How often classes are guessed and learned, and how likely a class must be to be learned."""
DECAY = 0.3
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
        drawn=[draw_pixels(features).mark(marks) for features, marks in marked if len(marks)],
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
    drawn: Sequence[DrawnPixels],
    counts: Int64Array,
    worth: Float32Array,
) -> PixelClassifier:
    """Fit a classifier to pixels' features (N, D) and classes (N,), two of these at least.

    ``drawn``: pixels of each of the images. The classes of those that are not marked are those
    of the marks in their region, or are guessed by its mean, and are learned like marks.
    ``counts``: marks of each class of the table that the pixels were chosen from, (K,).
    ``worth``: (D,) of the features, see ``PixelFeatures.worths``.
    """
    present, own = np.unique(labels, return_inverse=True)
    share = -(-MOST_DRAWN // len(drawn))
    parts = [one.first(share) for one in drawn]
    is_marked = np.concatenate([one.is_marked for one in parts])
    said = np.concatenate([one.said for one in parts])
    is_said, said = said != IGNORE, np.searchsorted(present, said)
    others = np.concatenate([one.rows for one in parts]).astype(np.float32)
    mean, spread = rows.mean(axis=0), others.std(axis=0)
    spread[spread < 1e-6] = 1  # it says nothing, and must not divide
    spread /= worth
    marked, others = (rows - mean) / spread, (others - mean) / spread
    found = fit_logistic(marked, own, counts[present])
    for _ in range(ROUNDS):
        guessed, is_sure = guess_classes(found, others, parts)
        guessed = np.where(is_said, said, guessed)
        places = np.flatnonzero((is_sure | is_said) & ~is_marked)
        places = np.random.default_rng(0).permutation(places)[:MOST_GUESSED]
        found = fit_logistic(
            np.concatenate([marked, others[places]]),
            np.concatenate([own, guessed[places]]),
            counts[present],
            start=found,
        )
    weights = np.zeros((len(classes), rows.shape[1]), np.float32)
    biases = np.full(len(classes), NEVER, np.float32)
    weights[present] = found[:, :-1] / spread
    biases[present] = found[:, -1] - weights[present] @ mean
    return PixelClassifier(weights, biases, classes)


def guess_classes(
    found: Float32Array, rows: Float32Array, drawn: Sequence[DrawnPixels]
) -> tuple[Int64Array, BoolArray]:
    """The likeliest class of each drawn pixel's region, (S,), and whether it is sure enough, (S,).

    ``found``: (K, D + 1) of ``fit_logistic``. ``rows``: features (S, D). ``drawn``: the pixels,
    image by image.
    """
    logits = rows @ found[:, :-1].T + found[:, -1]
    ends = np.cumsum([len(one) for one in drawn])[:-1]
    parts = zip(drawn, np.split(logits, ends), strict=True)
    logits = np.concatenate([one.average(own) for one, own in parts])
    chances = 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
    return logits.argmax(axis=1), chances > SUREST


def fit_logistic(
    rows: Float32Array,
    labels: Int64Array,
    counts: Int64Array,
    *,
    start: Float32Array | None = None,
) -> Float32Array:
    """Weights and, last, bias of each class, (K, D + 1), of rows (N, D) with labels (N,) from 0.

    ``counts``: (K,) of the marks that the rows of each class stand for. ``start``: what was found
    for rows that are much alike, if anything.
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
        np.zeros(count * (size + 1)) if start is None else start.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "ftol": TOLERANCE},
    )
    return np.asarray(found.x.reshape(count, size + 1), np.float32)
