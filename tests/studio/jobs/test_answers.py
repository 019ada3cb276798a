"""A model's answers, found in the background and taken away as one archive."""

import io
import shutil
import threading
import time
import zipfile

import pytest

from segfit.segmenter import Segmenter
from segfit.studio.jobs.models import ModelShelf
from studio_client import opened, save_image


@pytest.fixture
def folder(tmp_path):
    """Three images, one of them in a folder of its own."""
    for number, name in enumerate(("a", "deep/b", "c")):
        save_image(tmp_path / f"{name}.png", seed=number)
    return tmp_path


@pytest.fixture
def keep(folder, tiny_model):
    """Puts a model of the project onto its shelf, as if it had been trained there."""

    def keep():
        copy = folder / "copy.segfit"
        shutil.copy(tiny_model, copy)
        shelf = ModelShelf(folder / ".segfit" / "models")
        return shelf.take_in(copy, made=1.0, images=3, minutes=1.5)

    return keep


@pytest.fixture
def hold(monkeypatch):
    """The model waits for this before it answers."""
    held = threading.Event()
    answer = Segmenter.__call__

    def wait(self, *given, **more):
        assert held.wait(60)
        return answer(self, *given, **more)

    monkeypatch.setattr(Segmenter, "__call__", wait)
    return held


def wait_for(page, *states):
    end = time.monotonic() + 60
    while (told := page.get("/takeaway/answers"))["state"] not in states:
        assert time.monotonic() < end, told
        time.sleep(0.02)
    return told


def fetch(page):
    answer = page.ask("GET", "/takeaway/answers/file")
    assert answer.status == 200, answer.body
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        return set(archive.namelist())


def test_a_model_answers_for_all_for_some_and_for_those_without_labels(folder, keep):
    keep()
    with opened(folder) as page:
        page.name_classes("background", "nucleus")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        assert page.get("/takeaway/answers")["state"] == "none"
        offered = page.get("/takeaway/formats")
        names = {one["name"] for one in offered["answers"]}
        assert {one["name"] for one in offered["formats"]} < names, "and what needs probabilities"
        expected = {
            "unlabelled": {"results/c.png", "results/deep/b.png"},
            "all": {"results/a.png", "results/c.png", "results/deep/b.png"},
        }
        for images, wanted in expected.items():
            page.send("POST", "/takeaway/answers", {"images": images, "format": "mask"})
            told = wait_for(page, "ready")
            assert (told["done"], told["share"], told["problem"]) == (len(wanted), 1.0, "")
            assert wanted <= fetch(page)
        page.send("POST", "/takeaway/answers", {"images": [2], "format": "json", "model": 1})
        wait_for(page, "ready")
        assert [name for name in fetch(page) if name.endswith(".json")] == ["results/c.json"]
        assert page.send("DELETE", "/takeaway/answers")["state"] == "none"
        page.send("GET", "/takeaway/answers/file", status=422)
    assert not (folder / ".segfit" / "answers").exists()


def test_one_at_a_time_and_it_can_be_stopped(folder, keep, hold, monkeypatch):
    keep()
    told = []
    monkeypatch.setattr(
        "segfit.studio.events.Events.publish",
        lambda self, event, data: told.append(data["state"]) if event == "answers" else None,
    )
    with opened(folder) as page:
        asked = {"images": "all", "format": "mask"}
        assert page.send("POST", "/takeaway/answers", asked)["state"] == "working"
        refused = page.send("POST", "/takeaway/answers", asked, status=422)
        assert "answering already" in refused["detail"]
        page.send("GET", "/takeaway/answers/file", status=422)
        page.studio.jobs.answers._stopping.set()
        hold.set()
        assert wait_for(page, "failed")["problem"] == "it was stopped"
        page.send("POST", "/takeaway/answers", asked)
        wait_for(page, "ready")
    assert told[-1] == "ready"
    assert "failed" in told


def test_an_image_that_fails_is_left_out_and_said(folder, keep):
    keep()
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    with opened(folder) as page:
        page.send("POST", "/takeaway/answers", {"images": "all", "format": "mask"})
        told = wait_for(page, "ready")
        assert (told["images"], told["done"], told["failed"]) == (4, 4, 1)
        assert told["problem"].startswith("1 image left out: ")
        page.send("POST", "/takeaway/answers", {"images": [1], "format": "mask"})
        broken = {one["name"]: one["id"] for one in page.get("/images")["images"]}["broken.png"]
        wait_for(page, "ready")
        page.send("POST", "/takeaway/answers", {"images": [broken], "format": "mask"})
        assert "broken.png" in wait_for(page, "failed")["problem"]


def test_what_cannot_be_is_refused_with_what_to_do(folder, keep):
    asked = {"images": "all", "format": "mask"}
    with opened(folder) as page:
        page.name_classes("background", "nucleus")
        refused = page.send("POST", "/takeaway/answers", asked, status=422)
        assert "train one first" in refused["detail"]
        assert page.get("/takeaway/formats")["answers"] == []
        keep()
        for body, said in (
            ({**asked, "format": "docx"}, "unknown format docx: choose from"),
            ({**asked, "images": [99]}, "there is no such image"),
        ):
            assert said in page.send("POST", "/takeaway/answers", body, status=422)["detail"]
        page.send("POST", "/takeaway/answers", {**asked, "model": 7}, status=404)
