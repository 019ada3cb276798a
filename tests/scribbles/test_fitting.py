"""Marks become a classifier of all pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.scribbles import Marks, PixelFeatures, fit_pixels
from segfit.scribbles import fitting as subject
from segfit.scribbles.fitting import BALANCE, DECAY, fit_logistic

CLASSES = ClassTable.from_names(("sky", "sea", "land"), background=None)

NO_MEAN, WORTH = np.zeros(2, np.float32), np.ones(2, np.float32)
NO_FILTERS = np.empty(0, np.int64)


def describe(image):
    """A feature that is the image (H, W), sides even, and one that is its mean over 2×2 pixels."""
    height, width = image.shape
    means = image.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    grids = image[..., None].astype(np.float16), means[..., None].astype(np.float16)
    return PixelFeatures(grids, (1, 2), image.shape, NO_MEAN, WORTH, NO_FILTERS)


def mark(*marks):
    """Marks of (row, column, class)."""
    points, classes = np.array(marks)[:, :2], np.array(marks)[:, 2]
    return Marks(points.astype(np.int32), classes.astype(np.uint8))


LEFT_DARK = np.repeat([[0, 0, 0, 0, 1, 1, 1, 1]], 8, axis=0).astype(float)


def test_two_marks_make_two_halves():
    classifier = fit_pixels([(describe(LEFT_DARK), mark((1, 1, 0), (6, 6, 2)))], CLASSES)
    found = classifier.score(describe(LEFT_DARK)).logits.argmax(axis=0)
    np.testing.assert_array_equal(found, np.where(LEFT_DARK == 0, 0, 2))


def test_marks_of_all_images_count():
    first, second = describe(np.zeros((4, 4))), describe(np.ones((4, 4)))
    classifier = fit_pixels([(first, mark((0, 0, 1))), (second, mark((0, 0, 2)))], CLASSES)
    assert (classifier.score(first).logits.argmax(axis=0) == 1).all()
    assert (classifier.score(second).logits.argmax(axis=0) == 2).all()


def test_a_class_with_four_times_the_marks_weighs_twice_as_much():
    same = describe(np.zeros((10, 10)))
    many = [(row, column, 0) for row in range(8) for column in range(10)]
    few = [(9, column, 1) for column in range(10)] + [(8, column, 1) for column in range(10)]
    classifier = fit_pixels([(same, mark(*many, *few))], CLASSES)
    shares = classifier.score(same).to_probabilities()[:, 0, 0]
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0], atol=0.02)


def test_choosing_among_many_marks_leaves_their_weights(monkeypatch):
    monkeypatch.setattr(subject, "MOST_POINTS", 20)
    same = describe(np.zeros((10, 10)))
    labels = np.repeat([0] * 8 + [1] * 2, 10).reshape(10, 10).astype(np.uint8)
    classifier = fit_pixels([(same, Marks.from_labels(labels))], CLASSES)
    shares = classifier.score(same).to_probabilities()[:, 0, 0]
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0], atol=0.02)


def test_images_are_compared_with_their_own_mean():
    first, second = describe(LEFT_DARK), describe(LEFT_DARK + 5)
    brighter = PixelFeatures(
        second.grids, second.cells_px, second.image_shape, NO_MEAN + 5, WORTH, NO_FILTERS
    )
    classifier = fit_pixels([(first, mark((1, 1, 0), (6, 6, 2)))], CLASSES)
    found = classifier.score(brighter).logits.argmax(axis=0)
    np.testing.assert_array_equal(found, np.where(LEFT_DARK == 0, 0, 2))


def test_scores_of_a_window_are_those_of_the_whole():
    random = np.random.default_rng(0)
    features = describe(random.random((8, 12)))
    classifier = fit_pixels([(features, mark((0, 0, 0), (7, 11, 1), (3, 5, 2)))], CLASSES)
    whole = classifier.score(features)
    assert (whole.image_shape, whole.covered_shape) == ((8, 12), (8, 12))
    for rows, columns in [
        ((0, 8), (0, 12)),
        ((3, 4), (5, 6)),
        ((1, 7), (10, 12)),
        ((0, 5), (0, 3)),
    ]:
        part = classifier.score(features, (slice(*rows), slice(*columns)))
        inside = (slice(None), slice(*rows), slice(*columns))
        np.testing.assert_allclose(part.logits, whole.logits[inside], atol=1e-5)
        assert part.image_shape == part.logits.shape[1:]


def test_a_grid_that_reaches_beyond_the_image_is_cut():
    grid = np.zeros((8, 8, 1), np.float16)
    features = PixelFeatures((grid,), (2,), (13, 9), NO_MEAN[:1], WORTH[:1], NO_FILTERS)
    classifier = fit_pixels([(features, mark((0, 0, 0), (12, 8, 1)))], CLASSES)
    scores = classifier.score(features)
    assert scores.logits.shape == (3, 7, 5)
    assert (scores.image_shape, scores.covered_shape, scores.cell_px) == ((13, 9), (14, 10), 2)
    corner = classifier.score(features, (slice(5, 7), slice(4, 5)))
    assert (corner.image_shape, corner.covered_shape) == ((3, 1), (4, 2))


def test_logits_are_those_of_interpolated_features():
    random = np.random.default_rng(1)
    features = describe(random.random((8, 8)))
    classifier = fit_pixels([(features, mark((0, 0, 0), (7, 7, 1)))], CLASSES)
    points = np.argwhere(np.ones((8, 8), bool))
    expected = features.sample(points) @ classifier.weights.T + classifier.biases
    found = classifier.find_logits(features, (slice(0, 8), slice(0, 8)))
    np.testing.assert_allclose(found.reshape(3, -1).T, expected, atol=1e-4)


def test_the_loss_is_least(monkeypatch):
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 3)).astype(np.float32)
    labels = random.integers(0, 3, 60)

    def measure(found):
        logits = rows @ found[:, :-1].T + found[:, -1]
        losses = logsumexp(logits, axis=1) - logits[np.arange(60), labels]
        weights = np.bincount(labels)[labels] ** -BALANCE
        return np.average(losses, weights=weights) + DECAY / 2 * (found[:, :-1] ** 2).sum()

    monkeypatch.setattr(subject, "TOLERANCE", 1e-9)
    found = fit_logistic(rows, labels, np.bincount(labels))
    for _ in range(20):
        assert measure(found + random.normal(0, 0.05, found.shape)) > measure(found)


def test_of_very_many_marks_a_share_of_each_class_counts(monkeypatch):
    monkeypatch.setattr(subject, "MOST_POINTS", 20)
    labels = np.where(LEFT_DARK == 0, 0, 1).astype(np.uint8)
    labels[0, 0] = 2
    seen = []
    fit = subject.fit_logistic
    monkeypatch.setattr(
        subject,
        "fit_logistic",
        lambda rows, labels, counts, **more: (
            seen.append((labels, counts)) or fit(rows, labels, counts, **more)
        ),
    )
    first, second = (
        fit_pixels([(describe(LEFT_DARK), Marks.from_labels(labels))], CLASSES, seed=seed)
        for seed in (0, 0)
    )
    np.testing.assert_array_equal(np.bincount(seen[0][0]), [6, 6, 1])
    np.testing.assert_array_equal(seen[0][1], [31, 32, 1])
    np.testing.assert_array_equal(first.weights, second.weights)


def test_labels_become_marks_where_they_are_not_ignored():
    marks = Marks.from_labels(np.array([[255, 1], [0, 255]]))
    assert marks.points.tolist() == [[0, 1], [1, 0]]
    assert marks.classes.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([], "no marks: mark pixels of two classes"),
        ([mark((0, 0, 1), (3, 3, 1))], "all marks are of sea: mark pixels of two classes"),
        ([mark((0, 8, 1))], "outside their image of 8×8 px"),
        ([mark((-1, 0, 1))], "outside their image"),
        ([mark((0, 0, 3))], "class 3, but there are the classes 0 to 2"),
        ([Marks(np.zeros((2, 3), np.int32), np.zeros(2, np.uint8))], "a row and a column each"),
    ],
)
def test_marks_of_no_use_are_refused(marks, message):
    with pytest.raises(SegfitError, match=message):
        fit_pixels([(describe(LEFT_DARK), one) for one in marks], CLASSES)


def test_other_features_and_empty_windows_are_refused():
    classifier = fit_pixels([(describe(LEFT_DARK), mark((1, 1, 0), (6, 6, 2)))], CLASSES)
    other = PixelFeatures(
        (np.zeros((4, 4, 5), np.float16),), (1,), (4, 4), np.zeros(5), np.ones(5), NO_FILTERS
    )
    with pytest.raises(
        SegfitError, match="5 features of each pixel, and the classifier was fitted"
    ):
        classifier.score(other)
    with pytest.raises(SegfitError, match="is empty"):
        classifier.score(describe(LEFT_DARK), (slice(8, 9), slice(0, 4)))


def test_pixels_are_learned_as_the_marks_of_their_region(monkeypatch):
    image = np.kron(LEFT_DARK, np.ones((2, 2)))
    seen = []
    fit = subject.fit_logistic
    monkeypatch.setattr(
        subject,
        "fit_logistic",
        lambda rows, labels, counts, **more: (
            seen.append(np.bincount(labels).tolist()) or fit(rows, labels, counts, **more)
        ),
    )
    fit_pixels([(describe(image), mark((3, 2, 0), (12, 14, 2)))], CLASSES)
    assert seen == [[1, 1], [128, 128], [128, 128]]
    every = np.where(image == 0, 0, 2).astype(np.uint8)
    fit_pixels([(describe(image), Marks.from_labels(every))], CLASSES)
    assert seen[3:] == [[128, 128]] * 3
