"""The real page in a real Chromium, on a folder of two small images."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromium import leave_out, playwright
from studio_server import TOKEN, User, running_studio
from studio_visitor import HEIGHT, RADIUS, WIDTH, draw_images

AXE = (
    Path(__file__).resolve().parents[2]
    / "src/segfit/studio/web/source/node_modules/axe-core/axe.min.js"
)


def test_the_first_visit_has_three_sentences_and_two_classes(person) -> None:
    person.open()
    playwright.expect(person.find("welcome").locator("p")).to_have_count(3)
    assert [entry["name"] for entry in person.ask("/project")["classes"]] == [
        "background",
        "object",
    ]
    assert person.find("ask-name").count() == 0


def test_a_stroke_is_a_label_and_undone_after_a_reload(person) -> None:
    person.open()
    before = person.count_pixels()
    person.draw([(130, 120), (190, 120)])
    person.settle()
    assert person.count_pixels() >= before + 60 * 10
    person.find("welcome").wait_for(state="detached")
    person.expect("status-here").to_contain_text("drawn by hand")
    person.page.reload()
    person.settle()
    person.press("Control+z")
    person.wait_for(lambda: person.count_pixels() == before)
    person.find("redo").click()
    person.wait_for(lambda: person.count_pixels() > before)
    person.find("undo").click()
    person.wait_for(lambda: person.count_pixels() == before)


def test_long_strokes_leave_in_pieces_of_one_group(person) -> None:
    person.open()
    sent = person.catch_operations()
    person.point(40, 40)
    person.page.mouse.down()
    for x in range(50, 250, 10):
        person.point(x, 60)
        person.page.wait_for_timeout(60)
    assert len(sent) >= 1, "a second of drawing is not yet with the server"
    person.page.mouse.up()
    person.settle()
    assert len({each["group"] for each in sent}) == 1
    assert sent[1]["points"][0] == sent[0]["points"][-1]


def test_every_tool_sends_its_operation(person) -> None:
    person.open()
    sent = person.catch_operations()
    person.page.route("**/snap", lambda route: route.fulfill(status=422, json={"detail": "no"}))
    person.press("2", "b")
    person.draw([(100, 100), (120, 100)])
    person.press("e")
    person.draw([(100, 100), (120, 100)])
    person.press("r")
    person.click(160, 120)
    person.press("t")
    person.draw([(90, 50), (230, 190)])
    person.press("o")
    for corner in ((100, 60), (220, 60), (160, 180)):
        person.click(*corner)
    person.press("Enter")
    person.press("f")
    person.click(10, 10)
    for key in "hkj":
        person.press(key)
        person.draw([(100, 100), (140, 140), (100, 140)])
    for key in "xcs":
        person.press(key)
        person.click(160, 120)
    person.wait_for(lambda: len(sent) == 12)
    kinds = ["stroke", "erase", "region", "rectangle", "polygon", "fill", "hole", "split", "merge"]
    assert [each["kind"] for each in sent] == [*kinds, "delete", "change", "smooth"]
    assert sent[3]["box"] == pytest.approx([90, 50, 230, 190], abs=1)
    assert [round(value) for point in sent[4]["points"] for value in point] == pytest.approx(
        [100, 60, 220, 60, 160, 180], abs=1
    )
    assert all(each.get("class", 1) == 1 for each in sent)
    assert len({each["id"] for each in sent}) == 12


def test_everything_is_drawn_by_the_keys(person) -> None:
    person.open()
    before = person.count_pixels()
    person.find("stage").focus()
    person.press("b", "2", "ArrowRight")  # the cursor appears in the middle
    person.press("Space", *["ArrowRight"] * 5, "Space")
    person.settle()
    assert person.count_pixels() > before
    person.press("Control+z")
    person.wait_for(lambda: person.count_pixels() == before)
    person.press("?")
    person.find("help-dialog").wait_for()
    person.press("Escape")
    person.find("help-dialog").wait_for(state="detached")
    person.press("PageUp")
    person.expect("image-name").not_to_contain_text("disc.png")


def test_two_strokes_are_a_proposal_and_a_key_accepts_it(person) -> None:
    person.open()
    before = person.count_pixels()
    person.press("1", "b")
    person.draw([(20, 20), (300, 20)])
    person.press("2")
    person.draw([(130, 120), (190, 120)])
    person.wait_for(lambda: int(person.see("proposal")) > 0)
    person.settle()
    person.point(160, 90)
    person.expect("status-here").to_contain_text("proposed")
    person.find("accept").click()
    person.find("accept-confidence").focus()
    person.press("Escape", "a")
    disc = np.pi * RADIUS**2
    person.wait_for(lambda: 0.8 * disc < person.count_pixels() - before < 2 * disc)
    person.undo(3)
    assert person.count_pixels() == before


def test_a_proposal_that_comes_while_its_image_is_opened_is_shown(person, server) -> None:
    person.open()
    person.press("1", "b")
    person.draw([(20, 20), (300, 20)])
    person.press("2")
    person.draw([(130, 120), (190, 120)])
    person.settle()
    other = next(one for one in person.ask("/images")["images"] if one["name"] != "disc.png")
    address = f"/images/{other['id']}"
    user = User(server)

    def answer_late(route: Any) -> None:
        answer = route.fetch()
        while user.get(address)["proposal_rev"] == 0:
            time.sleep(0.05)
        time.sleep(0.3)  # the page hears of it
        route.fulfill(response=answer, json={**answer.json(), "proposal_rev": 0})

    person.page.route(f"**/api{address}", answer_late)
    person.choose(other["name"])
    person.wait_for(lambda: int(person.see("proposal")) > 0)
    person.expect("accept").to_be_enabled()
    person.page.unroute(f"**/api{address}")
    person.choose("disc.png")
    person.undo(2)


def test_the_strip_lies_below_when_a_tablet_is_turned(person) -> None:
    person.open()
    last = person.find("film-list").locator("[role=option]").last

    def find_place() -> tuple[float, float]:
        first = person.find("film-list").locator("[role=option]").first.bounding_box()
        box = last.bounding_box()
        return box["x"] - first["x"], box["y"] - first["y"]

    assert find_place() == (0, pytest.approx(112))
    person.page.set_viewport_size({"width": 820, "height": 1180})
    person.wait_for(lambda: find_place() == (pytest.approx(148), 0))


def test_names_are_text_whatever_they_hold(person) -> None:
    person.open("<b>negative<b>.png")
    assert person.find("film-list").locator("b").count() == 0
    person.find("class-add").click()
    person.find("class-add-name").fill("<img src=x onerror=alert(1)>")
    person.find("class-add-save").click()
    made = person.find("class-list").get_by_text("<img src=x onerror=alert(1)>")
    made.wait_for()
    person.find("class-2-edit").click()
    person.find("class-2-remove").click()
    made.wait_for(state="detached")


def test_what_was_just_chosen_is_not_taken_back_by_an_earlier_answer(person) -> None:
    """A class gets a name and, before the server has answered that, its objects."""
    person.open()
    before = person.ask("/project")["classes"][1]
    waiting: list[Any] = []
    person.page.route("**/api/classes", lambda route: waiting.append(route))
    person.rename_class(1, "dot")
    person.wait_for(lambda: len(waiting) == 1)
    person.find("class-1-edit").click()
    box = person.find("class-1-objects")
    box.set_checked(not before["has_objects"])
    waiting.pop().continue_()
    person.expect("class-1-choose").to_contain_text("dot")
    person.wait_for(lambda: len(waiting) == 1)  # what the box asks for, after the name
    assert box.is_checked() != before["has_objects"]
    waiting.pop().continue_()
    person.page.unroute("**/api/classes")
    person.wait_for(
        lambda: person.ask("/project")["classes"][1]["has_objects"] != before["has_objects"]
    )
    box.set_checked(before["has_objects"])
    person.press("Escape")
    person.rename_class(1, before["name"])
    person.wait_for(lambda: person.ask("/project")["classes"][1] == before)


def test_strokes_outlive_a_server_that_is_killed(invite, tmp_path) -> None:
    draw_images(tmp_path)
    with running_studio(tmp_path) as mortal:
        person = invite(mortal).open()
        before = person.count_pixels()
        mortal.kill()
        person.expect("notice-error").to_contain_text("All that you drew is saved")
        person.draw([(40, 200), (100, 200)])
        person.expect("notice-error").to_contain_text("1 change kept")
        assert person.see("unsent") == "1"
        mortal.start()
        person.wait_for(lambda: person.see("unsent") == "0")
        person.find("notice-error").wait_for(state="detached")
        assert person.count_pixels() > before
        person.press("Control+z")
        person.wait_for(lambda: person.count_pixels() == before)


def test_strokes_outlive_a_reload_while_nothing_can_be_sent(person) -> None:
    person.open()
    before = person.count_pixels()
    person.page.route("**/operations", lambda route: route.abort())
    person.draw([(40, 200), (100, 200)])
    person.find("notice-error").wait_for()
    person.page.unroute("**/operations")
    person.page.reload()
    person.settle()
    assert person.count_pixels() > before
    person.press("Control+z")
    person.wait_for(lambda: person.count_pixels() == before)


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_two_people_at_the_same_place_decide_by_hand(invite, server, choice) -> None:
    ana, ben = invite(server), invite(server)
    ben.page.route("**/api/events", lambda route: route.abort())  # sees nothing of what Ana does
    ana.open()
    ben.open()
    ana.send("PUT", "/me", {"name": "Ana"})
    before = ana.count_pixels()
    ana.draw([(60, 200), (100, 200)])
    ana.wait_for(lambda: ana.see("unsent") == "0")
    hers = ana.count_pixels()
    ben.draw([(80, 180), (80, 220)])
    assert "Ana" in ben.find("conflict").inner_text()
    ben.find(f"conflict-{choice}").click()
    ben.find("conflict").wait_for(state="detached")
    ben.wait_for(lambda: ben.see("unsent") == "0")
    assert (ana.count_pixels() > hers) == (choice == "mine")
    for someone in (ben, ana) if choice == "mine" else (ana,):
        left = someone.count_pixels()
        someone.press("Control+z")
        someone.wait_for(lambda who=someone, left=left: who.count_pixels() < left)
    assert ana.count_pixels() == before


def test_strokes_are_kept_while_the_disk_is_full(person) -> None:
    person.open()
    before = person.count_pixels()
    full = {"detail": "There is no room left on the disk."}
    person.page.route("**/operations", lambda route: route.fulfill(status=507, json=full))
    person.draw([(40, 200), (100, 200)])
    person.expect("notice-error").to_contain_text("no room left")
    person.expect("notice-error").to_contain_text("1 change kept")
    person.page.unroute("**/operations")
    person.wait_for(lambda: person.see("unsent") == "0")
    person.press("Control+z")
    person.wait_for(lambda: person.count_pixels() == before)


def test_a_change_of_somebody_else_appears(invite, server) -> None:
    one, other = invite(server).open(), invite(server).open()
    rev = int(other.see("rev"))
    one.draw([(200, 30), (240, 30)])
    one.settle()
    other.wait_for(lambda: int(other.see("rev")) > rev)
    other.settle()
    one.press("Control+z")
    one.settle()


def test_only_images_in_sight_are_in_the_page(person, server) -> None:
    def answer(route: Any) -> None:
        offset = int(re.search(r"offset=(\d+)", route.request.url).group(1))
        fields = {"width": WIDTH, "height": HEIGHT, "state": "new", "rev": 0}
        images = [
            {"id": 1 + i, "name": f"{i}.png", "worth": None, "problem": None, **fields}
            for i in range(offset, offset + 200)
        ]
        route.fulfill(json={"total": 100_000, "images": images})

    person.page.route("**/api/images?*", answer)
    person.page.goto(f"{server.address}/?token={TOKEN}")
    person.expect("film-count").to_contain_text("100,000")
    strip = person.find("film-list")

    def is_last_in_sight() -> bool:
        # Again where the page scrolls to the image that it has just opened.
        strip.evaluate("list => list.parentElement.scrollTo(0, 1e9)")
        return strip.get_by_text("99999.png").is_visible()

    person.wait_for(is_last_in_sight)
    assert strip.locator("[role=option]").count() < 60


def test_two_fingers_zoom_and_draw_nothing(invite, server) -> None:
    person = invite(server, viewport={"width": 820, "height": 1180}, has_touch=True).open()
    sent = person.catch_operations()
    zoom = float(person.see("zoom"))
    client = person.page.context.new_cdp_session(person.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    [(x, y)] = person.place([(160, 120)])
    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    for spread in (30, 50, 80):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    person.wait_for(lambda: float(person.see("zoom")) > 2 * zoom)
    touch("touchStart", (x, y))
    touch("touchMove", (x + 30, y))
    touch("touchEnd")
    person.wait_for(lambda: len(sent) == 1)
    assert sent[0]["kind"] == "stroke"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(invite, server, scheme) -> None:
    if not AXE.exists():
        leave_out("npm ci was not run in src/segfit/studio/web/source: axe is not there")
    person = invite(server, color_scheme=scheme).open()
    person.page.evaluate(AXE.read_text())
    findings = []
    person.find("class-1-edit").click()
    for name in ("image", "judge", "takeaway"):
        if name != "image":
            person.find(f"page-{name}").click()
            person.find(name).wait_for()
        found = person.page.evaluate("axe.run()")["violations"]
        findings += [
            (name, each["id"], [node["html"] for node in each["nodes"]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
    assert findings == []
