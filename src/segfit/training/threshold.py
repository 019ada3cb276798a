"""The foreground probability above which a pixel is foreground, chosen on validation images."""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import Int64Array
from segfit.classification.decision import Decision, decide
from segfit.datasets import Dataset
from segfit.evaluation.instances import InstanceFigures
from segfit.metrics.confusion import mean_iou
from segfit.metrics.instances import no_instances
from segfit.networks.classifier import Classifier
from segfit.training.classifier import compare_objects, validate
from segfit.training.data.subsets import pick_for_rounds
from segfit.training.inference import make_score
from segfit.training.plan.plan import Plan

THRESHOLD_BINS = 200
OBJECT_THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


def choose_threshold(network: Classifier, dataset: Dataset, plan: Plan) -> tuple[float, Int64Array]:
    """The foreground threshold with the best mean IoU, and the confusion matrix that it gives.

    Where objects are told apart, the threshold is that of ``choose_object_threshold``. For networks
    with more than one output it means nothing and is 0.5.
    """
    if network.architecture.outputs > 1:
        return 0.5, validate(network, dataset, plan)[0]
    score = make_score(network, plan.scaling)
    counts = np.zeros((2, THRESHOLD_BINS), np.int64)  # pixels by truth and foreground probability
    for example in dataset:
        bins = (score(example.image).to_probabilities()[1] * THRESHOLD_BINS).astype(np.int64)
        bins = np.minimum(bins, THRESHOLD_BINS - 1)
        for truth in (0, 1):
            chosen = bins[example.labels == truth]
            counts[truth] += np.bincount(chosen, minlength=THRESHOLD_BINS)
    below = np.cumsum(counts, axis=1)  # (2, bins): called background at the threshold (bin + 1) / n
    confusions = np.stack([below, below[:, -1:] - below], axis=1)  # (truth, called, bins)
    scores_by_bin = [mean_iou(confusions[:, :, index]) for index in range(THRESHOLD_BINS - 1)]
    # Where many thresholds are equally good, the middle one is the safest.
    ties = np.flatnonzero(np.equal(scores_by_bin, np.max(scores_by_bin)))
    best = int(ties[len(ties) // 2]) if ties.size else THRESHOLD_BINS // 2 - 1
    if network.architecture.has_objects:
        some = pick_for_rounds(dataset)
        best = choose_object_threshold(network, some, plan, usual=best)
    return (best + 1) / THRESHOLD_BINS, confusions[:, :, best]


def choose_object_threshold(
    network: Classifier, dataset: Dataset, plan: Plan, *, usual: int
) -> int:
    """The threshold, as a bin, at which objects have the best mean average precision.

    ``usual``: what it is where there are no objects. The best for pixels is not the best for
    objects, of which most are small: all of their pixels are near a border.
    """
    score, classes = make_score(network, plan.scaling), dataset.classes
    totals = [no_instances(len(classes)) for _ in OBJECT_THRESHOLDS]
    for example in dataset:
        scores = score(example.image)
        for number, threshold in enumerate(OBJECT_THRESHOLDS):
            grid = decide(scores, Decision(threshold), classes)
            totals[number] += compare_objects(example, grid, classes)
    means = [
        InstanceFigures(total, classes.object_classes).mean_average_precision for total in totals
    ]
    if np.isnan(means).all():
        return usual
    return round(OBJECT_THRESHOLDS[int(np.nanargmax(means))] * THRESHOLD_BINS) - 1
