from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from segfit.scribbles.features import FeatureExtractor
from studio_client import opened


@pytest.fixture
def folder(tmp_path):
    """Two images of bright discs on dark ground."""
    random = np.random.default_rng(0)
    for number in range(2):
        image = random.integers(20, 60, (120, 160, 3)).astype(np.uint8)
        for x, y in ((40, 40), (110, 40), (40, 90), (110, 90)):
            cv2.circle(image, (x, y), 18, (200, 190, 180), -1)
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return tmp_path


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while (found := condition()) is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def read_proposal(page, image):
    answer = page.ask("GET", f"/images/{image}/proposal/0/0/0")
    if answer.status == 204:
        return None
    return cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]


def find_region(page, x, y):
    found = page.get(f"/images/1/region?x={x}&y={y}")
    return found if found["scales"] else None


def test_strokes_make_a_proposal_that_is_accepted_around_what_was_drawn(folder):
    with opened(folder, looks=True) as page:
        page.name_classes("ground", {"name": "disc", "has_objects": True})
        page.get("/images/1")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5], [150, 8]], radius=3)
        assert read_proposal(page, 1) is None
        page.operate(1, "stroke", **{"class": 1}, points=[[35, 40], [45, 40]], radius=3)
        tile = wait_for(lambda: read_proposal(page, 1))
        assert tile is not None
        assert tile[40, 50, 0] == 1
        assert tile[65, 75, 0] == 0
        assert tile[40, 40, 0] == 255, "what is labelled is not proposed"
        point = page.get("/images/1/point?x=110&y=40")
        assert point["proposal"]["class"] == 1
        assert point["proposal"]["confidence"] > 0.5
        assert page.get("/images/2/unsure")["places"] == []
        assert page.get("/images/1/unsure?limit=3")["places"]

        answer = page.operate(1, "accept", what="all")
        assert answer["changed_px"] > 15_000
        labels = page.labels(1)
        assert labels[40, 40, 1] == 2, "by hand"
        assert labels[40, 52, 1] == 1, "accepted"
        assert labels[40, 40, 2] == labels[40, 52, 2], "the stroke is a part of its disc"
        discs = {labels[y, x, 2] for x in (40, 110) for y in (40, 90)}
        assert len(discs) == 4
        assert 0 not in discs
        page.send("POST", "/images/1/undo")
        assert page.labels(1)[40, 52, 0] == 255

        # What was learned on one image holds for the next.
        other = wait_for(lambda: read_proposal(page, 2) if page.get("/images/2") else None)
        assert other[90, 110, 0] == 1


def test_a_stroke_does_not_wait_until_another_image_is_described(folder, monkeypatch):
    begun, may_end = [], threading.Event()
    describe = FeatureExtractor.describe

    def describe_slowly(extractor, image, *, on_step):
        begun.append(len(begun))
        if len(begun) == 1:  # of the image that is looked at first
            while not may_end.is_set():
                on_step()
                time.sleep(0.01)
        return describe(extractor, image, on_step=on_step)

    monkeypatch.setattr(FeatureExtractor, "describe", describe_slowly)
    with opened(folder, looks=True) as page:
        page.name_classes("ground", "disc")
        page.get("/images/1")
        wait_for(lambda: begun or None)
        page.get("/images/2")
        page.operate(2, "stroke", **{"class": 0}, points=[[5, 5], [150, 8]], radius=3)
        page.operate(2, "stroke", **{"class": 1}, points=[[35, 40], [45, 40]], radius=3)
        assert wait_for(lambda: read_proposal(page, 2))[40, 50, 0] == 1
        assert len(begun) == 2
        may_end.set()
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5], [150, 8]], radius=3)
        assert wait_for(lambda: read_proposal(page, 1))[40, 50, 0] == 1
        assert len(begun) == 2, "the first image is described once"


def test_the_region_under_the_pointer_and_snapping(folder):
    with opened(folder, looks=True) as page:
        page.name_classes("ground", "disc")
        page.get("/images/1")
        region = wait_for(lambda: find_region(page, 40, 40))
        assert region["area_px"] > 0
        assert page.get("/images/1/region?x=900&y=40")["outline"] == []
        angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        drawn = 40.5 + 21 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        snapped = page.send("POST", "/images/1/snap", {"points": drawn.tolist()})
        assert len(snapped["points"]) == len(snapped["error_px"])
        distance = np.hypot(*(np.array(snapped["points"]) - 40.5).T)
        assert np.median(abs(distance - 18.5)) < 1
        page.operate(1, "rectangle", **{"class": 1}, box=[15, 15, 66, 66])
        labels = page.labels(1)[..., 0]
        assert abs(int((labels == 1).sum()) - np.pi * 18.5**2) < 150
        page.operate(1, "region", **{"class": 0}, x=75, y=65, scale=0)
        assert page.labels(1)[65, 75, 0] == 0


def test_strokes_of_an_earlier_day_propose_for_what_is_looked_at(folder):
    with opened(folder) as page:
        page.name_classes("ground", "disc")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5], [150, 8]], radius=3)
        page.operate(1, "stroke", **{"class": 1}, points=[[35, 40], [45, 40]], radius=3)
    with opened(folder, looks=True) as page:
        page.get("/images/2")
        wait_for(lambda: page.get("/images/2")["proposal_rev"] or None)
        assert read_proposal(page, 2)[40, 40, 0] == 1
        assert page.get("/images")["images"][1]["state"] == "proposed"


def test_images_that_are_looked_at_at_once_do_not_wait_for_each_other(folder):
    for number in range(2, 5):
        (folder / f"{number}.png").write_bytes((folder / "0.png").read_bytes())
    with opened(folder, looks=True) as page:
        page.name_classes("ground", "disc")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5], [150, 8]], radius=3)
        page.operate(1, "stroke", **{"class": 1}, points=[[35, 40], [45, 40]], radius=3)
        wait_for(lambda: page.get("/images/1")["proposal_rev"] or None)
        for image in (2, 3, 4, 5):
            page.get(f"/images/{image}")

        def are_proposed():
            states = {one["state"] for one in page.get("/images")["images"]}
            return "new" not in states or None

        wait_for(are_proposed)


def test_who_looks_on_makes_no_further_proposals(folder):
    with opened(folder, looks=True) as page:
        page.name_classes("ground", "disc")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5], [150, 8]], radius=3)
        page.operate(1, "stroke", **{"class": 1}, points=[[35, 40], [45, 40]], radius=3)
        wait_for(lambda: page.get("/images/1")["proposal_rev"] or None)
        end = time.monotonic() + 1.0
        seen = set()
        while time.monotonic() < end:
            seen.add(page.get("/images/1")["proposal_rev"])
        assert len(seen) <= 2, "the stroke's own, and at most one that was on its way"
