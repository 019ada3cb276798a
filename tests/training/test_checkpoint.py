"""Where a training stood, on disk."""

import random
from dataclasses import replace

import pytest
import torch

from segfit.errors import SegfitError
from segfit.training.checkpoint import (
    Checkpoint,
    Request,
    checkpoint_path,
    read_checkpoint,
    write_checkpoint,
)

CHECKPOINT = Checkpoint(
    Request("classifier", base=None, seed=3),
    plan={"batch": 2},
    classes=["background", "square"],
    images=["a", "b"],
    states={
        "classifier": {
            "network": {"weight": torch.arange(3000.0)},
            "step": 7,
            "rounds": [{"iou": (1.0,)}],
        }
    },
)


def weight_in(checkpoint):
    return checkpoint.states["classifier"]["network"]["weight"]


@pytest.fixture
def path(tmp_path):
    return checkpoint_path(tmp_path / "faces.segfit")


def test_lies_beside_the_model(path, tmp_path):
    assert path == tmp_path / "faces.segfit.checkpoint"


def test_what_is_written_is_read(path):
    write_checkpoint(path, CHECKPOINT)
    read = read_checkpoint(path)
    assert torch.equal(weight_in(read), torch.arange(3000.0))
    assert read.request == CHECKPOINT.request
    assert (read.plan, read.classes, read.images) == (
        CHECKPOINT.plan, CHECKPOINT.classes, CHECKPOINT.images,
    )  # fmt: skip
    assert read.states["classifier"]["rounds"] == [{"iou": (1.0,)}]


def test_newer_one_replaces_the_older(path):
    write_checkpoint(path, CHECKPOINT)
    write_checkpoint(path, replace(CHECKPOINT, classes=["a", "b"]))
    assert read_checkpoint(path).classes == ["a", "b"]
    assert [left.name for left in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("content", "format_read"),
    [
        ({"training": {}, "component": "both", "base": None, "seed": 0, "plan": {}}, 1),
        ({"checkpoint_format": 3, "anything": 1}, 3),
    ],
)
def test_another_format_is_refused_by_its_number(path, content, format_read):
    torch.save(content, path)
    with pytest.raises(
        SegfitError,
        match=rf"its format is {format_read}, this version reads format 2.*without --resume",
    ):
        read_checkpoint(path)


def test_missing_checkpoint_is_explained(path):
    with pytest.raises(SegfitError, match="no such checkpoint; train without --resume"):
        read_checkpoint(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_truncated_checkpoint_is_explained(path, share):
    write_checkpoint(path, CHECKPOINT)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        SegfitError, match="is not a checkpoint, or it is damaged: train without --resume"
    ):
        read_checkpoint(path)


@pytest.mark.parametrize("place", [0, 1, 100, 5000, 12000, -30])
def test_damaged_checkpoint_is_explained_or_whole(path, place):
    write_checkpoint(path, CHECKPOINT)
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(content)
    try:
        read = read_checkpoint(path)
    except SegfitError:
        return
    assert torch.equal(weight_in(read), torch.arange(3000.0))


@pytest.mark.parametrize("seed", range(10))
def test_foreign_file_is_explained(path, seed):
    path.write_bytes(b"\x80\x02" * (seed % 2) + random.Random(seed).randbytes(300))
    with pytest.raises(SegfitError, match="is not a checkpoint, or it is damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "state",
    [
        {"weight": torch.zeros(2)},
        [1, 2],
        torch.zeros(3),
        {"checkpoint_format": 2},
        {"checkpoint_format": 2, **vars(CHECKPOINT), "request": {"wrong": 1}},
    ],
)
def test_other_torch_file_is_explained(path, state):
    torch.save(state, path)
    with pytest.raises(SegfitError, match="is not a checkpoint, or it is damaged"):
        read_checkpoint(path)


class Mischief:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def test_nothing_in_a_checkpoint_is_executed(path):
    torch.save({**vars(CHECKPOINT), "request": {}, "extra": Mischief()}, path)
    with pytest.raises(SegfitError, match="is not a checkpoint, or it is damaged"):
        read_checkpoint(path)
