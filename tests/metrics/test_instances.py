"""Counts of instances, beside StarDist's own code and beside plain loops."""

import json
from pathlib import Path

import numpy as np
import pytest
from scenes import draw_scene

from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.metrics.instances import (
    IOU_THRESHOLDS,
    count_instances,
    count_matches,
    find_overlaps,
    hide_ignored,
    no_instances,
)

KNOWN = json.loads(Path(__file__).with_name("stardist_matching.json").read_text())
SEEDS = range(12)


def count(true, predicted, *, ignored=None):
    """Counts of a class of object_classes beside a background."""
    true_labels = (true > 0).astype(np.uint8)
    if ignored is not None:
        true_labels[ignored] = IGNORE
        true = np.where(ignored, 0, true)
    return count_instances(
        true_labels,
        true,
        (predicted > 0).astype(np.uint8),
        predicted,
        class_count=2,
        object_classes=(1,),
        background=0,
    )


@pytest.mark.parametrize("known", KNOWN["scenes"], ids=lambda scene: f"scene {scene['seed']}")
def test_counts_are_those_of_stardist(known):
    """The numbers are what StarDist's ``matching`` gave for the same scenes."""
    counts = count(*draw_scene(known["seed"]))
    for column, iou in enumerate(IOU_THRESHOLDS):
        figures = known["thresholds"][f"{iou:g}"]
        matched = counts.matched[1, column]
        assert (matched, counts.predicted[1] - matched, counts.true[1] - matched) == (
            figures["tp"],
            figures["fp"],
            figures["fn"],
        )
        assert counts.average_precision[1, column] == pytest.approx(figures["accuracy"])
    assert counts.panoptic_quality[1] == pytest.approx(
        known["thresholds"]["0.5"]["panoptic_quality"]
    )


def measure_jaccard(true, predicted):
    """The aggregated Jaccard index of one image, as Kumar et al. write it down (algorithm 1)."""
    trues = [true == number for number in np.unique(true) if number]
    found = [predicted == number for number in np.unique(predicted) if number]
    joined = united = 0
    used = set()
    for one in trues:
        ious = [(one & other).sum() / (one | other).sum() for other in found]
        best = int(np.argmax(ious)) if ious and max(ious) > 0 else None
        if best is None:
            united += one.sum()
            continue
        joined += (one & found[best]).sum()
        united += (one | found[best]).sum()
        used.add(best)
    united += sum(other.sum() for number, other in enumerate(found) if number not in used)
    return joined / united


@pytest.mark.parametrize("seed", SEEDS)
def test_aggregated_jaccard_is_that_of_plain_loops(seed):
    true, predicted = draw_scene(seed)
    counts = count(true, predicted)
    assert counts.aggregated_jaccard[1] == pytest.approx(measure_jaccard(true, predicted))


def test_counts_of_images_add_up():
    parts = [count(*draw_scene(seed)) for seed in SEEDS]
    total = sum(parts, no_instances(2))
    assert total.true[1] == sum(part.true[1] for part in parts) == 168
    matched, predicted = total.matched[1, 0], total.predicted[1]
    assert total.average_precision[1, 0] == matched / (168 + predicted - matched)


def test_what_is_right_is_right_and_nothing_is_not_known():
    true, _ = draw_scene(3)
    counts = count(true, true[::1].copy())
    assert (counts.average_precision[1] == 1).all()
    assert counts.panoptic_quality[1] == counts.aggregated_jaccard[1] == 1
    empty = np.zeros((4, 4), np.int32)
    nothing = count(empty, empty)
    assert np.isnan(nothing.average_precision).all()
    assert np.isnan(nothing.panoptic_quality).all()
    missed = count(np.ones((4, 4), np.int32), empty)
    assert (missed.average_precision[1] == 0).all()
    assert (count(empty, np.ones((4, 4), np.int32)).average_precision[1] == 0).all()


def test_at_an_iou_of_exactly_a_half_no_object_is_matched_twice():
    true = np.int32([[1, 1, 1, 1]])
    predicted = np.int32([[1, 1, 2, 2]])
    overlaps = find_overlaps(true, predicted)
    assert overlaps.iou.tolist() == [0.5, 0.5]
    assert count_matches(overlaps, 0.5) == 1
    assert count(true, predicted).panoptic_matched[1] == 0  # above a half, not at it


def test_most_pairs_are_matched_not_the_first_ones():
    """Objects 1 and 2 both match the first prediction, but only object 1 another one as well."""
    true = np.int32([[1, 1, 1, 1, 2, 2]])
    predicted = np.int32([[8, 8, 9, 9, 9, 9]])
    overlaps = find_overlaps(true, predicted)
    assert count_matches(overlaps, 1 / 3) == 2


def test_classes_are_matched_among_themselves_and_stuff_is_one_object():
    labels = np.uint8([[0, 1, 1, 2, 3, 3, 0, 3]])
    objects = np.int32([[0, 1, 1, 2, 0, 0, 0, 0]])
    swapped = np.uint8([[0, 2, 2, 2, 3, 3, 3, 3]])
    counts = count_instances(
        labels, objects, swapped, objects, class_count=4, object_classes=(1, 2), background=0
    )
    assert counts.true.tolist() == [0, 1, 1, 1]
    assert counts.predicted.tolist() == [0, 0, 2, 1]
    assert counts.matched[:, 0].tolist() == [0, 0, 1, 1]
    assert counts.panoptic_iou[3] == 0.75


def test_predictions_in_what_is_ignored_do_not_count():
    true = np.int32([[1, 1, 0, 0, 0, 0, 0, 0]])
    predicted = np.int32([[1, 1, 0, 2, 2, 2, 3, 3]])
    ignored = np.array([[False, False, False, False, True, True, False, False]])
    counts = count(true, predicted, ignored=ignored)
    assert (counts.true[1], counts.predicted[1], counts.matched[1, 0]) == (1, 2, 1)
    shown = hide_ignored(predicted, ~ignored)
    assert np.unique(shown).tolist() == [0, 1, 3]


def test_different_sizes_are_an_error():
    with pytest.raises(SegfitError, match="truth is 4×4 but the prediction is 4×5"):
        count(np.zeros((4, 4), np.int32), np.zeros((4, 5), np.int32))
