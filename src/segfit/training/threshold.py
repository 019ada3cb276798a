"""From which probability on what is foreground, and an object: chosen on validation images."""

from __future__ import annotations

from itertools import product

import numpy as np

from segfit.basics.arrays import Int64Array
from segfit.classification.decision import Decision, decide, drop_unsure
from segfit.datasets import Dataset
from segfit.evaluation.instances import InstanceFigures
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.metrics.instances import no_instances
from segfit.networks.classifier import Classifier
from segfit.training.classifier import compare_objects, validate
from segfit.training.data.subsets import pick_for_rounds
from segfit.training.inference import make_score
from segfit.training.plan.plan import Plan

THRESHOLD_BINS = 200
OBJECT_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
CERTAINTIES = (0.0, 0.25, 0.5)
"""See ``Decision``. A network that has learned for a short time is sure of nothing."""
PIXELS_SHARE = 0.5
"""What a point of mean IoU counts beside one of mean average precision."""


def choose_decision(
    network: Classifier, dataset: Dataset, plan: Plan
) -> tuple[Decision, Int64Array]:
    """What is foreground, and which objects count; and the confusion matrix that this gives.

    That is the threshold with the best mean IoU, or where objects are told apart, threshold and
    certainty of ``choose_for_objects``. For networks with more than one output neither means
    anything, nor is given.
    """
    if network.architecture.outputs > 1:
        return Decision(), validate(network, dataset, plan)[0]
    decision = None
    if network.architecture.has_objects:
        decision = choose_for_objects(network, pick_for_rounds(dataset), plan)
    if decision is None:
        return choose_threshold(network, dataset, plan)
    return decision, validate(network, dataset, plan, decision)[0]


def choose_threshold(
    network: Classifier, dataset: Dataset, plan: Plan
) -> tuple[Decision, Int64Array]:
    """The foreground threshold with the best mean IoU, and the confusion matrix that it gives."""
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
    return Decision((best + 1) / THRESHOLD_BINS), confusions[:, :, best]


def choose_for_objects(network: Classifier, dataset: Dataset, plan: Plan) -> Decision | None:
    """Threshold and certainty with the best mean average precision and, half as much, mean IoU.

    None where there are no objects. The best threshold for pixels is not the best for objects, of
    which most are small: all of their pixels are near a border. Where precision hardly differs,
    pixels decide.
    """
    score, classes = make_score(network, plan.scaling), dataset.classes
    decisions = [Decision(t, certainty=c) for t, c in product(OBJECT_THRESHOLDS, CERTAINTIES)]
    totals = dict.fromkeys(decisions, no_instances(len(classes)))
    confusions = {decision: np.zeros((2, 2), np.int64) for decision in decisions}
    for example in dataset:
        scores = score(example.image)
        for threshold in OBJECT_THRESHOLDS:
            grid = decide(scores, Decision(threshold), classes)
            for certainty in CERTAINTIES:
                decision = Decision(threshold, certainty=certainty)
                sure = drop_unsure(grid, scores, decision) if certainty else grid
                totals[decision] += compare_objects(example, sure, classes)
                confusions[decision] += confusion_matrix(example.labels, sure.labels, 2)
    worth = [
        InstanceFigures(totals[decision], classes.object_classes).mean_average_precision
        + PIXELS_SHARE * np.nan_to_num(mean_iou(confusions[decision]))  # NaN: nothing but objects
        for decision in decisions
    ]
    return None if np.isnan(worth).all() else decisions[int(np.nanargmax(worth))]
