"""What is known of how far off outlines may be."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from segfit.basics.geometry import fill_polygon
from segfit.partition import partition_of
from segfit.studio.database import Database
from segfit.studio.labels.blocks import Canvas
from segfit.studio.labels.known_outlines import (
    NONE,
    KnownOutlines,
    measure_error,
    sample_outlines,
)
from segfit.studio.proposals.proposal import Proposal
from studio_client import opened, save_image

SQUARE = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 25.0], [10.0, 25.0]])
SIZE = {"width": 64, "height": 48}


@pytest.fixture
def outlines(tmp_path):
    database = Database(tmp_path / "studio.sqlite")
    yield KnownOutlines(database)
    database.close()


def cut(mask):
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return mask[top : top + height, left : left + width], (left, top, left + width, top + height)


def fill(ring):
    return fill_polygon([ring], **SIZE)


def test_an_outline_that_is_followed_says_its_error(outlines):
    outlines.add_ring(1, SQUARE, np.full(4, 0.6))
    known = outlines.find(1)
    assert measure_error(known, *cut(fill(SQUARE)), **SIZE) == pytest.approx(0.6)
    assert measure_error(known, *cut(fill(SQUARE + 1)), **SIZE) == pytest.approx(0.6), "almost"
    assert measure_error(known, *cut(fill(SQUARE + 6)), **SIZE) is None, "it was moved"
    assert measure_error(known, *cut(fill(SQUARE * 1.4)), **SIZE) is None
    assert measure_error(outlines.find(2), *cut(fill(SQUARE)), **SIZE) is None


def test_the_edge_of_the_image_is_no_outline(outlines):
    ring = np.array([[0.0, 0.0], [30.0, 0.0], [30.0, 48.0], [0.0, 48.0]])
    mask = fill(ring)
    partition = partition_of(mask.astype(np.uint8))
    places = np.array([[30.0, y, 0.4] for y in range(0, 49, 2)], np.float32)
    assert measure_error(places, *cut(mask), **SIZE) == pytest.approx(0.4)
    assert len(sample_outlines(partition)) == 0, "nobody knows its errors"


def test_errors_that_nobody_knows_are_left_out():
    partition = partition_of(fill(SQUARE).astype(np.uint8))
    errors = np.full(len(partition.points), 0.5)
    known = sample_outlines(replace(partition, error_px=errors))
    assert measure_error(known, *cut(fill(SQUARE)), **SIZE) == pytest.approx(0.5)
    errors[:] = np.nan
    assert len(sample_outlines(replace(partition, error_px=errors))) == 0


def test_a_model_s_outlines_replace_its_former_ones(outlines):
    outlines.add_model(1, 3, np.ones((5, 3), np.float32))
    assert len(outlines.find(1)) == 5
    outlines.add_model(1, 3, np.ones((2, 3), np.float32))
    outlines.add_model(1, 4, NONE)
    assert len(outlines.find(1)) == 2


def test_a_snapped_outline_is_known_at_its_point_until_it_is_changed(tmp_path):
    image = np.full((120, 160, 3), 40, np.uint8)
    cv2.circle(image, (60, 60), 30, (200, 200, 200), -1)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    drawn = 60.5 + 32 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    with opened(tmp_path, looks=True) as page:
        page.name_classes("ground", "disc")
        page.operate(1, "polygon", **{"class": 1}, points=drawn.tolist(), snap=True)
        found = page.get("/images/1/point?x=60&y=60")["object"]
        assert 0 < found["error_px"] < 5
        page.operate(1, "erase", points=[[60, 60], [90, 60]], radius=12)
        assert page.get("/images/1/point?x=45&y=60")["object"]["error_px"] is None
        page.send("POST", "/images/1/undo")
        assert page.get("/images/1/point?x=60&y=60")["object"] == found
    with opened(tmp_path) as page:
        assert page.get("/images/1/point?x=60&y=60")["object"] == found, "also another day"


def propose(page, *, objects=None):
    """A model's proposal: a square whose outline is known."""
    mask = fill(SQUARE)
    ring = np.concatenate([SQUARE, SQUARE[:1]])
    places = [np.linspace(a, b, 12) for a, b in pairwise(ring)]
    known = np.column_stack([np.concatenate(places), np.full(48, 0.7)]).astype(np.float32)
    proposal = Proposal(
        mask.astype(np.uint8),
        np.full(mask.shape, 200, np.uint8),
        1,
        "model",
        -1,
        rev=5,
        objects=objects,
        outlines=known,
    )
    page.studio.proposals._proposals[1] = proposal
    return mask


@pytest.mark.parametrize("tells_objects", [False, True])
def test_what_a_model_proposes_is_described_and_stays_known_when_it_is_accepted(
    tmp_path, tells_objects
):
    save_image(tmp_path / "a.png")
    with opened(tmp_path) as page:
        page.name_classes("ground", {"name": "cell", "has_objects": tells_objects})
        page.get("/images/1")
        objects = fill(SQUARE).astype(np.int32) if tells_objects else None
        mask = propose(page, objects=objects)
        told = page.get("/images/1/point?x=20&y=20")
        assert told["label"] is None
        assert told["object"]["area_px"] == mask.sum()
        assert told["object"]["error_px"] == pytest.approx(0.7)
        page.operate(1, "accept", what="class", **{"class": 1})
        page.studio.proposals._proposals.clear()
        told = page.get("/images/1/point?x=20&y=20")
        assert told["label"]["origin"] == "accepted"
        assert told["object"]["error_px"] == pytest.approx(0.7)


def test_the_region_of_a_coarse_proposal_is_measured_in_pixels_of_the_image():
    classes = np.zeros((10, 12), np.uint8)
    classes[2:5, 3:7] = 1
    proposal = Proposal(classes, np.zeros_like(classes), 4, "strokes", 1)
    mask, box = proposal.cut_region(17, 10)
    assert box == (3, 2, 7, 5)
    assert mask.all()
    classes[:] = 255
    assert proposal.cut_region(17, 10) is None


def test_a_box_that_would_take_long_is_not_looked_at():
    canvas = Canvas(width=20_000, height=20_000, load=lambda key: None)
    mask = np.ones((1, 1), bool)
    places = np.zeros((4, 3), np.float32)
    size = {"width": canvas.width, "height": canvas.height}
    assert measure_error(places, mask, canvas.box, **size) is None
