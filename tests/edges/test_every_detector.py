"""What every edge detector, and what finds edges by it, keeps to."""

import copy
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import draw_disc

from segfit.classes import REGIONS
from segfit.edges import DETECTORS, EdgeFinder, LearnedDetector
from segfit.edges.detectors import Detector
from segfit.formats import Content
from segfit.result.scores import Scores

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "without-training.md"
IMAGE = draw_disc(20.4, 21.7, 11.0, shape=(44, 44))


def score_alike(image):
    """The scores of a network that sees an edge everywhere."""
    height, width = image.shape[:2]
    return Scores(np.zeros((1, height, width), np.float32), (height, width), (height, width))


LEARNED = Detector("learned", "whatever", LearnedDetector(score_alike), 0.2)
every_detector = pytest.mark.parametrize(
    "detector", [*DETECTORS.values(), LEARNED], ids=lambda detector: detector.name
)


def make(detector, **options):
    return EdgeFinder(detector, strength=detector.usual_strength, **options)


@every_detector
def test_is_a_method(detector):
    finder = make(detector)
    found = finder(IMAGE)
    assert finder.classes == found.classes == REGIONS
    assert finder.provides == {Content.EDGES, Content.OBJECTS}
    assert found.edges is not None
    assert found.objects.shape == IMAGE.shape[:2]
    assert 0 < detector.usual_strength < 1
    assert detector.purpose


def test_the_docs_tell_of_them_all():
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in DETECTORS if f"`{name}`" not in text] == []


@every_detector
def test_travels_and_compares(detector):
    finder = make(detector)
    for other in (pickle.loads(pickle.dumps(finder)), copy.copy(finder), copy.deepcopy(finder)):
        assert other == finder
        assert hash(other) == hash(finder)
        np.testing.assert_array_equal(other(IMAGE).objects, finder(IMAGE).objects)
    assert finder != make(detector, gap_px=3.0)


@every_detector
def test_shows_name_and_settings_on_one_line(detector):
    shown = repr(make(detector, gap_px=3.0))
    assert len(shown.splitlines()) == 1
    assert f"name='{detector.name}'" in shown
    assert "gap_px=3.0" in shown


@every_detector
@pytest.mark.parametrize("threads", [None, 1])
def test_leaves_threads_as_they_were(detector, threads):
    before = cv2.getNumThreads()
    make(detector, threads=threads)(IMAGE)
    assert cv2.getNumThreads() == before


def test_uses_so_many_threads_and_restores_them_after_an_error():
    before, seen = cv2.getNumThreads(), []

    def fail(image):
        seen.append(cv2.getNumThreads())
        raise RuntimeError("in the middle")

    finder = EdgeFinder(Detector("failing", "nothing", fail, 0.5), strength=0.5, threads=1)
    with pytest.raises(RuntimeError, match="in the middle"):
        finder(IMAGE)
    assert seen == [1]
    assert cv2.getNumThreads() == before
