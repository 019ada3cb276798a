"""Images that are shrunk once to what training looks at."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from segfit.datasets import LabelledData
from segfit.datasets.labelled import Dataset, Reading, Source
from segfit.errors import SegfitError
from segfit.model.scaling import Scaling
from segfit.training.checkpoint import checkpoint_path
from segfit.training.data.material import ShrunkFolder, plan_shrinking, shrink_images

HALF = Scaling("field", factor=0.25)
"""Of which twice the working resolution is kept: half of the images' own."""


@pytest.fixture
def counted(make_dataset):
    """Data of 3 + 2 images, 48×64, of 4×4 blocks of one class, and how often each was read."""
    rng = np.random.default_rng(0)
    reads = []

    def build(split, count):
        blocks = [rng.integers(0, 2, (12, 16)).astype(np.uint8) for _ in range(count)]
        labels = [np.kron(block, np.ones((4, 4), np.uint8)) for block in blocks]
        images = [np.repeat(200 * grid[..., None], 3, 2) for grid in labels]
        plain = make_dataset(list(zip(images, labels, strict=True)))

        def read(index):
            reads.append((split, index))
            return Reading(images[index], labels[index])

        sources = [Source(f"{index}", lambda index=index: read(index)) for index in range(count)]
        return Dataset(plain.classes, sources, stats=plain.stats)

    splits = {"train": build("train", 3), "val": build("val", 2)}
    return LabelledData(splits["train"].classes, splits, ()), reads


def plan_for(make_dataset, shape, scaling, folder):
    dataset = make_dataset([(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8))])
    data = LabelledData(dataset.classes, {"train": dataset, "val": dataset}, ())
    return plan_shrinking(data, scaling, folder)


def test_a_frame_keeps_twice_its_working_resolution(make_dataset, tmp_path):
    scaling = Scaling("frame", long_side_px=512)  # works at 384×512
    shrinking = plan_for(make_dataset, (3000, 4000), scaling, tmp_path / "x")
    assert shrinking.sizes == ((768, 1024),) * 2
    assert shrinking.stored == 2
    assert shrinking.bytes == 2 * 768 * 1024 * 4


def test_a_frame_keeps_no_more_than_regressors_look_at(make_dataset, tmp_path):
    scaling = Scaling("frame", long_side_px=1024)  # works at 1024×1024, all that a view holds
    shrinking = plan_for(make_dataset, (3000, 3000), scaling, tmp_path / "x")
    assert shrinking.sizes == ((1024, 1024),) * 2


@pytest.mark.parametrize(
    ("shape", "scaling"),
    [
        ((512, 400), Scaling("frame", long_side_px=256)),  # twice of it is all there is
        ((900, 1200), Scaling("frame", long_side_px=512)),  # which is little more
        ((3000, 3000), Scaling("field", factor=0.5)),
        ((3000, 3000), Scaling("field", factor=1.0)),
    ],
)
def test_images_that_are_no_larger_stay_as_they_are(make_dataset, tmp_path, shape, scaling):
    shrinking = plan_for(make_dataset, shape, scaling, tmp_path / "x")
    assert not shrinking.is_needed


def test_what_is_not_shrunk_is_not_copied(counted, tmp_path):
    data, reads = counted
    scaling = Scaling("field", factor=1.0)
    shrinking = plan_shrinking(data, scaling, tmp_path / "x")
    material = shrink_images(data, scaling, shrinking, tmp_path / "x")
    assert (material.data, material.scaling) == (data, scaling)
    assert reads == []
    assert not any(tmp_path.iterdir())


def test_images_and_labels_are_shrunk_and_read_once(counted, tmp_path):
    data, reads = counted
    folder = tmp_path / "x.segfit.images"
    material = shrink_images(data, HALF, plan_shrinking(data, HALF, folder), folder)
    assert material.scaling == Scaling("field", factor=0.5)
    assert len(reads) == 5
    for split in ("train", "val"):
        for index, name in enumerate(data.splits[split].names):
            for _ in range(3):
                shrunk = material.data.splits[split][index]
            whole = data.splits[split][index]
            assert shrunk.name == name
            np.testing.assert_array_equal(shrunk.labels, whole.labels[::2, ::2])
            np.testing.assert_array_equal(shrunk.image, whole.image[::2, ::2])
    assert len(reads) == 10  # five for this comparison


def test_shrunk_images_take_part_in_subsets(counted, tmp_path):
    data, _ = counted
    folder = tmp_path / "x.segfit.images"
    material = shrink_images(data, HALF, plan_shrinking(data, HALF, folder), folder)
    last = material.data.splits["train"].subset([2])[0]
    np.testing.assert_array_equal(last.labels, data.splits["train"][2].labels[::2, ::2])


def test_a_resumed_training_takes_what_lies_there(counted, tmp_path):
    data, reads = counted
    folder = tmp_path / "x.segfit.images"
    shrinking = plan_shrinking(data, HALF, folder)
    shrink_images(data, HALF, shrinking, folder)
    reads.clear()
    again = shrink_images(data, HALF, shrinking, folder)
    assert again.data.splits["val"][1].labels.shape == (24, 32)
    assert reads == []


def test_what_lies_there_of_other_images_or_is_not_whole_is_made_anew(counted, tmp_path):
    data, reads = counted
    folder = tmp_path / "x.segfit.images"
    shrinking = plan_shrinking(data, HALF, folder)
    shrink_images(data, HALF, shrinking, folder)
    for spoil in (
        lambda: (folder / "contents.json").unlink(),
        lambda: (folder / "contents.json").write_text('{"names": [], "sizes": []}'),
        lambda: (folder / "contents.json").write_text('{"names"'),
    ):
        spoil()
        reads.clear()
        shrink_images(data, HALF, shrinking, folder)
        assert len(reads) == 5


def test_without_room_images_are_read_each_time(counted, tmp_path, monkeypatch):
    data, reads = counted
    folder = tmp_path / "x.segfit.images"
    one_bytes = 24 * 32 * 4
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=9 * one_bytes))
    shrinking = plan_shrinking(data, HALF, folder)
    assert (shrinking.stored, shrinking.bytes) == (4, 4 * one_bytes)
    assert "1 image more are read each time" in shrinking.describe(folder)
    material = shrink_images(data, HALF, shrinking, folder)
    assert len(reads) == 4
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            shrunk = material.data.splits[split][index].labels
            np.testing.assert_array_equal(shrunk, data.splits[split][index].labels[::2, ::2])
    assert reads.count(("val", 1)) == 2


def test_a_folder_that_cannot_be_made_is_said(counted, tmp_path):
    data, _ = counted
    folder = tmp_path / "no" / "x.segfit.images"
    shrinking = plan_shrinking(data, HALF, tmp_path / "x")
    with pytest.raises(SegfitError, match="shrunk images cannot be kept"):
        shrink_images(data, HALF, shrinking, folder)


@pytest.mark.parametrize(
    ("fails", "has_checkpoint", "stays"),
    [(False, True, False), (True, False, False), (True, True, True)],
)
def test_shrunk_images_stay_with_a_checkpoint_only(tmp_path, fails, has_checkpoint, stays):
    output = tmp_path / "x.segfit"
    if has_checkpoint:
        checkpoint_path(output).write_text("")

    def use(folder: Path) -> None:
        folder.mkdir()
        if fails:
            raise KeyboardInterrupt

    try:
        with ShrunkFolder(output) as folder:
            use(folder)
    except KeyboardInterrupt:
        assert fails
    assert folder.exists() == stays
