"""From images without labels to a model that is taken away, all of it in the browser.

On the way every screen that docs/studio.md shows is made, and has to fit into its window.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfit
from chromium import playwright
from make_studio_images import IMAGES, SIZES, Camera, find_wider, walk_through
from segfit.basics.arrays import UInt8Array
from studio_server import running_studio
from studio_visitor import Visitor
from tiny_training import SMALL_TRAININGS

GUIDE = IMAGES.parents[1] / "studio.md"
ANIMATION = "studio"
"""Of the README: minutes long, and made by the recipe alone."""
DISCS = {"1": (90, 100), "2": (220, 140), "3": (160, 90), "4": (120, 150)}
NEW = "4"
"""The image that nobody labels."""


def draw_truth(name: str) -> UInt8Array:
    """Where the disc of an image is."""
    rows, columns = np.mgrid[:240, :320]
    x, y = DISCS[name]
    return (np.hypot(rows - y, columns - x) < 50).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bright discs on dark, each at another place, in images with noise."""
    photos = tmp_path / "photos"
    photos.mkdir()
    random = np.random.default_rng(0)
    for name in DISCS:
        gray = np.where(draw_truth(name), 190, 50) + random.integers(-15, 15, (240, 320))
        Image.fromarray(np.dstack([gray.astype(np.uint8)] * 3)).save(photos / f"{name}.png")
    return photos


def test_from_images_to_a_model_that_is_taken_away(invite, folder: Path, tmp_path: Path) -> None:
    screens = tmp_path / "screens"
    screens.mkdir()
    with running_studio(folder, program=SMALL_TRAININGS) as server:
        person = invite(server).open("1.png")
        name_class(person)
        camera = Camera(person.page, screens, animated=False)
        walk_through(person, camera, {name: draw_truth(name) for name in DISCS}, labelled=3)
        check_screens(screens)
        look_at_model(person)
        take_away(person, folder, tmp_path)
        assert person.complaints == []


def name_class(person: Visitor) -> None:
    person.rename_class(1, "disc")
    person.expect("class-1").to_contain_text("disc")


def check_screens(folder: Path) -> None:
    """All that the guide shows are there, of three sizes, and no picture is kept in vain."""
    sizes = {}
    for path in folder.iterdir():
        with Image.open(path) as image:
            sizes[path.stem] = image.size
    text = GUIDE.read_text(encoding="utf-8")
    shown = re.findall(r"\]\(images/studio/([\w-]+)\.webp\)", text)
    assert set(shown) <= sizes.keys()
    assert sizes.keys() | {ANIMATION} == {path.stem for path in IMAGES.glob("*.webp")}
    assert set(sizes.values()) == set(SIZES)


def look_at_model(person: Visitor) -> None:
    """What the training was, what the model proposes, and how it is judged."""
    person.expect("train-state").to_have_attribute("data-state", "finished")
    person.expect("proposal-source").to_have_value("1")
    assert person.see("image") == "4"
    person.point(*DISCS[NEW])
    person.expect("status-here").to_contain_text("disc")
    person.expect("status-here").to_contain_text("proposed")
    person.find("train").click()
    panel = person.page.locator(".train")
    playwright.expect(panel).to_contain_text("model 1 is ready")
    playwright.expect(panel.get_by_role("img", name="mean IoU")).to_be_visible()
    person.press("Escape")
    person.find("page-judge").click()
    person.expect("model-1").to_contain_text("mean IoU")
    report = person.page.frame_locator("[data-testid=report]")
    playwright.expect(report.locator("h1")).to_have_text("model 1")
    playwright.expect(report.locator("body")).to_contain_text("disc")


def take_away(person: Visitor, folder: Path, place: Path) -> None:
    """The model, which works elsewhere; labels, and what the model says of the new image."""
    person.find("page-takeaway").click()
    segmenter = segfit.load(download(person, "takeaway-model-1", place / "taken.segfit"))
    found = segmenter(folder / f"{NEW}.png").labels
    is_disc = found == segmenter.classes.names.index("disc")
    assert (is_disc == draw_truth(NEW)).mean() > 0.9
    labels = download(person, "takeaway-download", place / "labels.zip")
    with zipfile.ZipFile(labels) as archive:
        assert archive.namelist() == ["labels/1.png", "labels/2.png", "labels/3.png"]
    person.find("answers-start").click()
    person.expect("answers-ready").to_contain_text("mask of 1 image, by model 1")
    answers = download(person, "answers-download", place / "answers.zip")
    with zipfile.ZipFile(answers) as archive:
        assert archive.namelist() == [f"results/{NEW}.png"]


def download(person: Visitor, name: str, path: Path) -> Path:
    with person.page.expect_download() as begun:
        person.find(name).click()
    begun.value.save_as(path)
    return path


def test_what_is_too_wide_is_found(person: Visitor) -> None:
    person.open()
    assert find_wider(person.page) == []
    person.find("image-name").evaluate("name => { name.style.width = '3000px'; }")
    assert "image-name" in "".join(find_wider(person.page))
