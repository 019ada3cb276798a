"""Images that come and go while the studio is open."""

import os
import time

import pytest

from studio_client import opened, save_image

LONG_AGO = 60


def settle(path):
    """As if a file or folder had not changed for a minute."""
    then = time.time() - LONG_AGO
    os.utime(path, (then, then))


@pytest.fixture
def told(monkeypatch):
    """What pages are told: kind and data of each event."""
    events = []
    monkeypatch.setattr(
        "segfit.studio.events.Events.publish",
        lambda self, event, data: events.append((event, data)),
    )
    return events


def list_names(page):
    return [one["name"] for one in page.get("/images")["images"]]


def test_images_that_come_and_go_are_listed_and_told(tmp_path, told):
    save_image(tmp_path / "b.png")
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        save_image(tmp_path / "a.png")
        save_image(tmp_path / "day 1" / "c.png")
        page.studio.watch.look()
        assert list_names(page) == ["a.png", "b.png", "day 1/c.png"]
        assert ("images", {"total": 3, "added": 2, "removed": 0}) in told
        assert page.get("/images/1")["name"] == "b.png", "each keeps its number"
        (tmp_path / "b.png").rename(tmp_path / "elsewhere")
        page.studio.watch.look()
        assert list_names(page) == ["a.png", "day 1/c.png"]
        assert ("images", {"total": 2, "added": 0, "removed": 1}) in told
        page.send("GET", "/images/1", status=404)
        (tmp_path / "elsewhere").rename(tmp_path / "b.png")
        page.studio.watch.look()
        assert page.get("/images/1")["state"] == "corrected", "its labels were kept"


def test_the_studio_looks_by_itself(tmp_path, told, monkeypatch):
    monkeypatch.setattr("segfit.studio.folder.watching.LOOK_S", 0.02)
    with opened(tmp_path) as page:
        save_image(tmp_path / "a.png")
        end = time.monotonic() + 20
        while not list_names(page):
            assert time.monotonic() < end, "it was not found"
            time.sleep(0.02)
        while ("images", {"total": 1, "added": 1, "removed": 0}) not in told:
            assert time.monotonic() < end, "it was not told"
            time.sleep(0.02)


def test_a_folder_in_which_nothing_moves_is_not_listed_again(tmp_path, told, monkeypatch):
    save_image(tmp_path / "day 1" / "a.png")
    for path in (tmp_path / "day 1", tmp_path):
        settle(path)
    with opened(tmp_path) as page:
        settle(tmp_path)  # its own folder .segfit has come
        page.studio.catalogue.scan()
        assert not page.studio.catalogue.has_moved()
        save_image(tmp_path / "day 1" / "b.png")
        assert page.studio.catalogue.has_moved()
        page.studio.watch.look()
        assert page.studio.catalogue.has_moved(), "it may go on within one tick of the clock"
        settle(tmp_path / "day 1")
        page.studio.watch.look()
        assert not page.studio.catalogue.has_moved()
        assert [event for event, _ in told].count("images") == 1


def test_a_file_cut_short_is_tried_again_when_it_is_whole(tmp_path, told):
    save_image(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:60])
    settle(tmp_path / "a.png")
    with opened(tmp_path) as page:
        page.send("GET", "/images/1", status=422)
        for _ in range(2):
            page.studio.watch.look()
        assert page.get("/images")["images"][0]["state"] == "problem", "it is as it was"
        (tmp_path / "a.png").write_bytes(whole)
        page.studio.watch.look()
        assert page.get("/images")["images"][0]["problem"] is None
        assert ("image", "new") in [(event, data.get("state")) for event, data in told]
        assert page.get("/images/1")["width"] == 64


def test_a_folder_of_images_that_comes_later_waits_until_it_is_opened_anew(tmp_path):
    save_image(tmp_path / "a.png")
    with opened(tmp_path) as page:
        save_image(tmp_path / "images" / "b.png")
        page.studio.watch.look()
        assert list_names(page) == ["a.png"]
        assert "open it again" in page.get("/project")["notes"][0]
    with opened(tmp_path) as page:
        assert list_names(page) == ["b.png"]
