"""Methods by their names."""

import cv2
import numpy as np
import pytest

from segfit.batch.finishing import FinishedMethod
from segfit.classical import METHODS, HintedMethod
from segfit.classical.kmeans import KMeans
from segfit.classical.otsu import Otsu
from segfit.classification.decision import Decision
from segfit.edges import DETECTORS, EdgeFinder
from segfit.errors import SegfitError
from segfit.methods import (
    LEARNED,
    list_comparable,
    list_hinted,
    make_method,
    open_comparable,
    open_detector,
    open_edge_finder,
    open_method,
)
from segfit.segmenter import AdjustedSegmenter


def test_a_name_opens_what_bears_it(tiny_model):
    assert open_method("kmeans", {"clusters": 3}) == KMeans(clusters=3)
    finder = open_method("canny")
    assert isinstance(finder, EdgeFinder)
    assert finder.strength == DETECTORS["canny"].usual_strength
    model = open_method(str(tiny_model), decision=Decision(min_area_px=5), refine=False, threads=1)
    assert isinstance(model, AdjustedSegmenter)
    assert model.decision == Decision(min_area_px=5)
    assert not model.refine


def test_what_labels_are_compared_with_leaves_specks_out(tiny_model):
    method = open_comparable("otsu", {"blur_px": 2}, min_area_px=16)
    assert isinstance(method, FinishedMethod)
    assert method.method == Otsu(blur_px=2)
    assert method.min_area_px == 16
    assert isinstance(open_comparable(str(tiny_model), threads=1), AdjustedSegmenter)
    assert list_comparable() == ["otsu", "local-threshold"]


def test_hinted_methods_are_those_that_take_hints():
    assert list_hinted() == ["grabcut", "random-walker"]
    assert all(issubclass(METHODS[name], HintedMethod) for name in list_hinted())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("magic", {}, "unknown method 'magic': choose auto, otsu"),
        ("kmeans", {"k": 3}, "kmeans has no setting k; its settings are clusters, blur_px"),
        ("kmeans", {"clusters": 99}, "kmeans, clusters: .* given 99"),
        ("auto", {"clusters": 3}, "auto has no setting clusters; its settings are none"),
    ],
)
def test_unknown_methods_and_settings_are_named(name, settings, message):
    with pytest.raises(SegfitError, match=message):
        make_method(name, settings)


@pytest.mark.parametrize(
    ("open_it", "message"),
    [
        (lambda _: open_method("nobody"), "neither a file nor a shipped model"),
        (lambda _: open_method("canny", {"blur_px": 2}), "--set is for methods without training"),
        (lambda model: open_method(model, {"blur_px": 2}), "--set is for methods without training"),
        (lambda _: open_method("otsu", decision=Decision(threshold=0.5)), "are for models, and ot"),
        (lambda _: open_method("canny", refine=False), "are for models, and canny is a method"),
        (lambda _: open_comparable("kmeans"), "choose otsu, local-threshold, or a model"),
        (lambda _: open_comparable("sobel"), "choose otsu, local-threshold, or a model"),
        (lambda _: open_comparable("grabcut"), "choose otsu, local-threshold, or a model"),
        (lambda _: open_detector("prewitt"), "unknown detector 'prewitt': choose learned, sobel"),
        (lambda model: open_detector(model), "finds no edges: give a model of background and edge"),
    ],
)
def test_what_cannot_be_opened_says_why(open_it, message, tiny_model):
    with pytest.raises(SegfitError, match=message):
        open_it(str(tiny_model))


def test_an_edge_finder_takes_what_is_given():
    finder = open_edge_finder("sobel", strength=0.5, gap_px=3, shortest_px=1, threads=1)
    assert finder == EdgeFinder(DETECTORS["sobel"], 0.5, gap_px=3, shortest_px=1, threads=1)


def test_the_learned_detector_leaves_the_threads_as_they_were():
    before = cv2.getNumThreads()
    finder = open_edge_finder(LEARNED, threads=1)
    assert finder.strength == finder.detector.usual_strength == 0.2
    image = np.full((40, 60, 3), 60, np.uint8)
    image[:, 30:] = 200
    assert finder(image).edges.edges.strength[5:35, 28:32].max() > 0.2
    assert cv2.getNumThreads() == before
