"""From images without labels to a model that is taken away, all of it in the browser."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfit
from chromium import playwright
from studio_server import running_studio
from tiny_training import TINY

NAMES = ("1.png", "2.png", "3.png", "4.png")
DISCS = ((90, 100), (220, 140), (160, 90), (120, 150))
STEPS = 60
SMALL_TRAINING = (sys.executable, "-c", f"""
from segfit.cli.app import main
from segfit.studio.jobs import process
from segfit.studio.jobs.training import TrainingJobs

process.LOWEST_PRIORITY = 0
start = TrainingJobs.start
TrainingJobs.start = lambda jobs, minutes=None: start(
    jobs, minutes, settings={[*TINY, f"--steps={STEPS}"]!r})
main()
""")  # fmt: skip
"""The studio, but its trainings are of a network that learns in seconds, and wait for nobody."""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Bright discs on dark, each at another place, in images with noise."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rows, columns = np.mgrid[:240, :320]
    random = np.random.default_rng(0)
    for name, (x, y) in zip(NAMES, DISCS, strict=True):
        disc = np.hypot(rows - y, columns - x) < 50
        gray = np.where(disc, 190, 50) + random.integers(-15, 15, disc.shape)
        Image.fromarray(np.dstack([gray.astype(np.uint8)] * 3)).save(photos / name)
    return photos


def test_from_images_to_a_model_that_is_taken_away(invite, folder, tmp_path) -> None:
    with running_studio(folder, program=SMALL_TRAINING) as server:
        person = invite(server).open("1.png")
        name_class(person)
        for name, disc in zip(NAMES[:3], DISCS, strict=False):
            person.choose(name)
            label(person, disc)
        train(person)
        look_at_proposal(person, DISCS[3])
        judge(person)
        take_away(person, folder, tmp_path)
        assert person.complaints == []


def name_class(person) -> None:
    person.find("class-1-edit").click()
    person.find("class-1-name").fill("disc")
    person.find("class-1-name").press("Enter")
    person.expect("class-1").to_contain_text("disc")


def label(person, disc) -> None:
    """A stroke of each class, or what is proposed already; then all of it is accepted."""
    x, y = disc
    person.press("b", "1")
    person.draw([(10, 10), (310, 10), (310, 230)])
    person.press("2")
    person.draw([(x - 25, y), (x + 25, y)])
    person.settle()
    person.wait_for(lambda: int(person.see("proposal")) > 0)
    person.press("a")
    person.settle()
    if person.ask(f"/images/{person.see('image')}")["state"] != "done":
        person.press("d")
    person.expect(f"film-{person.see('image')}").to_have_attribute("data-state", "done")


def train(person) -> None:
    person.find("train").click()
    person.find("train-start").click()
    state = person.find("train-state")
    playwright.expect(state).to_have_attribute("data-state", "running")
    person.find("train").click()
    playwright.expect(person.page.get_by_role("img", name="mean IoU")).to_be_visible()
    playwright.expect(state).to_have_attribute("data-state", "finished")
    playwright.expect(person.page.locator(".train")).to_contain_text("model 1 is ready")
    person.press("Escape")


def look_at_proposal(person, disc) -> None:
    """The model proposes on an image that nobody has labelled."""
    person.expect("proposal-source").to_have_value("1")
    person.choose("4.png")
    person.wait_for(lambda: int(person.see("proposal")) > 0)
    person.point(*disc)
    person.expect("status-here").to_contain_text("proposed")
    person.expect("status-here").to_contain_text("disc")


def judge(person) -> None:
    person.find("page-judge").click()
    person.expect("model-1").to_contain_text("mean IoU")
    report = person.page.frame_locator("[data-testid=report]")
    playwright.expect(report.locator("h1")).to_have_text("model 1")
    playwright.expect(report.locator("body")).to_contain_text("disc")


def take_away(person, folder: Path, place: Path) -> None:
    person.find("page-takeaway").click()
    with person.page.expect_download() as model:
        person.find("takeaway-model-1").click()
    model.value.save_as(place / "taken.segfit")
    segmenter = segfit.load(place / "taken.segfit")
    found = segmenter(folder / "4.png").labels
    rows, columns = np.mgrid[:240, :320]
    disc = np.hypot(rows - DISCS[3][1], columns - DISCS[3][0]) < 50
    truth = np.where(disc, segmenter.classes.names.index("disc"), 0)
    assert (found == truth).mean() > 0.9
    with person.page.expect_download() as labels:
        person.find("takeaway-download").click()
    labels.value.save_as(place / "labels.zip")
    with zipfile.ZipFile(place / "labels.zip") as archive:
        assert archive.namelist() == ["labels/1.png", "labels/2.png", "labels/3.png"]
