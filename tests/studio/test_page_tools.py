"""Every tool of the page, used once, by what it does to the labels of a bright disc on dark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from segfit.basics.arrays import BoolArray, UInt8Array
from studio_server import Server
from studio_visitor import HEIGHT, RADIUS, WIDTH, Visitor

X, Y = WIDTH // 2, HEIGHT // 2
NONE, BACKGROUND, CELL, OTHER = 255, 0, 1, 2
CLASSES = [
    {"index": 0, "name": "background", "color": "#8c8c8c", "key": "1", "has_objects": False},
    {"index": 1, "name": "cell", "color": "#e69f00", "key": "2", "has_objects": True},
    {"index": None, "name": "other", "color": "#56b4e9", "key": "3", "has_objects": False},
]
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
DISC: BoolArray = np.hypot(ROWS - Y, COLUMNS - X) < RADIUS


@pytest.fixture(scope="module")
def worker(browser, server: Server) -> Iterator[Visitor]:
    """Somebody who labels cells, and who stays before one image."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    worker = Visitor(context.new_page(), server).open()
    version = worker.ask("/project")["classes_version"]
    worker.send("PUT", "/classes", {"version": version, "classes": CLASSES, "drop_labels": True})
    worker.expect("class-list").to_contain_text("other")
    yield worker
    context.close()
    assert worker.complaints == []


@pytest.fixture
def at_work(worker: Visitor) -> Visitor:
    """The image has no labels, and cells are drawn, by brush."""
    if (look(worker) != NONE).any():
        worker.find("clear").click()
        worker.settle()
    worker.press("b", "2")
    return worker


def look(person: Visitor) -> UInt8Array:
    return person.look_at("labels", int(person.see("image")), (HEIGHT, WIDTH))


def count_cells(person: Visitor) -> int:
    return person.ask("/project")["classes"][CELL]["objects"]


def draw_disc(person: Visitor, radius: float = RADIUS, *, x: float = X) -> None:
    """A cell by a freehand outline that stays as it was drawn."""
    person.press("o")
    person.find("snap").set_checked(False)
    turns = np.linspace(0, 2 * np.pi, 25)
    person.draw(np.stack([x + radius * np.cos(turns), Y + radius * np.sin(turns)], axis=1))
    person.settle()


def measure_overlap(found: BoolArray, expected: BoolArray) -> float:
    return float((found & expected).sum() / (found | expected).sum())


def test_brush_and_eraser(at_work) -> None:
    at_work.draw([(130, Y), (190, Y)])
    at_work.settle()
    drawn = look(at_work) == CELL
    assert drawn[Y, 130:190].all()
    assert not drawn[Y - 20].any()
    at_work.press("e")
    at_work.draw([(X, Y - 30), (X, Y + 30)])
    at_work.settle()
    left = look(at_work) == CELL
    assert not left[:, X].any()
    assert left[Y, 135]
    assert left[Y, 185]


def test_a_larger_brush_draws_more(at_work) -> None:
    at_work.press("]", "]", "]", "]", "]")
    at_work.draw([(130, Y), (190, Y)])
    at_work.settle()
    assert (look(at_work)[:, X] == CELL).sum() > 24
    at_work.press("[", "[", "[", "[", "[")


def test_a_freehand_outline(at_work) -> None:
    draw_disc(at_work)
    assert measure_overlap(look(at_work) == CELL, DISC) > 0.95


def test_corners_snap_to_the_image_s_edges(at_work) -> None:
    turns = np.arange(0.1, 2 * np.pi, np.pi / 6)
    corners = np.stack([X + 4 + 60 * np.cos(turns), Y + 60 * np.sin(turns)], axis=1)
    at_work.press("o")
    at_work.find("snap").set_checked(True)
    for corner in corners:
        at_work.click(*corner)
    at_work.press("Enter")
    at_work.expect("status-here").to_contain_text(re.compile(r"Snapped, ± [\d.]+ px on average"))
    at_work.settle()
    found = look(at_work) == CELL
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(drawn, [np.rint(corners).astype(np.int32)], 1)
    assert measure_overlap(found, DISC) > measure_overlap(drawn == 1, DISC) + 0.02


def test_the_region_under_the_pointer(at_work) -> None:
    at_work.press("r")
    at_work.point(X, Y)
    at_work.expect("status-here").to_contain_text("region")
    at_work.page.mouse.wheel(0, -500)
    at_work.expect("status-here").to_contain_text("region 76.8 k px")  # all of the image
    at_work.page.mouse.wheel(0, 500)
    at_work.expect("scale").to_contain_text("1 of ")
    at_work.expect("status-here").to_contain_text("region 11.")
    at_work.click(X, Y)
    at_work.settle()
    assert measure_overlap(look(at_work) == CELL, DISC) > 0.95


def test_a_rectangle_finds_the_object_in_it(at_work) -> None:
    at_work.press("t")
    at_work.draw([(X - 75, Y - 75), (X, Y), (X + 75, Y + 75)])
    at_work.settle()
    assert measure_overlap(look(at_work) == CELL, DISC) > 0.8


def test_fill_takes_what_labels_enclose(at_work) -> None:
    at_work.press("1")
    at_work.draw([(100, 80), (200, 80), (200, 160), (100, 160), (100, 80)])
    at_work.press("f", "2")
    at_work.click(150, 120)
    at_work.settle()
    found = look(at_work)
    assert (found[90:150, 110:190] == CELL).all()
    assert (found == CELL).sum() < 100 * 80
    assert (found[80, 100:200] == BACKGROUND).all()


def test_a_hole(at_work) -> None:
    draw_disc(at_work)
    at_work.press("h")
    at_work.draw([(X - 20, Y - 20), (X + 20, Y - 20), (X + 20, Y + 20), (X - 20, Y + 20)])
    at_work.settle()
    found = look(at_work)
    assert (found[Y - 18 : Y + 18, X - 18 : X + 18] != CELL).all()
    assert found[Y, X - 40] == CELL


def test_split_and_merge(at_work) -> None:
    draw_disc(at_work)
    assert count_cells(at_work) == 1
    at_work.press("k")
    at_work.draw([(X, Y - 80), (X, Y + 80)])
    at_work.settle()
    at_work.wait_for(lambda: count_cells(at_work) == 2)
    at_work.press("j")
    at_work.draw([(X - 30, Y), (X + 30, Y)])
    at_work.settle()
    at_work.wait_for(lambda: count_cells(at_work) == 1)


def test_delete_and_change_take_one_object(at_work) -> None:
    draw_disc(at_work, 20, x=60)
    draw_disc(at_work, 20, x=260)
    at_work.press("c", "3")
    at_work.click(60, Y)
    at_work.press("x")
    at_work.click(260, Y)
    at_work.settle()
    found = look(at_work)
    assert found[Y, 60] == OTHER
    assert found[Y, 260] == NONE


def test_smooth_takes_the_points_off(at_work) -> None:
    at_work.press("o")
    at_work.find("snap").set_checked(False)
    teeth = [(80 + 8 * i, Y - (40 if i % 2 else 28)) for i in range(21)]
    at_work.draw([*teeth, (240, Y + 40), (80, Y + 40)])
    at_work.settle()
    before = look(at_work) == CELL
    at_work.press("s")
    at_work.click(X, Y)
    at_work.settle()
    after = look(at_work) == CELL
    assert after[Y - 38].sum() < 0.75 * before[Y - 38].sum()
    assert after.sum() == pytest.approx(before.sum(), rel=0.05)


def test_what_is_proposed_is_accepted_in_parts(at_work) -> None:
    at_work.press("1")
    at_work.draw([(20, 20), (300, 20), (300, 220)])
    at_work.settle()
    before = at_work.see("proposal")
    at_work.press("2")
    at_work.draw([(130, Y), (190, Y)])
    at_work.settle()
    drawn = look(at_work)
    at_work.wait_for(lambda: at_work.see("proposal") not in (before, "0"))

    at_work.find("accept").click()
    at_work.find("accept-class").click()
    at_work.settle()
    found = look(at_work)
    assert (found == CELL)[DISC].mean() > 0.9
    assert ((found == BACKGROUND) == (drawn == BACKGROUND)).all()
    at_work.undo()

    at_work.find("accept").click()
    at_work.find("accept-rectangle").click()
    at_work.draw([(60, 60), (X, Y)])
    at_work.settle()
    found = look(at_work)
    assert (found[62 : Y - 2, 62 : X - 2] != NONE).all()
    assert (found[180:200] == drawn[180:200]).all()
    at_work.undo()

    at_work.find("accept").click()
    at_work.find("accept-confidence").fill("0.95")
    at_work.find("accept-surer").click()
    at_work.settle()
    surer = (look(at_work) != NONE).sum()
    assert (drawn != NONE).sum() < surer < WIDTH * HEIGHT
    at_work.undo()

    at_work.press("r")
    at_work.point(X, Y - 30)
    at_work.expect("status-here").to_contain_text("region")
    at_work.press("a")
    at_work.settle()
    found = look(at_work)
    assert found[Y - 30, X] == CELL
    assert (found[180:200] == drawn[180:200]).all()
