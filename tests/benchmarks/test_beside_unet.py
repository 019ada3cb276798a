"""What ``benchmarks/beside_unet.py`` leaves out, holds out and averages."""

from __future__ import annotations

from argparse import Namespace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="pip install --group bench")

from beside_unet import (
    OURS,
    PEER,
    Training,
    average,
    begin_set,
    digest,
    hold_out_persons,
    is_done,
)
from segfit.classes import ClassTable
from segfit.datasets import Dataset
from segfit.datasets.labelled import ImageStats, Source
from segfit.report.intervals import MEAN_IOU, Resampled
from smp_recipe import Epochs

ONE = Training("cracks", OURS, 0)
ASKED = Namespace(minutes=3.0, seeds=1, settings=[], peer_batch=8)


def make_kept(path: Path, *, difference: dict[str, Any] | None = None) -> dict[str, Any]:
    """An entry of the result file whose training left its predictions at ``path``."""
    path.write_bytes(b"labels")
    done = {"minutes": 3.0, "settings": [], "predicted_sha256": digest(path)}
    return {"runs": {OURS: {"0": done}, PEER: {}}, "difference": difference}


def test_a_finished_training_is_left_out(tmp_path: Path) -> None:
    kept = make_kept(tmp_path / f"{ONE.name}.npz")
    assert is_done(ONE, kept, tmp_path, ASKED)


@pytest.mark.parametrize(
    ("one", "asked"),
    [
        (Training("cracks", OURS, 1), {}),
        (Training("cracks", PEER, 0), {}),
        (ONE, {"minutes": 5.0}),
        (ONE, {"settings": ["batch=4"]}),
    ],
    ids=["seed", "side", "minutes", "settings"],
)
def test_another_training_is_done(one: Training, asked: dict[str, Any], tmp_path: Path) -> None:
    kept = make_kept(tmp_path / f"{ONE.name}.npz")
    assert not is_done(one, kept, tmp_path, Namespace(**{**vars(ASKED), **asked}))


def test_a_training_without_its_own_predictions_counts_where_the_difference_is_known(
    tmp_path: Path,
) -> None:
    path = tmp_path / f"{ONE.name}.npz"
    unknown, known = make_kept(path), make_kept(path, difference={"seeds": [0, 1, 2]})
    path.write_bytes(b"labels of another training")
    assert not is_done(ONE, unknown, tmp_path, ASKED)
    path.unlink()
    assert not is_done(ONE, unknown, tmp_path, ASKED)
    assert is_done(ONE, known, tmp_path, ASKED)


def test_one_side_is_done_again_and_other_data_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    kept = begin_set(None, tmp_path, None)
    kept["runs"] = {OURS: {"0": "done"}, PEER: {"0": "done"}}
    kept["difference"] = {"seeds": [0]}
    assert begin_set(kept, tmp_path, None) == kept
    again = begin_set(kept, tmp_path, OURS)
    assert again["runs"] == {OURS: {}, PEER: {"0": "done"}}
    assert again["difference"] is None
    (tmp_path / "b.png").write_bytes(b"2")
    assert begin_set(kept, tmp_path, None)["runs"] == {OURS: {}, PEER: {}}


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
