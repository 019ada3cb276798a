"""Edges to lines and regions, by every detector; and the report on them."""

import json

import numpy as np
import pytest

from region_edges import draw_edges
from segfit.datasets.drawn import Drawing, DrawnImage
from segfit.edges import DETECTORS, EdgeFinder, LearnedDetector
from segfit.errors import SegfitError
from segfit.evaluation.edges import evaluate_edges
from segfit.formats import FORMATS
from segfit.formats.lines import list_lines
from segfit.result.scores import Scores


def draw_panes():
    """Two panes, dark and bright, on a grey wall; and what is which."""
    panes = np.zeros((60, 90), int)
    panes[10:50, 10:45], panes[10:50, 45:80] = 1, 2
    image = np.repeat(np.array([120, 40, 230], np.uint8)[panes][..., None], 3, axis=2)
    return image, panes


def find(name, **options):
    detector = DETECTORS[name]
    return EdgeFinder(detector, strength=detector.usual_strength, **options)


@pytest.mark.parametrize("name", DETECTORS)
def test_panes_are_regions_with_shared_arcs_and_lines(name):
    image, _ = draw_panes()
    found = find(name)(image)
    for index in (1, 2):
        inner = found.objects[14:46, 14:41] if index == 1 else found.objects[14:46, 49:76]
        assert len(np.unique(inner)) == 1
    assert found.objects[30, 20] != found.objects[30, 70] != found.objects[3, 3]
    assert found.partition.region_count == len(np.unique(found.objects))
    longest = max(found.edges.contours, key=lambda contour: contour.length_px)
    assert longest.length_px > 35


def test_a_flat_image_is_one_region_and_says_so():
    found = find("canny")(np.full((40, 50, 3), 90, np.uint8))
    assert found.partition.region_count == 1
    assert found.edges.contours == ()
    assert "one region: no border is as strong as" in found.note


def test_a_higher_strength_leaves_fewer_regions():
    image, _ = draw_panes()
    counts = [EdgeFinder(DETECTORS["sobel"], strength=s)(image).objects.max() for s in (0.05, 0.9)]
    assert counts[0] > counts[1]


def test_lines_are_written_to_a_fraction_of_a_pixel(tmp_path):
    found = find("sobel")(draw_panes()[0])
    content = list_lines(found)
    features = content["features"]
    assert len(features) == len(found.edges.contours)
    first = max(features, key=lambda feature: feature["properties"]["length_px"])
    points = np.array(first["geometry"]["coordinates"])
    # The panes' borders lie on whole coordinates.
    assert np.median(np.abs(points - np.rint(points)).min(axis=1)) < 0.1
    for name in ("edges", "strength", "lines"):
        path = tmp_path / FORMATS[name].file_name("panes")
        FORMATS[name].write(found, path)
        assert path.stat().st_size > 0
    assert json.loads((tmp_path / "panes_lines.geojson").read_text()) == content


def test_a_network_detector_takes_its_probability_for_strength():
    def score(image):
        height, width = image.shape[:2]
        logits = np.full((1, height, width), -6, np.float32)
        logits[:, :, width // 2 - 1 : width // 2 + 1] = 2.0
        return Scores(logits, (height, width), (height, width))

    edges = LearnedDetector(score)(np.zeros((32, 40, 3), np.uint8))
    assert edges.is_edge[5:27, 19:21].any(axis=1).all()
    # The most that it says, in the middle of a line that is wider where the image is smaller.
    assert edges.strength.max() == pytest.approx(1 / (1 + np.exp(-2)), abs=0.15)
    assert edges.strength[:, :15].max() < 0.01


def test_what_a_network_sees_at_the_end_of_its_image_is_no_edge():
    def score(image):
        height, width = image.shape[:2]
        logits = np.full((1, height, width), 3, np.float32)
        logits[:, 8:-8, 8:-8] = -6
        return Scores(logits, (height, width), (height, width))

    edges = LearnedDetector(score)(np.zeros((48, 64, 3), np.uint8))
    assert edges.strength.shape == (48, 64)
    assert edges.strength.max() < 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EdgeFinder(DETECTORS["sobel"], strength=0), "above 0 and up to 1, given 0"),
        (lambda: EdgeFinder(DETECTORS["sobel"], strength=0.1, gap_px=-1), "0 px or more"),
        (lambda: find("sobel")(np.zeros((3, 50, 3), np.uint8)), "at least 8 px"),
    ],
)
def test_what_cannot_be_says_why(make, message):
    with pytest.raises(SegfitError, match=message):
        make()


def test_report_on_edges_that_are_right():
    image, panes = (part.repeat(4, axis=0).repeat(4, axis=1) for part in draw_panes())
    drawing = Drawing(draw_edges(panes), panes)
    report = evaluate_edges(
        find("sobel"),
        [DrawnImage("panes", image, (drawing, drawing))],
        strengths=np.linspace(0.05, 0.95, 19),
    )
    assert report.edges.ods == report.edges.ois > 0.97
    assert report.regions.covering > 0.95
    assert report.regions_each.rand_index > 0.95
    assert json.dumps(report.to_dict())
    assert report.rows[0].name == "panes"
    with pytest.raises(SegfitError, match="no images"):
        evaluate_edges(find("sobel"), [])
