"""Random views: what is switched off stays off, and the image never leaves its labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from segfit.classes import IGNORE
from segfit.training.data.augment import Augmentation, Labelled, augment, find_foreground

OFF = Augmentation(
    flip_horizontal=False,
    flip_vertical=False,
    rotation_deg=0,
    zoom=1,
    crop=False,
    color=0,
    noise=0,
    blur=0,
)
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (24, 40, 3), np.uint8)
LABELS = RNG.integers(0, 3, (24, 40), np.uint8)


def view(settings, *, seed=0, image=IMAGE, labels=LABELS, shape=None, shown=None):
    """The image and the labels of a view."""
    seen = augment(
        Labelled(image, labels),
        crop_shape=shape or labels.shape,
        settings=settings,
        rng=np.random.default_rng(seed),
        shown=shown,
    )
    return seen.image, seen.labels


def switch(**on):
    return OFF.model_copy(update=on)


@pytest.mark.parametrize("seed", range(5))
def test_everything_off_gives_the_very_image(seed):
    image, labels = view(OFF, seed=seed)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("settings", "mirror"),
    [
        (switch(flip_horizontal=True), np.fliplr),
        (switch(flip_vertical=True), np.flipud),
    ],
)
def test_flip_mirrors_exactly_about_every_other_time(settings, mirror):
    flipped = 0
    for seed in range(40):
        image, labels = view(settings, seed=seed)
        is_flipped = not np.array_equal(labels, LABELS)
        flipped += is_flipped
        np.testing.assert_array_equal(image, mirror(IMAGE) if is_flipped else IMAGE)
        np.testing.assert_array_equal(labels, mirror(LABELS) if is_flipped else LABELS)
    assert 10 <= flipped <= 30


@pytest.mark.parametrize("switched_on", ["color", "noise", "blur"])
def test_change_of_tone_leaves_the_labels(switched_on):
    changed = 0
    for seed in range(10):
        image, labels = view(switch(**{switched_on: 1}), seed=seed)
        np.testing.assert_array_equal(labels, LABELS)
        changed += not np.array_equal(image, IMAGE)
    assert changed > 0


@pytest.mark.parametrize("switched_on", [{"rotation_deg": 30}, {"zoom": 2}])
def test_rotation_and_zoom_change_the_view(switched_on):
    assert not np.array_equal(view(switch(**switched_on))[1], LABELS)


def test_outside_the_image_is_ignored():
    image, labels = view(OFF, shape=(32, 64))
    inside = np.zeros((32, 64), bool)
    inside[4:28, 12:52] = True
    np.testing.assert_array_equal(labels[inside].reshape(24, 40), LABELS)
    np.testing.assert_array_equal(image[inside].reshape(24, 40, 3), IMAGE)
    assert (labels[~inside] == IGNORE).all()
    np.testing.assert_array_equal(image[3, 12:52], IMAGE[1])  # mirrored


def test_crop_is_a_part_of_the_image():
    places = set()
    for seed in range(20):
        image, labels = view(switch(crop=True), seed=seed, shape=(24, 24))
        assert (labels != IGNORE).all()
        distances = [
            np.abs(image.astype(int) - IMAGE[:, left : left + 24]).mean() for left in range(17)
        ]
        places.add(int(np.argmin(distances)))
    assert len(places) > 4


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rotation_deg=st.sampled_from([0, 10, 90, 180]),
    zoom=st.sampled_from([1, 1.5, 3]),
    flips=st.tuples(st.booleans(), st.booleans()),
    shape=st.sampled_from([(64, 64), (32, 96), (128, 64)]),
)
def test_image_and_labels_move_together(seed, rotation_deg, zoom, flips, shape):
    """Where the labels say class k, the image shows the level that was painted for k."""
    labels = np.kron(np.random.default_rng(1).integers(0, 2, (5, 7)), np.ones((16, 16)))
    labels = labels.astype(np.uint8)
    image = np.repeat((labels * 200)[..., None], 3, axis=2).astype(np.uint8)
    geometric = switch(
        flip_horizontal=flips[0],
        flip_vertical=flips[1],
        rotation_deg=rotation_deg,
        zoom=zoom,
        crop=True,
    )
    seen, truth = view(geometric, seed=seed, image=image, labels=labels, shape=shape)
    assert seen.shape == (*shape, 3)
    assert truth.shape == shape
    assert set(np.unique(truth)) <= {0, 1, IGNORE}
    known = truth != IGNORE
    assert known.mean() > 0.1
    # A pixel on an edge lies between both levels; it may be off by half a pixel, not by one.
    away = np.abs(seen[..., 0].astype(int) - truth * 200)[known]
    assert (away <= 110).mean() > 0.995
    assert (away > 199).mean() < 0.002


def test_same_generator_gives_the_same_view():
    everything = Augmentation(flip_vertical=True, rotation_deg=180, color=1, noise=1, blur=1)
    for seed in range(5):
        first, second = view(everything, seed=seed), view(everything, seed=seed)
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(view(everything, seed=1)[0], view(everything, seed=2)[0])


def test_inputs_stay_as_they_were():
    image, labels = IMAGE.copy(), LABELS.copy()
    view(Augmentation(color=1, noise=1, blur=1), image=image, labels=labels, shape=(32, 32))
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (8, 3)])
def test_tiny_images_are_taken(shape):
    image, labels = np.full((*shape, 3), 9, np.uint8), np.ones(shape, np.uint8)
    seen, truth = view(Augmentation(), image=image, labels=labels, shape=(32, 32))
    assert seen.shape == (32, 32, 3)
    assert set(np.unique(truth)) <= {1, IGNORE}


@pytest.mark.parametrize(
    ("field", "value"),
    [("rotation_deg", 181), ("zoom", 0.5), ("color", 2), ("noise", -1), ("shear", 1)],
)
def test_values_that_make_no_sense_are_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        Augmentation.model_validate({field: value})


def test_objects_move_with_their_labels_and_keep_their_numbers():
    numbers = np.where(LABELS > 0, 70_000 + np.arange(24 * 40).reshape(24, 40), 0).astype(np.int32)
    seen = augment(
        Labelled(IMAGE, LABELS, numbers),
        crop_shape=(32, 48),
        settings=Augmentation(color=0),
        rng=np.random.default_rng(3),
    )
    assert seen.objects.dtype == np.int32
    inside = seen.labels != IGNORE
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(seen.objects[inside] > 0, seen.labels[inside] > 0)
    assert (seen.objects[~inside] == 0).all()
    assert set(seen.objects[inside].tolist()) <= set(numbers.ravel().tolist())


def find_pixel(pixel, *, seed, shape=(12, 16), rotation_deg=20.0):
    """Where in a crop about a pixel it lies, if the crop shows it."""
    labels = np.zeros((60, 80), np.uint8)
    labels[pixel] = 1
    _, seen = view(
        switch(crop=True, zoom=1.2, rotation_deg=rotation_deg),
        seed=seed,
        image=np.zeros((60, 80, 3), np.uint8),
        labels=labels,
        shape=shape,
        shown=pixel,
    )
    return list(zip(*np.nonzero(seen == 1), strict=True))


def test_a_crop_about_a_pixel_shows_it_away_from_its_border():
    """But not always at the same place. Made smaller, the nearest pixel may be another."""
    places = [find_pixel((30, 40), seed=seed) for seed in range(40)]
    assert sum(map(bool, places)) > 25
    assert len({place for found in places for place in found}) > 10
    assert all(1 <= row < 11 and 1 <= column < 15 for found in places for row, column in found)


def test_a_long_crop_about_a_pixel_shows_it_however_it_is_turned():
    shown = [find_pixel((30, 40), seed=s, shape=(8, 32), rotation_deg=180) for s in range(40)]
    assert sum(map(bool, shown)) > 25


def test_a_crop_about_a_pixel_stays_within_the_image():
    assert all(
        any(find_pixel(corner, seed=seed) for seed in range(10))
        for corner in ((0, 0), (0, 79), (59, 0), (59, 79))
    )


def test_a_crop_about_a_pixel_stays_where_crops_are_switched_off():
    image, _ = view(OFF, shown=(0, 0))
    np.testing.assert_array_equal(image, IMAGE)


def test_foreground_is_what_is_known_and_no_background():
    labels = np.full((50, 60), 2, np.uint8)
    labels[40:, 50:] = [[0, 1] * 5] * 10
    labels[:10, :10] = IGNORE
    found = {find_foreground(labels, 2, np.random.default_rng(seed)) for seed in range(20)}
    assert len(found) > 10
    assert all(labels[pixel] in (0, 1) for pixel in found)
    assert find_foreground(np.full((50, 60), 2, np.uint8), 2, RNG) is None
    assert find_foreground(np.full((50, 60), IGNORE, np.uint8), 2, RNG) is None
