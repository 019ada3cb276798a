from __future__ import annotations

import json
import time

import cv2
import numpy as np
import pytest

from segfit.datasets.opening import open_labelled
from segfit.studio.folder import label_files
from studio_client import opened, save_image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(label_files, "LOOK_S", 0.1)
    monkeypatch.setattr(label_files, "PAUSE_S", 0.1)
    for number in range(3):
        save_image(tmp_path / f"{number}.png", seed=number)
    return tmp_path


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def write(path, values):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())


def wait_for(condition, seconds=8.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def square(x, y, side):
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


def test_labels_are_files_that_training_reads(folder):
    with opened(folder) as page:
        page.name_classes("background", {"name": "cell", "has_objects": True})
        for image in (1, 2):
            whole = [[0, 0], [64, 0], [64, 48], [0, 48]]
            page.operate(image, "polygon", **{"class": 0}, points=whole)
            page.operate(image, "polygon", **{"class": 1}, points=square(10, 10, 8))
            page.operate(image, "polygon", **{"class": 1}, points=square(18, 10, 8))
        page.studio.write_files()
        mask, objects = read(folder / "masks/0.png"), read(folder / "instances/0.png")
    assert mask.dtype == np.uint8
    assert objects.dtype == np.uint16
    assert (mask == 1).sum() == 128
    assert np.unique(objects).tolist() == [0, 1, 2]
    data = open_labelled(folder, hold_out=False)
    assert data.classes.names == ("background", "cell")
    assert data.classes.background == 0
    assert data.classes.object_classes == (1,)
    first = data.splits["train"][0]
    assert (first.labels == mask).all()
    assert np.unique(first.objects).tolist() == [0, 1, 2]


def tell_apart(page, *names):
    """Say of which classes single objects are told apart."""
    project = page.get("/project")
    kept = [{key: one[key] for key in ("index", "name", "color")} for one in project["classes"]]
    given = [{**one, "has_objects": one["name"] in names} for one in kept]
    page.send("PUT", "/classes", {"version": project["classes_version"], "classes": given})


def count_objects(page):
    return [one["objects"] for one in page.get("/project")["classes"]]


def test_regions_become_objects_when_a_class_is_to_have_some(folder):
    with opened(folder) as page:
        page.name_classes("background", "cell")
        for x in (0, 20):
            page.operate(1, "polygon", **{"class": 1}, points=square(x, 10, 8))
        tell_apart(page, "cell")
        assert count_objects(page) == [0, 2]
        page.operate(1, "stroke", **{"class": 1}, points=[[4, 14], [4, 30]], radius=1)
        assert count_objects(page) == [0, 2], "it goes on with the first"
        page.studio.write_files()
        assert np.unique(read(folder / "instances/0.png")).tolist() == [0, 1, 2]
        tell_apart(page)
        tell_apart(page, "cell")
        assert count_objects(page) == [0, 2], "the same as before"
        path = folder / "classes.json"
        path.write_text(path.read_text().replace("true", "false"))
        wait_for(lambda: not page.get("/project")["classes"][1]["has_objects"])
        page.operate(2, "polygon", **{"class": 1}, points=square(0, 10, 8))
        path.write_text(path.read_text().replace('"instances": false', '"instances": true', 2))
        wait_for(lambda: count_objects(page) == [0, 3])


def test_objects_that_no_file_numbers_are_connected_regions(folder):
    values = np.full((48, 64), 255, np.uint8)
    values[5:10, 5:10] = values[20:30, 20:30] = 1
    values[40:] = 0
    write(folder / "masks/0.png", values)
    spec = [{"name": "ground", "value": 0}, {"name": "cell", "value": 1, "instances": True}]
    (folder / "classes.json").write_text(json.dumps({"classes": spec}))
    with opened(folder) as page:
        page.get("/images/1")
        assert count_objects(page) == [0, 2]


def test_what_another_program_gives_to_a_class_without_objects_is_none(folder):
    with opened(folder) as page:
        page.name_classes("ground", {"name": "cell", "has_objects": True})
        page.operate(1, "polygon", **{"class": 1}, points=square(10, 10, 20))
        page.studio.write_files()
        mask = read(folder / "masks/0.png")
        mask[10:20, 10:30] = 0
        write(folder / "masks/0.png", mask)
        page.get("/images/1")
        labels = page.labels(1)
    assert labels[15, 15].tolist() == [0, 2, 0]
    assert labels[25, 15].tolist() == [1, 2, 2]


def test_files_follow_where_unlabelled_pixels_have_another_value(folder):
    path = folder / "classes.json"
    with opened(folder) as page:
        page.name_classes("ground", "cell")
        for image in (1, 2):
            page.operate(image, "polygon", **{"class": image - 1}, points=square(10, 10, 8))
        page.studio.write_files()
        assert np.unique(read(folder / "masks/0.png")).tolist() == [0, 255]
    spec = json.loads(path.read_text())
    spec["classes"].append({"name": "bright", "value": 255})
    path.write_text(json.dumps({"classes": spec["classes"]}))
    with opened(folder) as page:
        wait_for(lambda: np.unique(read(folder / "masks/0.png")).tolist() == [0, 254])
        wait_for(lambda: np.unique(read(folder / "masks/1.png")).tolist() == [1, 254])
        assert len(page.get("/project")["classes"]) == 3
        page.name_classes({"index": 0, "name": "ground"}, {"index": 1, "name": "cell"})
        wait_for(lambda: np.unique(read(folder / "masks/0.png")).tolist() == [0, 255])
        page.studio.write_files()
        data = open_labelled(folder, hold_out=False)
        assert np.unique(data.splits["train"][1].labels).tolist() == [1, 255]


def test_files_appear_by_themselves_and_go_with_the_last_label(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        wait_for((folder / "masks/0.png").is_file)
        assert 255 in read(folder / "masks/0.png")
        page.send("POST", "/images/1/undo")
        wait_for(lambda: not (folder / "masks/0.png").exists())


def test_labels_that_lie_there_are_shown_and_not_undone(folder):
    write(folder / "masks/1.png", np.full((48, 64), 7, np.uint8))
    content = {"classes": [{"name": "x", "value": 3}, {"name": "y", "value": 7}]}
    (folder / "classes.json").write_text(json.dumps(content))
    before = (folder / "classes.json").read_bytes()
    with opened(folder) as page:
        listed = page.get("/images")["images"]
        assert [one["state"] for one in listed] == ["new", "corrected", "new"]
        assert [one["name"] for one in page.get("/project")["classes"]] == ["x", "y"]
        detail = page.get("/images/2")
        assert (detail["state"], detail["can_undo"]) == ("done", False)
        assert (page.labels(2)[..., :2] == (1, 2)).all()
        page.operate(2, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        page.studio.write_files()
    assert np.unique(read(folder / "masks/1.png")).tolist() == [3, 7]
    assert (folder / "classes.json").read_bytes() == before


def test_binary_masks_without_a_class_file_keep_their_values(folder):
    values = np.zeros((48, 64), np.uint8)
    values[10:30, 10:30] = 255
    for number in range(3):
        write(folder / f"masks/{number}.png", values)
    with opened(folder) as page:
        assert len(page.get("/project")["classes"]) == 2
        page.get("/images/1")
        page.operate(1, "erase", points=[[2, 2]], radius=1)
        page.studio.write_files()
    written = read(folder / "masks/0.png")
    assert np.unique(written).tolist() == [0, 254, 255]
    assert ((written == 255) == (values == 255)).all()


def test_color_masks_are_shown_and_not_changed(folder):
    colors = np.zeros((48, 64, 3), np.uint8)
    colors[:24], colors[24:] = (0, 0, 255), (255, 0, 0)
    for number in range(3):
        write(folder / f"masks/{number}.png", colors)
    before = (folder / "masks/0.png").read_bytes()
    with opened(folder) as page:
        project = page.get("/project")
        assert project["read_only"]
        assert "not changed" in project["why_read_only"]
        page.get("/images/1")
        assert len(np.unique(page.labels(1)[..., 0])) == 2
        page.operate(1, "erase", points=[[2, 2]], radius=1, status=403)
    assert (folder / "masks/0.png").read_bytes() == before


def test_what_another_program_changed_is_read(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        page.studio.write_files()
        values = read(folder / "masks/0.png")
        values[40:, 40:] = 1
        write(folder / "masks/0.png", values)
        wait_for(lambda: page.get("/images/1")["rev"] == 2)
        tile = page.labels(1)
        assert (tile[40:, 40:, 0] == 1).all()
        assert tile[5, 5, 0] == 0
        page.send("POST", "/images/1/undo")
        assert (page.labels(1)[40:, 40:, 0] == 255).all()


def test_a_mask_that_does_not_fit_is_left_alone(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        page.studio.write_files()
        wrong = np.zeros((20, 20), np.uint8)
        write(folder / "masks/0.png", wrong)
        assert "20×20" in page.get("/images/1")["problem"]
        page.operate(1, "stroke", **{"class": 0}, points=[[25, 25]], radius=2)
        with pytest.raises(Exception, match="20×20"):
            page.studio.write_files()
        assert read(folder / "masks/0.png").shape == (20, 20)
        assert any("20×20" in note for note in page.get("/project")["notes"])
        (folder / "masks/0.png").unlink()
        page.studio.write_files()
        assert read(folder / "masks/0.png").shape == (48, 64)
        assert page.get("/project")["notes"] == []


@pytest.mark.parametrize("kind", ["masks", "instances"])
def test_a_file_that_is_put_back_as_it_was_is_no_problem_any_more(folder, kind):
    with opened(folder) as page:
        page.name_classes("a", {"name": "b", "has_objects": True})
        page.operate(1, "stroke", **{"class": 1}, points=[[5, 5]], radius=2)
        page.studio.write_files()
        path = folder / kind / "0.png"
        before = path.read_bytes()
        write(path, np.zeros((20, 20), np.uint8))
        assert "20×20" in page.get("/images/1")["problem"]
        page.operate(1, "stroke", **{"class": 0}, points=[[25, 25]], radius=2)
        path.write_bytes(before)
        wait_for(lambda: page.get("/images")["images"][0]["problem"] is None)
        wait_for(lambda: read(folder / "masks/0.png")[25, 25] == 0)


def test_what_was_drawn_while_a_file_was_wrong_is_written_when_it_is_gone(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        page.studio.write_files()
        path = folder / "masks/0.png"
        write(path, np.zeros((20, 20), np.uint8))
        assert "20×20" in page.get("/images/1")["problem"]
        page.operate(1, "stroke", **{"class": 0}, points=[[25, 25]], radius=2)
        with pytest.raises(Exception, match="20×20"):
            page.studio.write_files()
        path.unlink()
        wait_for(path.is_file)


def test_links_out_of_the_folder_are_not_read(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "0.png", np.zeros((48, 64), np.uint8))
    (elsewhere / "classes.json").write_text('{"classes": [{"name": "other", "value": 0}]}')
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.studio.write_files()
        (folder / "masks").mkdir(exist_ok=True)
        (folder / "masks/0.png").symlink_to(elsewhere / "0.png")
        (folder / "classes.json").unlink()
        (folder / "classes.json").symlink_to(elsewhere / "classes.json")
        assert "leads out of the folder" in page.get("/images/1")["problem"]
        assert page.labels(1) is None
        wait_for(lambda: any("classes.json leads out" in n for n in page.get("/project")["notes"]))
        assert [one["name"] for one in page.get("/project")["classes"]] == ["a", "b"]


def test_a_class_file_with_a_mistake_is_kept_and_said(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        (folder / "classes.json").write_text("{ oh no")
        page.name_classes({"index": 0, "name": "A"}, {"index": 1, "name": "b"})
        assert (folder / "classes.json").read_text() == "{ oh no"
        assert "classes.json" in page.get("/project")["notes"][0]
        twice = {"classes": [{"name": "A", "value": 0}, {"name": "A", "value": 1}]}
        (folder / "classes.json").write_text(json.dumps(twice))
        wait_for(lambda: "two classes are called A" in page.get("/project")["notes"][0])
        assert "classes.json" in page.get("/project")["notes"][0]
        content = {"classes": [{"name": "new", "value": 0}, {"name": "b", "value": 1}]}
        (folder / "classes.json").write_text(json.dumps(content))
        wait_for(lambda: page.get("/project")["notes"] == [])
        assert [one["name"] for one in page.get("/project")["classes"]] == ["new", "b"]


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "masks").symlink_to(elsewhere)
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        with pytest.raises(Exception, match="leads out of the folder"):
            page.studio.write_files()
    assert list(elsewhere.iterdir()) == []


def test_what_was_not_written_is_written_when_next_opened(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
    (folder / "masks/0.png").unlink()
    with opened(folder) as page:
        page.operate(1, "stroke", **{"class": 1}, points=[[5, 25]], radius=2)
        wait_for((folder / "masks/0.png").is_file)
    assert np.unique(read(folder / "masks/0.png")).tolist() == [0, 1, 255]
