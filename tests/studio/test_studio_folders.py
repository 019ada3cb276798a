"""Folders and images of every kind."""

from __future__ import annotations

import os
import time
import unicodedata

import cv2
import numpy as np
import pytest
import tifffile

from segfit.errors import SegfitError
from segfit.studio import project
from segfit.studio.images.pixels import show_stored
from segfit.studio.project import Studio
from studio_client import opened, save_image


def test_an_empty_folder_and_none(tmp_path):
    with opened(tmp_path) as page:
        assert page.get("/images") == {"total": 0, "images": []}
        assert page.get("/project")["images"] == 0
        assert page.send("GET", "/images/1", status=404)["detail"].startswith("there is no image")
    with pytest.raises(SegfitError, match="is not a folder"):
        Studio(tmp_path / "nothing")


def test_images_are_those_of_images_or_of_the_folder_and_its_subfolders(tmp_path):
    for name in ("b.png", "day 1/a.png", "masks/b.png", "instances/b.png", ".hidden/c.png"):
        save_image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    with opened(tmp_path) as page:
        assert [one["name"] for one in page.get("/images")["images"]] == ["b.png", "day 1/a.png"]
    save_image(tmp_path / "images/only.png")
    with opened(tmp_path) as page:
        listed = page.get("/images")["images"]
        assert [one["name"] for one in listed] == ["only.png"]
        page.send("GET", "/images/1", status=404)


def test_labels_of_a_subfolder_s_image_lie_in_the_same_subfolder(tmp_path):
    save_image(tmp_path / "day 1/a.png")
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        page.studio.write_files()
    assert (tmp_path / "masks/day 1/a.png").is_file()


def test_names_of_every_alphabet(tmp_path):
    names = [
        "Übung ä.png",
        unicodedata.normalize("NFD", "é.png"),
        "细胞.png",
        "кот.png",
        "صورة.png",
        "🔬 <b>&amp;.png",
        "a\\b' \"c.png",
    ]
    for name in names:
        save_image(tmp_path / name)
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    with open(raw, "wb") as file:  # no text in any encoding
        file.write((tmp_path / names[0]).read_bytes())
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        listed = page.get("/images")["images"]
        assert {one["name"] for one in listed} == {*names, "??.png"}
        for one in listed:
            page.operate(one["id"], "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        page.studio.write_files()
    written = os.listdir(os.fsencode(tmp_path / "masks"))
    assert set(written) == {*map(os.fsencode, names), b"\xff\xfe.png"}


def test_what_cannot_be_opened_is_listed_with_its_reason(tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save_image(elsewhere / "secret.png")
    (tmp_path / "a broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (tmp_path / "b text.png").write_text("text")
    (tmp_path / "c link.png").symlink_to(elsewhere / "secret.png")
    (tmp_path / "d gone.png").symlink_to(tmp_path / "gone")
    save_image(tmp_path / "e twice.png")
    save_image(tmp_path / "e twice.jpg")
    (tmp_path / "f.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        listed = page.get("/images")["images"]
        assert len(listed) == 7
        reasons = []
        for one in listed:
            reasons.append(page.send("GET", f"/images/{one['id']}", status=422)["detail"])
            page.operate(one["id"], "stroke", status=422, **{"class": 0}, points=[[5, 5]], radius=2)
            assert page.ask("GET", f"/images/{one['id']}/thumbnail").status == 422
        parts = ("damaged", "is not a PNG", "link out of the folder", "not there")
        parts = (*parts, "rename", "rename", "HEIC")
        for reason, part in zip(reasons, parts, strict=True):
            assert part in reason
        listed = page.get("/images")["images"]
        assert all(one["state"] == "problem" and one["problem"] for one in listed)
    save_image(tmp_path / "a broken.png")
    with opened(tmp_path) as page:
        assert page.get("/images/1")["state"] == "new", "it was put right"


def test_a_state_folder_elsewhere_is_refused(tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save_image(tmp_path / "a.png")
    (tmp_path / ".segfit").symlink_to(elsewhere)
    with pytest.raises(SegfitError, match="leads out of the folder"), opened(tmp_path):
        pass
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (700, 1), (3, 3)])
def test_tiny_images(tmp_path, size):
    save_image(tmp_path / "a.png", width=size[0], height=size[1])
    with opened(tmp_path, looks=True) as page:
        page.name_classes("a", "b")
        detail = page.get("/images/1")
        assert (detail["width"], detail["height"]) == size
        assert page.ask("GET", f"/images/1/tiles/{detail['levels'] - 1}/0/0").status == 200
        assert page.ask("GET", "/images/1/thumbnail").status == 200
        page.operate(1, "fill", **{"class": 1}, x=0.5, y=0.5)
        assert page.get("/images/1")["state"] == "done"
        assert page.get("/images/1/region?x=0.5&y=0.5")["outline"] == []
        page.operate(1, "region", status=422, **{"class": 1}, x=0.5, y=0.5)
        points = [[0, 0], [1, 0], [1, 1]]
        assert page.send("POST", "/images/1/snap", {"points": points})["points"]
        assert page.ask("GET", "/images/1/proposal/0/0/0").status == 204


def test_deep_and_many_channelled_images_say_how_they_are_shown(tmp_path):
    random = np.random.default_rng(0)
    deep = random.integers(0, 4000, (40, 50)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    five = random.integers(0, 255, (5, 40, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "b.tif", five, photometric="minisblack", planarconfig="separate")
    with opened(tmp_path) as page:
        assert "16-bit" in page.get("/images/1")["depth_note"]
        assert "5 " in page.get("/images/2")["depth_note"]
        tile = page.ask("GET", "/images/2/tiles/0/0/0")
        assert tile.status == 200


def test_a_plain_image_has_nothing_to_be_said(tmp_path):
    from segfit.imaging.read import read_stored

    save_image(tmp_path / "a.png")
    shown, note = show_stored(read_stored(tmp_path / "a.png"))
    assert shown.shape == (48, 64, 3)
    assert note == ""


def test_an_image_of_another_size_than_its_labels_is_not_labelled_further(tmp_path):
    save_image(tmp_path / "a.png")
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
    save_image(tmp_path / "a.png", width=80, height=80)
    with opened(tmp_path) as page:
        refused = page.send("GET", "/images/1", status=422)
        assert "64×48 px when it was labelled" in refused["detail"]
        page.operate(1, "stroke", status=422, **{"class": 0}, points=[[5, 5]], radius=2)


def test_a_read_only_folder_is_shown_and_refuses(tmp_path, monkeypatch):
    save_image(tmp_path / "a.png")
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 1}, points=[[5, 5]], radius=2)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(project, "find_why_read_only", lambda folder: "it may not be written to")
    with opened(tmp_path) as page, opened(tmp_path) as second:
        state = page.get("/project")
        assert (state["read_only"], state["why_read_only"]) == (True, "it may not be written to")
        assert (page.labels(1)[..., 0] == 1).any()
        refused = page.operate(1, "erase", status=403, points=[[5, 5]], radius=2)
        assert refused["detail"] == "it may not be written to"
        for method, path, body in (
            ("POST", "/images/1/undo", None),
            ("PUT", "/images/1/state", {"state": "done"}),
            ("PUT", "/classes", {"version": 1, "classes": []}),
        ):
            page.send(method, path, body, status=403)
        assert (second.labels(1)[..., 0] == 1).any()
    assert sorted(tmp_path.rglob("*")) == before


def test_thousands_of_images_are_listed_and_not_opened(tmp_path):
    save_image(tmp_path / "0.png", width=8, height=8)
    data = (tmp_path / "0.png").read_bytes()
    for number in range(1, 5000):
        (tmp_path / f"{number}.png").write_bytes(data)
    began = time.monotonic()
    with opened(tmp_path) as page:
        part = page.get("/images?offset=4900&limit=200")
        assert part["total"] == 5000
        assert len(part["images"]) == 100
        assert part["images"][0]["width"] is None
        assert len(page.get("/images?order=teach")["images"]) == 200
    assert time.monotonic() - began < 20
