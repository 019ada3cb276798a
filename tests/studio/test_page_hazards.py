"""What goes wrong around the page: folders, files, disks and other programs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio_server import running_studio
from studio_visitor import HEIGHT, WIDTH, draw_images

MANY = 5000
FOREIGN_BOX = (200, 20, 260, 60)
READ_ONLY = (sys.executable, "-c", """
from segfit.cli.app import main
from segfit.studio import project

project.find_why_read_only = lambda folder: "its disk is write-protected: copy it elsewhere"
main()
""")  # fmt: skip
"""The studio of a folder that cannot be written to; root could write to any."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A studio of thousands of images, of which the second is broken."""
    folder = tmp_path_factory.mktemp("crowd")
    draw_images(folder, ["00000.png"])
    for number in range(1, MANY):
        os.link(folder / "00000.png", folder / f"{number:05}.png")
    broken = folder / "00001.png"
    broken.unlink()
    broken.write_bytes((folder / "00000.png").read_bytes()[:200])
    with running_studio(folder) as running:
        yield running


def test_thousands_of_images_are_walked_through(invite, crowd) -> None:
    person = invite(crowd)
    began = time.monotonic()
    person.open("00000.png")
    print(f"first of {MANY} images on the screen after {time.monotonic() - began:.2f} s")
    person.expect("film-count").to_contain_text("5,000")
    person.find("film-list").evaluate("list => list.parentElement.scrollTo(0, 1e9)")
    person.find("film-list").get_by_text("04999.png").wait_for()
    assert person.find("film-list").locator("[role=option]").count() < 60
    person.find("film-list").focus()
    person.press("End")
    person.expect("image-name").to_contain_text("04999.png")
    person.expect("image-name").to_contain_text("5000 of 5000")
    person.settle()
    person.press("PageUp")
    person.expect("image-name").to_contain_text("04998.png")
    person.settle()
    person.press(".")
    person.expect("image-name").to_contain_text("04999.png")
    assert person.complaints == []


def test_a_broken_image_says_so_and_stands_in_nobody_s_way(invite, crowd) -> None:
    person = invite(crowd).open("00000.png")
    person.press(".")
    person.expect("open-failed").to_contain_text("00001.png")
    person.expect("open-failed").to_contain_text("damaged")
    person.expect("film-2").to_contain_text("!")
    person.expect("undo").to_be_disabled()
    person.find("open-failed").get_by_role("button").click()
    person.expect("image-name").to_contain_text("00002.png")
    person.expect("open-failed").to_have_count(0)


@pytest.mark.skipif(sys.platform != "linux", reason="a process's limits are set from outside")
def test_a_full_disk_is_said_and_nothing_drawn_is_lost(person, server) -> None:
    import resource

    person.open()
    before = person.count_pixels()
    of_files, number = resource.RLIMIT_FSIZE, server.process.pid
    soft, hard = resource.prlimit(number, of_files)
    resource.prlimit(number, of_files, (0, hard))  # not a byte can be written any more
    try:
        person.draw([(40, 200), (100, 200)])
        person.expect("notice-error").to_contain_text("cannot be written")
        person.expect("notice-error").to_contain_text("1 change kept in this browser")
        person.draw([(40, 220), (100, 220)])
        person.expect("notice-error").to_contain_text("2 changes kept")
        person.expect("saved").to_contain_text("2 kept here, not sent yet")
        assert person.count_pixels() == before
    finally:
        resource.prlimit(number, of_files, (soft, hard))
    person.wait_for(lambda: person.see("unsent") == "0")
    person.find("notice-error").wait_for(state="detached")
    assert person.count_pixels() > before
    person.expect("saved").to_contain_text("All saved")
    person.undo(2)
    assert person.count_pixels() == before


def test_a_read_only_folder_is_looked_at_and_says_why(invite, tmp_path) -> None:
    draw_images(tmp_path)
    with running_studio(tmp_path, program=READ_ONLY) as protected:
        person = invite(protected).open()
        person.expect("notice-warning").to_contain_text("its disk is write-protected")
        person.expect("saved").to_contain_text("Read-only")
        for name in ("tool-brush", "undo", "done", "clear", "class-add"):
            person.expect(name).to_be_disabled()
        person.draw([(100, 100), (200, 100)])  # moves the image, and draws nothing
        assert person.see("unsent") == "0"
        person.choose("<b>negative<b>.png")
        person.find("page-takeaway").click()
        person.expect("takeaway-lack").to_contain_text("No classes are named yet")
        person.expect("takeaway").to_contain_text("segfit predict")
        assert {path.name for path in tmp_path.iterdir()} == {"<b>negative<b>.png", "disc.png"}


def test_labels_of_another_program_appear_and_are_taken_back_by_hand(person, server) -> None:
    person.open()
    before = person.count_pixels()
    person.draw([(40, 200), (100, 200)])
    person.settle()
    drawn = person.count_pixels()
    file = server.folder / "masks" / "disc.png"
    person.wait_for(lambda: file.exists() and (read(file) == 1).sum() == drawn - before)
    foreign = read(file)
    left, top, right, bottom = FOREIGN_BOX
    foreign[top:bottom, left:right] = 1
    write(file, foreign)
    person.expect("notice-warning").to_contain_text("Another program changed")
    person.settle()
    area_px = (right - left) * (bottom - top)
    assert person.count_pixels() == drawn + area_px
    shown = person.look_at("labels", int(person.see("image")), (HEIGHT, WIDTH))
    assert (shown[top:bottom, left:right] == 1).all()
    person.find("undo").click()  # the choice: mine again, also in the file
    person.wait_for(lambda: person.count_pixels() == drawn)
    person.wait_for(lambda: (read(file) == 1).sum() == drawn - before)
    person.undo()


def test_images_that_come_are_listed_and_one_that_goes_is_left(person, server) -> None:
    person.open()
    draw_images(server.folder, ["zoo.png"])
    person.expect("film-count").to_contain_text("3 images")
    person.choose("zoo.png")
    (server.folder / "zoo.png").unlink()
    person.expect("notice-warning").to_contain_text("zoo.png is no longer in the folder")
    person.expect("image-name").to_contain_text("disc.png")
    person.expect("film-count").to_contain_text("2 images")
    person.settle()


def read(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.array(image)


def write(file: Path, values: np.ndarray) -> None:
    """As other programs do it: a new file in place of the old one."""
    beside = file.with_suffix(".new")
    Image.fromarray(values).save(beside, format="PNG")
    beside.replace(file)
