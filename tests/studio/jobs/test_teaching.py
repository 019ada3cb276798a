"""Which image would teach most: like many others, unlike those that are labelled, unsure."""

import numpy as np
import pytest

from segfit.studio.jobs.queue import PIECE_PX, cut_piece
from segfit.studio.jobs.teaching import measure_unsureness, order_images

UNKNOWN = np.full(5, np.nan)


def labelled(*indices, count=5):
    return np.isin(np.arange(count), indices)


def test_unsureness_is_0_where_all_is_clear_and_1_where_nothing_is():
    clear = np.zeros((3, 4, 4), np.float32)
    clear[1] = 1
    assert measure_unsureness(clear) == pytest.approx(0, abs=1e-5)
    assert measure_unsureness(np.full((3, 4, 4), 1 / 3, np.float32)) == pytest.approx(1)


def test_an_image_that_many_are_like_comes_before_one_that_none_is_like():
    places = np.array([[0.0], [5.0], [5.1], [4.9], [9.0]])
    order = order_images(places, UNKNOWN, labelled(0), unsure_turn=None)
    assert order[:2] == [1, 4]


def test_without_labels_the_first_is_the_one_that_all_are_nearest_to():
    places = np.array([[0.0], [4.0], [5.0], [6.0], [10.0]])
    assert order_images(places, UNKNOWN, labelled())[0] == 2


def test_unsure_ones_have_their_turn():
    unsure = np.array([0.0, 0.0, 0.0, 0.1, 1.0])
    places = np.array([[0.0], [5.0], [5.1], [4.9], [9.0]])
    assert order_images(places, unsure, labelled(0))[0] == 4
    places = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    assert order_images(places, unsure, labelled(0, 1))[0] in (2, 3)


def test_who_is_not_known_counts_as_the_others_do():
    places = np.array([[0.0], [5.0], [5.1], [4.9], [9.0]])
    unsure = np.array([np.nan, np.nan, np.nan, np.nan, 0.5])
    assert order_images(places, unsure, labelled(0)) == order_images(
        places, UNKNOWN, labelled(0), unsure_turn=None
    )


def test_every_image_without_labels_comes_once():
    rng = np.random.default_rng(0)
    order = order_images(rng.normal(size=(9, 3)), rng.random(9), labelled(2, 5, count=9))
    assert sorted(order) == [0, 1, 3, 4, 6, 7, 8]
    assert order_images(np.zeros((5, 1)), UNKNOWN, labelled(0, 1, 2, 3, 4)) == []


def test_equal_images_are_no_problem():
    assert sorted(order_images(np.ones((4, 2)), np.ones(4), labelled(0, count=4))) == [1, 2, 3]


@pytest.mark.parametrize("shape", [(40, 60), (PIECE_PX, PIECE_PX), (40, 2000), (1500, 3000)])
def test_a_piece_of_an_image_is_small_and_of_its_pixels(shape):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)
    piece = cut_piece(image)
    assert piece.shape[:2] == tuple(min(side, PIECE_PX) for side in shape)
    if max(shape) <= PIECE_PX:
        assert (piece == image).all()
    quarter = piece[: piece.shape[0] // 2, : piece.shape[1] // 2]
    corner = quarter[:8, :8]
    windows = np.lib.stride_tricks.sliding_window_view(image[..., 0], (8, 8))
    assert (windows == corner[..., 0]).all(axis=(2, 3)).any()
