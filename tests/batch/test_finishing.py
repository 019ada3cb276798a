"""What follows a method: noise removed, outlines smoothed and refined."""

import copy
import pickle

import numpy as np

from segfit.batch.finishing import FinishedMethod, remove_noise
from segfit.classical.otsu import Otsu
from segfit.classical.watershed import Watershed
from segfit.formats import Content
from segfit.refiner import load_refiner
from segfit.result.method import Method


def draw_noisy_disc():
    rows, columns = np.indices((64, 64))
    disc = np.hypot(rows - 32, columns - 32) < 18
    grey = np.where(disc, 200, 60)
    grey[10, 10], grey[32, 32] = 200, 60  # a speck and a hole
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), disc


def test_specks_and_holes_go_and_the_outline_stays():
    image, disc = draw_noisy_disc()
    found = Otsu(blur_px=0)(image)
    assert found.partition.region_count == 4
    clean = remove_noise(found, 8)
    np.testing.assert_array_equal(clean.labels, disc)
    assert clean.note == found.note
    assert remove_noise(found, 0) is found


def test_a_finished_method_is_a_method_with_errors():
    image, disc = draw_noisy_disc()
    refiner = load_refiner("outlines")
    method: Method = FinishedMethod(Otsu(), min_area_px=8, refiner=refiner, smoothing=2)
    found = method(image)
    (region,) = found.regions
    assert found.classes == method.classes
    assert region.error_px_mean is not None
    assert (found.labels == disc).mean() > 0.97
    assert "foreground" in found.note


def test_refining_keeps_objects_and_no_probabilities():
    class Learned:
        classes = Watershed().classes
        provides = frozenset({Content.SCORES, Content.OBJECTS})

    refiner = load_refiner("outlines")
    assert FinishedMethod(Learned()).provides == Learned.provides
    assert FinishedMethod(Learned(), refiner=refiner).provides == {Content.OBJECTS}


def test_a_finished_method_is_pickled_copied_and_shown():
    image, _ = draw_noisy_disc()
    method = FinishedMethod(Otsu(blur_px=0), min_area_px=8, smoothing=1)
    for twin in (pickle.loads(pickle.dumps(method)), copy.deepcopy(method), copy.copy(method)):
        assert twin == method
        np.testing.assert_array_equal(twin(image).labels, method(image).labels)
    assert "min_area_px=8" in repr(method)
    assert repr(method).count("\n") < 10
