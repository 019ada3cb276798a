"""The API as pages use it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading

import cv2
import numpy as np
import pytest

from segfit.studio.events import WAITING_EVENTS, Events
from segfit.studio.images import pixels
from segfit.studio.images.tiles import count_levels
from studio_client import Page, opened, save_image


@pytest.fixture
def folder(tmp_path):
    save_image(tmp_path / "a.png", width=1300, height=700)
    save_image(tmp_path / "b.png")
    return tmp_path


@pytest.fixture
def page(folder):
    with opened(folder) as page:
        page.name_classes("ground", {"name": "thing", "has_objects": True})
        yield page


def stroke(page, image=1, y=20.0, number=0, **more):
    points = [[10, y], [30, y]]
    return page.operate(image, "stroke", **{"class": number}, points=points, radius=3, **more)


def test_project_and_classes(page):
    project = page.get("/project")
    assert (project["images"], project["done"], project["read_only"]) == (2, 0, False)
    assert [one["index"] for one in project["classes"]] == [0, 1]
    stroke(page, number=1)
    (_, thing) = page.get("/project")["classes"]
    assert thing["pixels"] > 100
    assert thing["objects"] == 1
    version = page.get("/project")["classes_version"]
    only = {"version": version, "classes": [{"index": 0, "name": "ground"}]}
    assert "has labels" in page.send("PUT", "/classes", only, status=422)["detail"]
    page.send("PUT", "/classes", {**only, "version": version - 1}, status=409)
    page.send("PUT", "/classes", {**only, "drop_labels": True})
    assert page.labels(1) is None
    page.name_classes({"index": 0, "name": "ground"}, "new")
    assert [one["index"] for one in page.get("/project")["classes"]] == [0, 2], "never 1 again"
    page.send("POST", "/images/1/undo")
    assert page.labels(1) is None, "a class that is gone does not come back by undo"


@pytest.mark.parametrize(
    "classes",
    [
        [{"name": " "}],
        [{"name": "a"}, {"name": "a"}],
        [{"name": "a", "color": "red"}],
        [{"name": "a", "key": "1"}, {"name": "b", "key": "1"}],
        [{"name": "a", "index": 9}],
        [{"name": "a\nb"}],
    ],
)
def test_classes_that_cannot_be_are_refused(page, classes):
    version = page.get("/project")["classes_version"]
    page.send("PUT", "/classes", {"version": version, "classes": classes}, status=422)
    assert page.get("/project")["classes_version"] == version


def test_labels_stay_where_the_classes_that_would_drop_them_are_refused(page):
    stroke(page)
    version = page.get("/project")["classes_version"]
    given = {"version": version, "classes": [{"name": "c"}, {"name": "c"}], "drop_labels": True}
    page.send("PUT", "/classes", given, status=422)
    assert page.labels(1) is not None


def test_a_revision_that_no_database_holds_is_refused(page):
    stroke(page, rev=2**53)
    stroke(page, rev=2**63, status=422)


def test_who_did_it_is_in_the_journal(page):
    answer = page.ask("PUT", "/me", {"name": "Zoë ✓"})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    other = Page(page.studio, cookie=cookie)
    assert other.get("/project")["me"] == "Zoë ✓"
    stroke(other)
    rows = page.studio.database.reader.execute("SELECT who, kind, params FROM journal").fetchall()
    assert [tuple(row)[:2] for row in rows] == [("Zoë ✓", "stroke")]
    assert json.loads(rows[0]["params"])["radius"] == 3


def test_whoever_undoes_the_work_of_others_is_told(page):
    ann, ben = (Page(page.studio, cookie=f"segfit_name={name}") for name in ("Ann", "Ben"))
    stroke(ben, y=20.0)
    stroke(ann, y=40.0)
    assert ann.send("POST", "/images/1/undo")["message"] is None
    assert "by Ben. Redo" in ann.send("POST", "/images/1/undo")["message"]
    assert ann.send("POST", "/images/1/undo")["message"] is None, "there is nothing to undo"
    assert ann.send("POST", "/images/1/redo")["message"] is None
    stroke(page, y=40.0)
    message = ben.send("POST", "/images/1/undo")["message"]
    assert message is None, "they may have given their name since"


def test_undo_and_redo_go_on_after_a_reload(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
        for y in (10, 20, 30):
            stroke(page, y=y)
        page.send("POST", "/images/1/undo")
        rev = page.get("/images/1")["rev"]
    with opened(folder) as page:
        detail = page.get("/images/1")
        assert (detail["rev"], detail["can_undo"], detail["can_redo"]) == (rev, True, True)
        assert page.send("POST", "/images/1/redo")["can_redo"] is False
        for _ in range(3):
            assert page.labels(1) is not None
            answer = page.send("POST", "/images/1/undo")
        assert answer["can_undo"] is False
        assert page.labels(1) is None
        assert page.send("POST", "/images/1/undo")["dirty"] is None
        stroke(page, y=50)
        assert page.send("POST", "/images/1/redo")["dirty"] is None


def test_a_group_is_undone_in_one_go_and_a_repeated_request_is_answered_again(page):
    stroke(page, y=10)
    for y in (20, 30, 40):
        stroke(page, y=y, group="g")
    first = stroke(page, y=60, id="once")
    assert stroke(page, y=60, id="once") == first
    page.send("POST", "/images/1/undo", {"id": "u"})
    page.send("POST", "/images/1/undo", {"id": "u"})
    page.send("POST", "/images/1/undo", {"id": "v"})
    rows = np.flatnonzero((page.labels(1)[..., 0] == 0).any(axis=1))
    assert rows.max() < 15
    page.send("POST", "/images/1/redo")
    rows = np.flatnonzero((page.labels(1)[..., 0] == 0).any(axis=1))
    assert 40 < rows.max() < 45


def test_two_people_meet_only_where_both_changed_something(page):
    stroke(page, y=20, rev=0, client="one")
    stroke(page, y=60, rev=0, client="two")
    conflict = stroke(page, y=22, rev=0, client="two", status=409)
    assert conflict["rev"] == 2
    assert conflict["dirty"][1] < 22 < conflict["dirty"][3]
    stroke(page, y=22, rev=0, client="one")
    stroke(page, y=24, rev=3, client="two")
    assert page.get("/images/1")["rev"] == 4


def test_strokes_from_many_threads_are_all_there(page):
    def draw(number):
        for y in range(5):
            stroke(page, y=20 + 100 * number + 10 * y)

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert page.get("/images/1")["rev"] == 25
    for _ in range(25):
        page.send("POST", "/images/1/undo")
    assert page.labels(1) is None


def test_tiles_of_all_levels_fit_together(page, folder):
    run = page.get("/images/1")["run"]
    detail = page.get("/images/1")
    assert (detail["width"], detail["height"], detail["levels"], detail["tile"]) == (
        1300,
        700,
        3,
        512,
    )
    assert count_levels(1, 1) == 1
    sizes = {}
    for level, x, y in ((0, 0, 0), (0, 2, 1), (1, 1, 0), (2, 0, 0)):
        answer = page.ask("GET", f"/images/1/tiles/{level}/{x}/{y}?run={run}")
        assert "immutable" in answer.headers["cache-control"]
        tile = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
        sizes[level, x, y] = tile.shape[1::-1]
    assert sizes == {
        (0, 0, 0): (512, 512),
        (0, 2, 1): (276, 188),
        (1, 1, 0): (138, 350),
        (2, 0, 0): (325, 175),
    }
    for path in ("tiles/3/0/0", "tiles/0/3/0", "labels/0/0/2", "tiles/-1/0/0"):
        assert page.ask("GET", f"/images/1/{path}").status in (404, 422)
    whole = [[0, 0], [1300, 0], [1300, 700], [0, 700]]
    page.operate(1, "polygon", **{"class": 0}, points=whole)
    assert page.get("/images/1")["state"] == "done"
    for level, size in ((0, (512, 512)), (1, (350, 512)), (2, (175, 325))):
        assert page.labels(1, level).shape[:2] == size
        assert (page.labels(1, level)[..., 0] == 0).all()


def test_a_thin_stroke_is_seen_from_afar(tmp_path):
    save_image(tmp_path / "wide.png", width=9000, height=40)
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 1}, points=[[3000, 20], [3500, 20]], radius=0.5)
        for level in range(page.get("/images/1")["levels"]):
            x = (3200 >> level) // 512
            tile = page.labels(1, level, x)
            assert (tile[..., 0] == 1).any(), level
            columns = np.flatnonzero((tile[..., 0] == 1).any(axis=0)) + 512 * x
            assert abs(columns.max() - min(3500 >> level, 512 * x + 511)) <= 2, level


def test_label_tiles_are_kept_by_their_revision(page):
    stroke(page)
    address = f"/images/1/labels/0/0/0?rev=1&run={page.get('/images/1')['run']}"
    fresh = page.ask("GET", address)
    assert "immutable" in fresh.headers["cache-control"]
    stroke(page, y=50)
    old = page.ask("GET", address)
    assert (old.headers["cache-control"], old.headers["x-revision"]) == ("no-store", "2")


def test_another_folder_at_the_same_address_is_not_taken_for_this_one(page, tmp_path_factory):
    stroke(page)
    run = page.get("/images/1")["run"]
    folder = tmp_path_factory.mktemp("other")
    save_image(folder / "a.png", width=1300, height=700)
    with opened(folder) as other:
        other.name_classes("ground")
        stroke(other)
        assert other.get("/images/1")["run"] != run
        for path in ("tiles/0/0/0?", "labels/0/0/0?rev=1&"):
            for query in ("", f"run={run}"):
                answer = other.ask("GET", f"/images/1/{path}{query}")
                assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")


def test_states(page):
    assert [one["state"] for one in page.get("/images")["images"]] == ["new", "new"]
    stroke(page)
    assert page.send("PUT", "/images/1/state", {"state": "done"})["state"] == "done"
    assert page.get("/project")["done"] == 1
    assert stroke(page, y=40)["state"] == "done"
    assert page.send("PUT", "/images/1/state", {"state": "corrected"})["state"] == "corrected"


def test_what_is_under_the_pointer(page):
    stroke(page, number=1)
    found = page.get("/images/1/point?x=20&y=20")
    assert found["label"] == {"class": 1, "origin": "hand", "object": 1}
    assert found["object"]["area_px"] > 100
    assert page.get("/images/1/point?x=-5&y=20") == {
        "label": None,
        "proposal": None,
        "object": None,
    }


def test_a_full_disk_refuses_a_stroke_and_loses_nothing(page):
    stroke(page)
    before = page.labels(1)
    database = page.studio.database
    used = database.reader.execute("PRAGMA page_count").fetchone()[0]
    with database.write() as writer:
        writer.execute("SELECT 1")
    database._writer.execute(f"PRAGMA max_page_count = {used}")
    noise = np.random.default_rng(0).integers(0, 500, (4000, 2)).tolist()
    refused = page.operate(1, "stroke", **{"class": 1}, points=noise, radius=1, status=507)
    assert "full" in refused["detail"]
    assert (page.labels(1) == before).all()
    assert page.get("/images/1")["rev"] == 1
    database._writer.execute("PRAGMA max_page_count = 1000000")
    assert page.operate(1, "stroke", **{"class": 1}, points=noise, radius=1)["rev"] == 2


def test_a_database_of_a_newer_segfit_is_left_alone(folder):
    with opened(folder):
        pass
    connection = sqlite3.connect(folder / ".segfit/studio.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match="newer segfit"), opened(folder):
        pass
    with pytest.raises(ValueError, match="newer segfit"), opened(folder):
        pass


def test_a_large_image_is_kept_on_the_disk(folder, monkeypatch):
    monkeypatch.setattr(pixels.PixelStore.__init__, "__kwdefaults__", {"in_memory_px": 1000})
    with opened(folder) as page:
        opened_image = page.studio.open_image(1)
        assert opened_image.memory_bytes == 0
        assert len(opened_image.levels) == 3
        answer = page.ask("GET", "/images/1/tiles/1/0/0")
        assert answer.status == 200
        assert (folder / ".segfit/tiles/1/0.npy").is_file()
    assert not (folder / ".segfit/tiles").exists()


def test_halves_in_strips_are_halves_of_the_whole(monkeypatch):
    image = np.random.default_rng(0).integers(0, 255, (301, 77, 3)).astype(np.uint8)
    whole = pixels.halve_image(image)
    monkeypatch.setattr(pixels, "STRIP_PX", 20)
    assert (pixels.halve_image(image) == whole).all()
    assert abs(whole[0, 0, 0] - image[:2, :2, 0].mean()) <= 0.5
    assert whole[-1, -1].tolist() == image[-1, -1].tolist()


def test_events_reach_all_who_listen_and_who_lags_is_let_go():
    async def listen():
        events = Events()
        first, second = events.listen(), events.listen()
        events.publish("image", {"id": 1})
        assert await first.get() == 'event: image\ndata: {"id": 1}\n\n'
        assert await second.get() == 'event: image\ndata: {"id": 1}\n\n'
        for number in range(WAITING_EVENTS + 5):
            events.publish("image", {"id": number})
        await asyncio.sleep(0.05)
        found = []
        while not first.empty():
            found.append(first.get_nowait())
        assert None in found
        events.close()

    asyncio.run(listen())
