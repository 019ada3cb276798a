"""What a model remembers of the images that it has learned from."""

from dataclasses import replace

import numpy as np
import pytest

import segfit
from segfit.classification.surprise import measure_distance
from segfit.model.archive import read_model
from segfit.result.scores import Scores
from segfit.training.domain import (
    describe_images,
    find_bound,
    fit_gaussian,
    measure_domain,
    spread_order,
)


def score_brightness(image):
    """Two features of an image's halves, as a network might give them."""
    plane = image[:, :, 0].astype(np.float32)
    return Scores(plane[None], plane.shape, plane.shape, np.stack([plane, -plane]))


@pytest.fixture
def make_grey(make_dataset):
    """Makes a data set of images of so many grey levels, all of them noisy alike."""

    def make(levels, *, seed=0):
        rng = np.random.default_rng(seed)
        noise = [rng.integers(-9, 10, (16, 16, 1)) for _ in levels]
        greys = [np.uint8(level + one) for level, one in zip(levels, noise, strict=True)]
        images = [np.repeat(grey, 3, 2) for grey in greys]
        return make_dataset([(image, np.zeros((16, 16), np.uint8)) for image in images])

    return make


def test_a_gaussian_has_the_mean_and_the_deviation_of_its_images():
    figures = np.random.default_rng(0).normal((5, -2, 0), (2, 1, 0.5), (4000, 3))
    fitted = fit_gaussian(figures[:, None])
    np.testing.assert_allclose(fitted.mean, (5, -2, 0), atol=0.1)
    np.testing.assert_allclose(fitted.deviation, (2, 1, 0.5), rtol=0.05)
    # Independent figures: every direction varies alike, so that a distance is a plain one.
    assert np.isclose(measure_distance(np.array((7, -1, 0.5)), fitted), 1, rtol=0.05)


def test_what_varies_together_is_no_surprise_together():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 1))
    fitted = fit_gaussian((shared + 0.1 * rng.normal(size=(400, 4)))[:, None])
    together = measure_distance(np.full(4, 2.0), fitted)
    apart = measure_distance(np.array((2.0, -2.0, 2.0, -2.0)), fitted)
    assert apart > 5 * together


def test_a_figure_that_never_moved_says_little():
    figures = np.column_stack([np.random.default_rng(0).normal(size=(50, 3)), np.zeros(50)])
    fitted = fit_gaussian(figures[:, None])
    assert fitted.deviation[3] > 0
    assert measure_distance(np.array((0.0, 0.0, 0.0, 0.001)), fitted) < 1


def test_few_images_have_few_axes():
    rng = np.random.default_rng(0)
    assert [len(fit_gaussian(rng.normal(size=(n, 1, 40))).axes) for n in (3, 4, 15, 64, 200)] == [
        0, 1, 3, 16, 16,
    ]  # fmt: skip


def test_the_bound_holds_for_ninety_nine_of_a_hundred():
    rng = np.random.default_rng(0)
    held = [
        np.mean(np.exp(rng.normal(size=200)) <= find_bound(np.exp(rng.normal(size=8))))
        for _ in range(400)
    ]
    assert 0.985 < np.mean(held) < 0.995


def test_equal_distances_have_themselves_as_bound():
    assert np.isclose(find_bound(np.full(5, 0.7)), 0.7)
    assert find_bound(np.zeros(3)) > 0


@pytest.mark.parametrize("count", [1, 2, 5, 8, 13])
def test_an_order_has_every_image_once_and_begins_far_apart(count):
    order = spread_order(count)
    assert sorted(order) == list(range(count))
    if count > 3:
        assert abs(order[0] - order[1]) >= count // 2 - 1


def test_images_like_the_training_images_are_known_and_others_are_not(make_grey):
    training, validation = make_grey([*range(90, 98)] * 4), make_grey([*range(90, 95)] * 4, seed=1)
    domain = measure_domain([score_brightness], training, validation)
    assert domain.measured_on == "32 training images, 20 validation images"
    own = describe_images([score_brightness], make_grey(range(90, 98), seed=2), until=np.inf)
    others = describe_images([score_brightness], make_grey((10, 40, 180, 240)), until=np.inf)
    assert max(measure_distance(figures, domain) for (figures,) in own) < domain.bound
    assert min(measure_distance(figures, domain) for (figures,) in others) > 2 * domain.bound


def test_what_another_precision_makes_of_an_image_is_no_surprise(make_grey):
    def score_roughly(image):
        scores = score_brightness(image)
        return replace(scores, features=scores.features + np.float32([[[9]], [[9]]]))

    training, validation = make_grey([*range(90, 98)] * 4), make_grey([*range(90, 95)] * 4, seed=1)
    narrow = measure_domain([score_brightness], training, validation)
    both = measure_domain([score_brightness, score_roughly], training, validation)
    assert both.measured_on == narrow.measured_on
    assert len(both.axes) == len(narrow.axes)
    own = describe_images([score_roughly], make_grey(range(90, 98), seed=2), until=np.inf)[:, 0]
    others = describe_images([score_roughly], make_grey((10, 40, 240)), until=np.inf)[:, 0]
    assert max(measure_distance(figures, narrow) for figures in own) > 2 * narrow.bound
    assert max(measure_distance(figures, both) for figures in own) < both.bound
    assert min(measure_distance(figures, both) for figures in others) > both.bound


def test_too_few_images_give_no_statistics(make_grey):
    assert measure_domain([score_brightness], make_grey((90, 91)), make_grey((90, 91, 92))) is None
    assert measure_domain([score_brightness], make_grey((90, 91, 92)), make_grey((90, 91))) is None


def test_no_time_gives_no_statistics(make_grey):
    data = make_grey(range(90, 110))
    assert measure_domain([score_brightness], data, data, seconds=-1.0) is None


def test_training_writes_the_statistics_and_the_segmenter_goes_by_them(squares, tmp_path):
    plan = {"encoder": "plain", "widths": [[8], [16], [16], [24], [32]], "crop_px": [64, 64],
            "scaling": {"kind": "field"}, "batch": 2, "steps": 6}  # fmt: skip
    path = tmp_path / "squares.segfit"
    segfit.train(squares, path, component="classifier", plan=plan, threads=1)
    domain = read_model(path).card.domain
    assert domain.measured_on == "8 training images, 4 validation images"
    assert len(domain.mean) == 2  # of the one logit, since a classifier alone gives no features
    segmenter = segfit.load(path, threads=1)
    like = segmenter(squares.splits["val"][0].image)
    assert like.surprise < 1
    assert like.note == ""
