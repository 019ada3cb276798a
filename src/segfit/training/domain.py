"""Statistics of the images that a classifier has learned from, by which it knows others as unlike.

Shapes: ``N`` images; ``D`` figures of each, see ``segfit.classification.surprise``; ``P``
precisions in which a classifier is computed, each of which sees an image a little differently.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy import stats

from segfit.basics.arrays import Float64Array
from segfit.basics.text import count_noun
from segfit.classification.surprise import describe_scores, measure_distance
from segfit.datasets import Dataset, LabelledData
from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard
from segfit.model.domain import Domain
from segfit.model.scaling import Scaling
from segfit.networks.classifier import Classifier
from segfit.networks.export import restore_from
from segfit.result.scores import Score
from segfit.training.clock import read_clock
from segfit.training.data.subsets import pick_evenly
from segfit.training.inference import make_score
from segfit.training.torch_state import CPU

MOST_TRAINING, MOST_VALIDATION = 200, 50
"""Images that are looked at; more change the statistics by less than they differ by chance."""
FEWEST = 3
"""Images of either split below which there are no statistics."""
MOST_AXES, IMAGES_PER_AXIS = 16, 4
SMALLEST_DEVIATION = 0.01
"""As a share of the mean deviation: a feature that training never saw move says little."""
SMALLEST_REST = 0.02
WITHIN = 0.99
"""Share of images like the validation images that are to stay within the bound."""
DIGITS = 4


def add_domain(
    model: ModelFile[ModelCard],
    data: LabelledData,
    *,
    scaling: Scaling | None = None,
    seconds: float | None = None,
    device: torch.device = CPU,
    faster: Sequence[Score] = (),
) -> ModelFile[ModelCard]:
    """The same model, its card with the statistics of the images that its classifier learned from.

    ``data``: what it learned from, with its validation images. ``scaling``: that of the data, where
    it is not the card's. ``seconds``: the most that it may
    take, None for as long as it takes. ``device``: where the classifier computes. ``faster``: the
    classifier in other precisions than single, which its users may have.
    """
    card = model.card
    classifier = restore_from(model, card.architecture.NAME)
    assert isinstance(classifier, Classifier)
    score = make_score(classifier.to(device), scaling or card.scaling)
    scores = [score, *faster]
    domain = measure_domain(scores, data.splits["train"], data.splits["val"], seconds=seconds)
    return replace(model, card=card.model_copy(update={"domain": domain}))


def measure_domain(
    scores: Sequence[Score],
    training: Dataset,
    validation: Dataset,
    *,
    seconds: float | None = None,
) -> Domain | None:
    """Statistics of the training images, and the bound from the validation images.

    ``scores``: the classifier in each precision; what differs between them is no surprise. None
    where there are too few images of either, or too little time to look at them.
    """
    end = math.inf if seconds is None else read_clock() + seconds
    half = math.inf if seconds is None else end - seconds / 2
    own = describe_images(scores, pick_evenly(training, MOST_TRAINING), until=half)
    others = describe_images(scores, pick_evenly(validation, MOST_VALIDATION), until=end)
    if min(len(own), len(others)) < FEWEST:
        return None
    wide = fit_gaussian(own)
    distances = np.array([max(measure_distance(one, wide) for one in image) for image in others])
    measured_on = (
        f"{count_noun(len(own), 'training image')}, {count_noun(len(others), 'validation image')}"
    )
    return replace(wide, bound=_round(find_bound(distances)), measured_on=measured_on)


def describe_images(scores: Sequence[Score], dataset: Dataset, *, until: float) -> Float64Array:
    """The figures of images, (N, P, D), in an order that covers the data set wherever it ends."""
    found: list[list[Float64Array]] = []
    for index in spread_order(len(dataset)):
        if read_clock() > until:
            break
        image = dataset[index].image
        found.append([describe_scores(score(image)) for score in scores])
    return np.array(found)


def fit_gaussian(figures: Float64Array) -> Domain:
    """A Gaussian over the figures (N, P, D) of images, with a bound of 1.

    Probabilistic principal components (Tipping and Bishop, 1999) of the standardised figures: with
    fewer images than figures, the rest of the directions share one variance.
    """
    images, precisions, dimensions = figures.shape
    every = figures.reshape(-1, dimensions)
    mean, deviation = every.mean(axis=0), every.std(axis=0, ddof=1)
    deviation = np.maximum(deviation, SMALLEST_DEVIATION * deviation.mean() + 1e-12)
    count = min(MOST_AXES, images // IMAGES_PER_AXIS, dimensions - 1)
    _, spreads, axes = np.linalg.svd((every - mean) / deviation, full_matrices=False)
    variances = spreads**2 / (precisions * images - 1)
    rest = max(float(variances[count:].sum()) / (dimensions - count), SMALLEST_REST)
    return Domain(
        mean=_round_all(mean),
        deviation=_round_all(deviation),
        axes=tuple(_round_all(axis) for axis in axes[:count]),
        variances=_round_all(np.maximum(variances[:count], rest)),
        rest=_round(rest),
        bound=1.0,
    )


def find_bound(distances: Float64Array) -> float:
    """What the distance of one more image stays within, with a probability of ``WITHIN``.

    The prediction interval of a normal distribution, of the logarithms of the distances (N,): with
    few images it is wide, so that few give no false alarms.
    """
    logarithms = np.log(np.maximum(distances, 1e-9))
    count = len(logarithms)
    quantile = float(stats.t.ppf(WITHIN, count - 1)) * np.sqrt(1 + 1 / count)
    largest = np.log(np.finfo(np.float32).max)
    return float(np.exp(min(logarithms.mean() + quantile * logarithms.std(ddof=1), largest)))


def spread_order(count: int) -> list[int]:
    """The numbers up to ``count`` in an order whose beginnings cover all of them evenly.

    >>> spread_order(5)
    [0, 4, 2, 1, 3]
    """
    bits = max(1, (count - 1).bit_length())
    return sorted(range(count), key=lambda number: int(f"{number:0{bits}b}"[::-1], 2))


def _round_all(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(_round(value) for value in values)


def _round(value: float) -> float:
    """A number of few digits: a card is read by people, too."""
    return float(f"{value:.{DIGITS}g}")
