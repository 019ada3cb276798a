"""What ``benchmarks/beside_unet.py`` leaves out, holds out and averages."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="pip install --group bench")

from beside_unet import HURRIED, OURS, PEER, average, hold_out_persons, list_trainings
from kept_trainings import (
    Entry,
    Request,
    Training,
    begin_entry,
    digest,
    find_predictions,
    list_left,
)
from segfit.classes import ClassTable
from segfit.datasets import Dataset
from segfit.datasets.labelled import ImageStats, Source
from segfit.report.intervals import MEAN_IOU, Resampled
from smp_recipe import Epochs

ONE, OTHER = Training("cracks", OURS, 0), Training("cracks", PEER, 0)
BOTH = [ONE, OTHER]
ASKED = Request(3.0, {OURS: [], PEER: ["batch=8", "rate=0.0002"]}, commit="new")


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """An entry of the result file that has both trainings, whose predictions lie in the folder."""
    entry = begin_entry(None, tmp_path, (OURS, PEER))
    for one in BOTH:
        path = find_predictions(one, tmp_path)
        path.write_text(one.name)
        entry["runs"][one.side]["0"] = {
            "minutes": 3.0,
            "settings": list(ASKED.settings[one.side]),
            "commit": "old",
            "predicted_sha256": digest(path),
        }
    return entry


def test_finished_trainings_are_left_out(entry: Entry, tmp_path: Path) -> None:
    assert list_left(BOTH, entry, tmp_path, ASKED) == []


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        (replace(ASKED, minutes=5.0), BOTH),
        (replace(ASKED, settings={**ASKED.settings, OURS: ["batch=4"]}), [ONE]),
        (replace(ASKED, settings={**ASKED.settings, PEER: ["batch=4"]}), [OTHER]),
        (replace(ASKED, again=OURS), [ONE]),
        (replace(ASKED, again=PEER), [OTHER]),
        (replace(ASKED, again=OURS, commit="old"), []),
    ],
    ids=["minutes", "our settings", "the peer's settings", "ours", "the peer", "of this commit"],
)
def test_other_trainings_are_done(
    request_: Request, left: list[Training], entry: Entry, tmp_path: Path
) -> None:
    assert list_left(BOTH, entry, tmp_path, request_) == left


def test_further_seeds_are_done(entry: Entry, tmp_path: Path) -> None:
    further = [Training("cracks", side, 1) for side in (OURS, PEER)]
    assert list_left([*BOTH, *further], entry, tmp_path, ASKED) == further


def test_the_hurried_peer_has_the_first_seed_alone() -> None:
    asked = [(one.side, one.seed) for one in list_trainings("cracks", (0, 1, 2))]
    assert asked == [
        *[(side, 0) for side in (OURS, PEER, HURRIED)],
        *[(side, seed) for seed in (1, 2) for side in (OURS, PEER)],
    ]


def test_predictions_are_needed_until_the_difference_is_known(entry: Entry, tmp_path: Path) -> None:
    find_predictions(ONE, tmp_path).write_text("of another training")
    find_predictions(OTHER, tmp_path).unlink()
    assert list_left(BOTH, entry, tmp_path, ASKED) == BOTH
    entry["difference"] = {"seeds": [0, 1]}
    assert list_left(BOTH, entry, tmp_path, ASKED) == []
    # A new training of one side is compared with predictions of the other.
    assert list_left(BOTH, entry, tmp_path, replace(ASKED, again=OURS)) == BOTH


def test_other_images_begin_anew(entry: Entry, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"1")
    entry["data"] = begin_entry(None, folder, (OURS, PEER))["data"]
    assert begin_entry(entry, folder, (OURS, PEER)) is entry
    (folder / "b.png").write_bytes(b"2")
    assert begin_entry(entry, folder, (OURS, PEER))["runs"] == {OURS: {}, PEER: {}}


def test_no_person_is_in_both_splits() -> None:
    names = [f"{pose}_personne{person:02}147" for person in range(1, 11) for pose in ("+15", "-15")]
    stats = [ImageStats(1, 1, (1,), ((),)) for _ in names]
    sources = [Source(name, lambda: pytest.fail("nothing is read")) for name in names]
    images = Dataset(ClassTable.from_names(("a", "b")), sources, stats=stats)
    splits = hold_out_persons(images)
    assert splits["val"].names == tuple(
        f"{pose}_personne{person}147" for person in ("05", "10") for pose in ("+15", "-15")
    )
    assert len(splits["train"]) == 16


def test_figures_are_averaged_over_the_seeds_draw_by_draw() -> None:
    first, second = (
        Resampled((MEAN_IOU,), np.array([7]), np.array([value]), np.array([[value], [value + 1]]))
        for value in (1.0, 3.0)
    )
    mean = average([first, second])
    assert mean.value.tolist() == [2.0]
    assert mean.drawn.tolist() == [[2.0], [3.0]]
    assert mean.images.tolist() == [7]


def test_every_epoch_of_the_peer_has_every_image_once() -> None:
    batches = list(islice(Epochs(5, 2, seed=0), 6))
    assert [len(batch) for batch in batches] == [2, 2, 1, 2, 2, 1]
    for epoch in (batches[:3], batches[3:]):
        assert sorted(chain.from_iterable(epoch)) == [0, 1, 2, 3, 4]
    assert batches[:3] != batches[3:]
