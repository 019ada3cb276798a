"""Models, reports, archives and the queue, asked for as a page asks."""

import io
import json
import shutil
import sys
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from segfit import load, report
from segfit.studio.jobs.models import ModelShelf
from studio_client import opened, save_image

CLASSES = [
    {"name": "background", "value": 0},
    {"name": "nucleus", "value": 1, "instances": True},
]


@pytest.fixture
def folder(tmp_path):
    """Four images, of which two have labels: a nucleus each, the upper edge unlabelled."""
    for number, name in enumerate(("a", "b", "deep/c", "d")):
        save_image(tmp_path / f"{name}.png", seed=number)
    labels = np.zeros((48, 64), np.uint8)
    labels[20:40, 10:40] = 1
    for name in ("a", "deep/c"):
        for kind, dtype in (("masks", np.uint8), ("instances", np.uint16)):
            path = tmp_path / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn = labels.astype(dtype)
            if kind == "masks":
                drawn[:4] = 255
            Image.fromarray(drawn).save(path)
    (tmp_path / "classes.json").write_text(
        json.dumps({"classes": CLASSES, "ignore": [255], "orientation": "upright"})
    )
    return tmp_path


@pytest.fixture
def keep(folder, tiny_model):
    """Puts a model of the project onto its shelf, as if it had been trained there."""

    def keep(**about):
        copy = folder / "copy.segfit"
        shutil.copy(tiny_model, copy)
        shelf = ModelShelf(folder / ".segfit" / "models")
        given = {"made": 1.0, "images": 3, "minutes": 1.5, "held_out": ["a", "deep/c"], **about}
        return shelf.take_in(copy, **given)

    return keep


def unpack(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def take(page, **body):
    answer = page.ask("POST", "/takeaway", body)
    return answer.status, answer.body


def test_labels_can_be_taken_away_in_every_format(folder):
    with opened(folder) as page:
        formats = {one["name"] for one in page.get("/takeaway/formats")["formats"]}
        assert {"mask", "overlay", "coco", "instances", "polygons"} <= formats
        assert "probabilities" not in formats
        for name in sorted(formats - {"parquet"}):
            status, body = take(page, images="all", format=name)
            assert status == 200, body
            assert unpack(body), name
        assert not list((folder / ".segfit").glob("takeaway-*"))


def test_what_was_not_labelled_stays_so_in_a_mask(folder):
    with opened(folder) as page:
        _, body = take(page, images="all", format="mask")
    files = {name: data for name, data in unpack(body).items() if name.endswith(".png")}
    assert set(files) == {"labels/a.png", "labels/deep/c.png"}
    mask = np.asarray(Image.open(io.BytesIO(files["labels/a.png"])))
    assert (mask[:4] == 255).all()
    assert {*np.unique(mask[4:]).tolist()} == {0, 1}


def test_some_images_or_those_that_are_done(folder):
    with opened(folder) as page:
        images = {one["name"]: one["id"] for one in page.get("/images")["images"]}
        _, body = take(page, images=[images["deep/c.png"], images["d.png"]], format="json")
        assert len([name for name in unpack(body) if name.endswith(".json")]) == 1
        status, body = take(page, images="done", format="mask")
        assert status == 422
        assert b"none of these images has labels yet" in body
        page.send("PUT", f"/images/{images['a.png']}/state", {"state": "done"})
        _, body = take(page, images="done", format="mask")
        assert [name for name in unpack(body) if name.endswith("a.png")]


def test_an_unknown_format_is_refused(folder):
    with opened(folder) as page:
        status, body = take(page, images="all", format="docx")
    assert status == 422
    assert b"unknown format docx: choose from" in body


def test_commands_that_would_have_done_the_same(folder, keep):
    with opened(folder) as page:
        first = page.get("/takeaway/commands")["commands"]
        assert first[0]["command"].startswith(f"segfit train {folder} -o ")
        keep()
        commands = [one["command"] for one in page.get("/takeaway/commands")["commands"]]
    assert "--minutes 1.5" in commands[0]
    assert str(folder / ".segfit" / "models" / "1.segfit") in commands[1]


def test_models_are_listed_taken_back_downloaded_and_deleted(folder, keep, tiny_model):
    keep()
    keep(images=5)
    with opened(folder) as page:
        assert page.get("/project")["model"] == {"id": 2, "name": "model 2"}
        listed = page.get("/models")["models"]
        assert [(one["id"], one["images"], one["current"]) for one in listed] == [
            (2, 5, True),
            (1, 3, False),
        ]
        assert set(listed[0]["iou"]) == {"background", "nucleus"}
        assert listed[0]["note"] == ""
        page.send("POST", "/models/1/use")
        assert page.get("/project")["model"]["id"] == 1
        answer = page.ask("GET", "/models/1/file")
        assert answer.body == tiny_model.read_bytes()
        page.send("DELETE", "/models/1")
        assert page.get("/project")["model"]["id"] == 2
        page.send("POST", "/models/1/use", status=404)


def test_a_model_that_is_taken_back_proposes_where_a_model_did(folder, keep):
    keep()
    keep()
    with opened(folder) as page:
        proposals = page.studio.proposals
        page.send("POST", "/models/1/use")
        assert proposals.model_id is None, "strokes go on proposing"
        page.send("PUT", "/proposals", {"source": "model", "model": 2})
        page.send("POST", "/models/1/use")
        ends = time.monotonic() + 30
        while proposals.model_id != 1:
            assert time.monotonic() < ends
            time.sleep(0.02)


def test_after_a_training_that_taught_nothing_proposes_who_did_before(folder, keep):
    with opened(folder) as page:
        jobs, proposals = page.studio.jobs, page.studio.proposals
        jobs.follows_training = True
        bad = keep(into_use=False)
        proposals.use_model(bad.id, load(jobs.shelf.path(bad.id)))
        jobs._take_model(bad)
        assert page.get("/project")["source"] == "strokes"
        keep()
        jobs.follows_training = True
        jobs._take_model(keep(into_use=False))
        ends = time.monotonic() + 30
        while proposals.model_id != 2:
            assert time.monotonic() < ends
            time.sleep(0.02)


def test_a_mistake_in_the_background_is_logged(folder, caplog):
    with opened(folder) as page:
        page.studio.run_in_background(len, 5).exception()
    assert "in the background has failed" in caplog.text


def test_a_folder_that_is_read_only_gives_what_it_has(folder, keep, tiny_model, monkeypatch):
    keep()
    monkeypatch.setattr(
        "segfit.studio.project.find_why_read_only", lambda folder: f"{folder} is read-only"
    )
    with opened(folder) as page:
        assert page.get("/project")["model"]["id"] == 1
        assert page.ask("GET", "/models/1/file").body == tiny_model.read_bytes()
        assert page.get("/takeaway/formats")["formats"]
        assert page.get("/takeaway/commands")["commands"]
        status, body = take(page, images="all", format="mask")
        assert status == 200
        assert unpack(body)
        page.send("POST", "/training", {}, status=403)
        page.send("DELETE", "/models/1", status=403)
    assert not (folder / ".segfit" / "jobs").exists()


def test_a_report_on_held_out_images_is_made_once(folder, keep):
    keep()
    keep(images=9)
    with opened(folder) as page:
        ends = time.monotonic() + 300
        while (answer := page.ask("GET", "/judge?model=2&against=1")).status == 202:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert answer.status == 200, answer.body
        assert b"model 2" in answer.body
        assert b"2 images of" in answer.body
        assert b"Label more images and train again" in answer.body
        assert b"--history" not in answer.body
        assert "sandbox" in answer.headers["content-security-policy"]
        assert page.ask("GET", "/judge?model=2&against=1").status == 200
        (made,) = (folder / ".segfit" / "judge").iterdir()
        page.send("GET", "/judge?model=7", status=404)
    assert made.suffix == ".html"


def test_a_report_is_whole_only_when_it_is_written(folder, keep, monkeypatch):
    keep()
    told, measured, write = [], threading.Event(), threading.Event()

    def write_late(content, path, **settings):
        measured.set()
        assert write.wait(60)
        path.write_text("written")

    monkeypatch.setattr(report, "write_report", write_late)
    with opened(folder) as page:
        monkeypatch.setattr(page.studio.jobs.judge, "_tell", lambda *said: told.append(said))
        page.ask("GET", "/judge?model=1")
        assert measured.wait(60)
        answer = page.ask("GET", "/judge?model=1")
        assert answer.status == 202
        assert 0 < json.loads(answer.body)["share"] < 1
        assert all(share < 1 for _, _, share, _ in told)
        write.set()
        ends = time.monotonic() + 60
        while page.ask("GET", "/judge?model=1").status == 202:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert told[-1] == (1, None, 1.0, "")


def test_a_report_without_a_model_or_images_says_what_to_do(folder, keep):
    with opened(folder) as page:
        assert "train one first" in page.send("GET", "/judge", status=422)["detail"]
        keep(held_out=["b"])
        assert "has labels any more" in page.send("GET", "/judge", status=422)["detail"]


def test_a_training_without_enough_labels_says_what_is_missing(folder):
    shutil.rmtree(folder / "masks" / "deep")
    with opened(folder) as page:
        assert page.get("/training")["state"] == "idle"
        refused = page.send("POST", "/training", {}, status=422)
        assert "label a second image" in refused["detail"]
        page.send("POST", "/training/pause", status=422)


def test_a_model_that_was_trained_proposes(folder, tiny_model, tmp_path_factory):
    script = tmp_path_factory.mktemp("program") / "train.py"
    script.write_text(f"import shutil, sys; shutil.copy({str(tiny_model)!r}, sys.argv[4])")
    with opened(folder) as page:
        page.studio.jobs.training._program = (sys.executable, str(script))
        page.studio.jobs.training.start()
        ends = time.monotonic() + 300
        while (project := page.get("/project"))["source"] != "model" or project["model"] is None:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert project["model"] == {"id": 1, "name": "model 1"}
        page.send("PUT", "/proposals", {"source": "strokes", "model": None})
        assert page.get("/project")["source"] == "strokes"
        page.send("PUT", "/proposals", {"source": "model", "model": None})
        assert page.get("/project")["source"] == "model"
        page.send("PUT", "/proposals", {"source": "model", "model": 9}, status=404)
        page.send("DELETE", "/models/1")
        assert page.get("/project")["source"] == "strokes"


def test_images_without_labels_are_ordered_by_what_they_would_teach(folder, keep):
    with opened(folder) as page:
        page.studio.jobs.queue.update()
        shown = page.get("/images?order=teach")["images"]
        assert {one["name"] for one in shown[:2]} == {"b.png", "d.png"}
        assert shown[0]["worth"] > shown[1]["worth"]
        assert [one["worth"] for one in shown[2:]] == [None, None]
        keep()
        page.studio.jobs.queue.update()
        looks = page.studio.database.reader.execute("SELECT * FROM looks").fetchall()
        assert len(looks) == 4
        assert all(0 <= row["unsureness"] <= 1 for row in looks)
