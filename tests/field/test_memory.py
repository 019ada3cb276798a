"""Results that kept all that was computed on the way, and images that took gigabytes."""

import pickle
import tracemalloc

import numpy as np
import pytest

import segfit
from segfit.imaging.read import read_image
from segfit.shapes import make_fit
from segfit.shapes.shared.fit import Outline

DEMO = segfit.__path__[0] + "/demo_data/nuclei/val/images/fluorescence_b560dba92fbf.png"
MOST_BYTES_PER_PX, OBJECT_BYTES_PER_PX = 10, 4


@pytest.fixture(scope="module")
def nuclei():
    return segfit.load("nuclei", threads=1)


@pytest.mark.parametrize("refine", [True, False])
def test_a_result_keeps_what_it_answers_with(nuclei, refine):
    """It kept 64 feature planes: 140 bytes a pixel, 50 MB of an image of 520×696 px."""
    image = read_image(DEMO)
    kept, results = [], []
    tracemalloc.start()
    try:
        for _ in range(3):
            result = nuclei(image.copy(), refine=refine)
            _ = result.labels, result.summary(), result.probabilities
            results.append(result)
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    most = MOST_BYTES_PER_PX if refine else MOST_BYTES_PER_PX + OBJECT_BYTES_PER_PX
    # The first one also made what all of them share.
    assert kept[2] - kept[1] < most * result.labels.size
    assert result.scores.features is None
    assert len(pickle.dumps(result)) < most * result.labels.size


@pytest.mark.parametrize("window_px", [160, 1024])
def test_only_what_other_networks_look_at_is_kept_of_features(nuclei, monkeypatch, window_px):
    """8 planes instead of 64."""
    monkeypatch.setattr("segfit.classification.classify.WINDOW_PX", window_px)
    scores = nuclei.score(np.tile(read_image(DEMO), (2, 1, 1)))
    assert scores.in_windows == (window_px == 160)
    assert scores.features.shape == (8, *scores.logits.shape[1:])
    assert scores.feature_figures.shape == (2, 64)


def test_a_line_through_many_points_takes_no_matrix_of_all_pairs():
    """3,000 points of a side: a decomposition with full matrices took 72 MB for each of them."""
    along = np.linspace(0, 1000, 3000)
    sides = [(along, 0 * along), (1000 + 0 * along, along), (along[::-1], 1000 + 0 * along)]
    points = np.concatenate([np.stack(side, axis=1) for side in [*sides, (0 * along, along[::-1])]])
    outline = Outline((points,), points)
    tracemalloc.start()
    try:
        make_fit("polygon", {"corners": 4})(outline)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40e6
