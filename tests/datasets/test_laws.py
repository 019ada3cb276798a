"""Laws of the pieces below the readers: measuring, counting, splitting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfit.basics.arrays import UInt8Array, UInt32Array
from segfit.basics.runs import count_values
from segfit.classes import IGNORE
from segfit.datasets import ImageStats, measure_labels, split_images
from segfit.errors import SegfitError

LABELS = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 255])
)


@given(LABELS)
def test_measures_count_every_labelled_pixel_and_object(labels: UInt8Array) -> None:
    stats = measure_labels(labels, class_count=2)
    assert stats.class_pixels == ((labels == 0).sum(), (labels == 1).sum())
    for pixels, sides in zip(stats.class_pixels, stats.object_sides_px, strict=True):
        assert (pixels > 0) == (len(sides) > 0)
        assert all(1 <= side <= min(labels.shape) for side in sides)


@pytest.mark.parametrize("side", [1, 3, 5, 7])
def test_width_of_bars(side: int) -> None:
    labels = np.full((40, 40), IGNORE, np.uint8)
    labels[5 : 5 + side, 3:37] = 1
    labels[18:38, 3 : 3 + side] = 1
    labels[38 - side : 38, 20:] = 1  # as far as the image's border
    assert measure_labels(labels, class_count=2).object_sides_px == ((), (side,) * 3)


@pytest.mark.parametrize("given", [False, True])
def test_large_masks_are_measured_on_a_part_of_their_pixels(
    given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.zeros((300, 400), np.uint8)
    labels[40:101, 50:350] = 1
    labels[200:251, 100:300] = 1
    objects = np.where(labels == 1, np.where(np.arange(300)[:, None] < 150, 1, 2), 0)
    numbers = objects.astype(np.int32) if given else None
    exact = measure_labels(labels, class_count=2, given=numbers)
    monkeypatch.setattr("segfit.datasets.stats.MEASURED_PX", labels.size / 9)
    thinned = measure_labels(labels, class_count=2, given=numbers)
    assert exact.object_sides_px[1] == (61.0, 51.0)
    assert thinned.object_sides_px[1] == pytest.approx((61, 51), abs=3)
    assert thinned.class_pixels == exact.class_pixels
    assert (thinned.objects, thinned.height, thinned.width) == (2 * given, 300, 400)


def test_pixels_of_masks_are_counted_to_the_last() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (41, 53)).astype(np.uint8)
    expected = np.bincount(labels.ravel(), minlength=3)
    assert measure_labels(labels, class_count=3).class_pixels == tuple(expected)


def test_touching_objects_are_measured_apart() -> None:
    labels = np.ones((5, 10), np.uint8)
    objects = np.repeat(np.array([[4, 9]], np.int32), 5, axis=1).repeat(5, axis=0)
    stats = measure_labels(labels, class_count=2, given=objects)
    assert stats.object_sides_px == ((), (5.0, 5.0))


@given(hnp.arrays(np.uint32, st.integers(0, 30), elements=st.integers(0, 4)))
def test_runs_count_like_unique(values: UInt32Array) -> None:
    for found, expected in zip(
        count_values(values), np.unique(values, return_counts=True), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def show_classes(*pixels: int) -> ImageStats:
    return ImageStats(16, 16, pixels, ((),) * len(pixels))


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=2, max_size=40),
    st.integers(0, 3),
)
def test_a_split_uses_every_image_once(shown: list[tuple[bool, ...]], seed: int) -> None:
    stats = [show_classes(*map(int, image)) for image in shown]
    training, validation = split_images(stats, seed=seed)
    assert sorted(training + validation) == list(range(len(stats)))
    assert len(validation) == max(1, round(len(stats) / 5))
    assert split_images(stats, seed=seed) == (training, validation)


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 6)), min_size=2, max_size=40),
    st.integers(0, 3),
)
def test_what_belongs_together_stays_together(
    drawn: list[tuple[bool, bool, int]], seed: int
) -> None:
    stats = [show_classes(*map(int, shown)) for *shown, _ in drawn]
    groups = [f"group {group}" if group else "" for *_, group in drawn]
    assume(len({group or place for place, group in enumerate(groups)}) > 1)
    splits = split_images(stats, seed=seed, groups=groups)
    assert all(splits)
    assert sorted(splits[0] + splits[1]) == list(range(len(stats)))
    named = [{groups[place] for place in split} - {""} for split in splits]
    assert not named[0] & named[1]
    assert split_images(stats, seed=seed, groups=groups) == splits


def test_images_that_all_belong_together_cannot_be_split() -> None:
    with pytest.raises(SegfitError, match="all labelled images belong together"):
        split_images([show_classes(1, 1)] * 3, seed=0, groups=["a"] * 3)


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_class_is_spread_evenly(seed: int) -> None:
    stats = [show_classes(1, 0)] * 45 + [show_classes(1, 1)] * 5
    _, validation = split_images(stats, seed=seed)
    assert len(validation) == 10
    assert sum(index >= 45 for index in validation) == 1


def test_a_class_of_a_single_image_is_trained_on() -> None:
    training, _ = split_images([show_classes(1, 0)] * 9 + [show_classes(1, 1)], seed=0)
    assert 9 in training


def test_one_image_cannot_be_split() -> None:
    with pytest.raises(SegfitError, match="only 1 labelled image"):
        split_images([show_classes(1, 1)], seed=0)
