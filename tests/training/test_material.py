"""Images that are shrunk once to what training looks at."""

import shutil

import numpy as np
import pytest

from segfit.datasets import LabelledData
from segfit.datasets.labelled import Dataset, Reading, Source
from segfit.errors import SegfitError
from segfit.model.scaling import Scaling
from segfit.training.data.material import plan_shrinking, shrink_images
from segfit.training.data.shrunk import ShrunkImages

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


@pytest.fixture
def shrunk(tmp_path):
    with ShrunkImages(tmp_path / "x.segfit") as images:
        yield images


def plan_for(make_dataset, shape, scaling, shrunk):
    dataset = make_dataset([(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8))])
    data = LabelledData(dataset.classes, {"train": dataset, "val": dataset}, ())
    return plan_shrinking(data, scaling, shrunk)


@pytest.mark.parametrize("long_side_px", [512, 1024])
def test_a_frame_keeps_what_regressors_look_at(make_dataset, shrunk, long_side_px):
    shrinking = plan_for(make_dataset, (3000, 4000), Scaling("frame", long_side_px), shrunk)
    assert shrinking.sizes == ((887, 1182),) * 2  # a megapixel


def test_a_frame_keeps_its_working_resolution(make_dataset, shrunk):
    shrinking = plan_for(make_dataset, (3000, 4000), Scaling("frame", 2000), shrunk)
    assert shrinking.sizes == ((1500, 2000),) * 2


@pytest.mark.parametrize(
    ("shape", "scaling"),
    [
        ((512, 400), Scaling("frame", long_side_px=256)),
        ((1100, 1400), Scaling("frame", long_side_px=512)),  # little more than a megapixel
        ((3000, 3000), Scaling("field", factor=0.5)),
        ((3000, 3000), Scaling("field", factor=1.0)),
    ],
)
def test_images_that_are_no_larger_stay_as_they_are(make_dataset, shrunk, shape, scaling):
    assert not plan_for(make_dataset, shape, scaling, shrunk).is_needed


def test_what_is_not_shrunk_is_not_copied(counted, shrunk, tmp_path):
    data, reads = counted
    scaling = Scaling("field", factor=1.0)
    material = shrink_images(data, scaling, plan_shrinking(data, scaling, shrunk), shrunk)
    assert (material.data, material.scaling) == (data, scaling)
    assert reads == []
    assert not any(tmp_path.iterdir())


def test_images_and_labels_are_shrunk_and_read_once(counted, shrunk):
    data, reads = counted
    material = shrink_images(data, HALF, plan_shrinking(data, HALF, shrunk), shrunk)
    assert material.scaling == Scaling("field", factor=0.5)
    assert len(reads) == 5
    for split in ("train", "val"):
        for index, name in enumerate(data.splits[split].names):
            for _ in range(3):
                small = material.data.splits[split][index]
            whole = data.splits[split][index]
            assert small.name == name
            np.testing.assert_array_equal(small.labels, whole.labels[::2, ::2])
            np.testing.assert_array_equal(small.image, whole.image[::2, ::2])
    assert len(reads) == 10  # five for this comparison


def test_shrunk_images_take_part_in_subsets(counted, shrunk):
    data, _ = counted
    material = shrink_images(data, HALF, plan_shrinking(data, HALF, shrunk), shrunk)
    last = material.data.splits["train"].subset([2])[0]
    np.testing.assert_array_equal(last.labels, data.splits["train"][2].labels[::2, ::2])


@pytest.fixture
def opened(counted, shrunk, monkeypatch):
    """The same data, of which views were kept when it was opened; a view has 24×32 px."""
    data, reads = counted
    monkeypatch.setattr("segfit.training.data.shrunk.LARGEST_VIEW_PX", 24 * 32)
    monkeypatch.setattr("segfit.training.data.material.LARGEST_VIEW_PX", 24 * 32)
    for split in data.splits.values():
        for source in split.sources:
            shrunk.keep_view(source, source.read())
    reads.clear()
    return data, reads


def test_a_frame_is_not_read_again_after_opening(opened, shrunk):
    data, reads = opened
    scaling = Scaling("frame", long_side_px=32)
    shrinking = plan_shrinking(data, scaling, shrunk)
    assert (shrinking.missing, shrinking.unkept) == (0, 0)
    material = shrink_images(data, scaling, shrinking, shrunk)
    for split in ("train", "val"):
        for index in range(len(material.data.splits[split])):
            assert material.data.splits[split][index].labels.shape == (24, 32)
    assert reads == []


def test_a_field_drops_what_a_frame_would_need(opened, shrunk):
    data, reads = opened
    assert shrunk.folder.exists()
    scaling = Scaling("field", factor=1.0)
    assert not plan_shrinking(data, scaling, shrunk).is_needed
    assert not shrunk.folder.exists()
    assert reads == []


def test_without_room_images_are_read_each_time(counted, tmp_path, monkeypatch):
    data, reads = counted
    one_bytes = 24 * 32 * 4
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=9 * one_bytes))
    with ShrunkImages(tmp_path / "x.segfit") as shrunk:
        shrinking = plan_shrinking(data, HALF, shrunk)
        assert (shrinking.missing, shrinking.unkept) == (5, 1)
        assert "1 image more are read each time" in shrinking.describe(shrunk)
        material = shrink_images(data, HALF, shrinking, shrunk)
        for split, count in (("train", 3), ("val", 2)):
            for index in range(count):
                small = material.data.splits[split][index].labels
                np.testing.assert_array_equal(small, data.splits[split][index].labels[::2, ::2])
        # Each is read for shrinking and for this comparison, one for being looked at, too.
        assert len(reads) == 5 + 5 + 1


def test_a_folder_that_cannot_be_made_is_said(counted, tmp_path, monkeypatch):
    data, _ = counted
    shrunk = ShrunkImages(tmp_path / "x.segfit")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(SegfitError, match=r"cannot be kept in .* \(No space left"):
        shrink_images(data, HALF, plan_shrinking(data, HALF, shrunk), shrunk)


@pytest.mark.parametrize("kind", ["folder", "file", "link", "dangling"])
def test_what_is_the_user_s_is_left_alone(tmp_path, kind):
    place = tmp_path / "x.segfit.images"
    own = tmp_path / "own"
    own.mkdir()
    (own / "holiday.txt").write_text("mine")
    if kind == "folder":
        own.rename(place)
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(own if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(SegfitError, match=r"x\.segfit\.images is in the way"):
        ShrunkImages(tmp_path / "x.segfit")
    assert place.is_symlink() or place.exists()
    assert (kind == "folder") == (place / "holiday.txt").is_file() or kind == "link"


def test_what_a_killed_training_has_left_goes(counted, tmp_path):
    data, _ = counted
    killed = ShrunkImages(tmp_path / "x.segfit")
    shrink_images(data, HALF, plan_shrinking(data, HALF, killed), killed)
    assert killed.folder.exists()
    with ShrunkImages(tmp_path / "x.segfit") as shrunk:
        assert not shrunk.folder.exists()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_nothing_is_left_of_shrunk_images(counted, tmp_path, error):
    data, _ = counted

    def use():
        with ShrunkImages(tmp_path / "x.segfit") as shrunk:
            shrink_images(data, HALF, plan_shrinking(data, HALF, shrunk), shrunk)
            assert any(shrunk.folder.iterdir())
            if error:
                raise error

    if error:
        with pytest.raises(error):
            use()
    else:
        use()
    assert not any(tmp_path.iterdir())
