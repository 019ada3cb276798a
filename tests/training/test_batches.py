"""Batches: a step's batch depends on the seed and the step, and on nothing else."""

import numpy as np
import pytest
import torch

from segfit.classes import IGNORE
from segfit.imaging.pyramid import Pyramid
from segfit.model.scaling import Scaling
from segfit.training.data import batches as module
from segfit.training.data.augment import Augmentation
from segfit.training.data.batches import Batches, WorkingImages

KEEP = Scaling("field")
STILL = Augmentation(
    flip_horizontal=False, rotation_deg=0, zoom=1, crop=False, color=0, noise=0, blur=0
)


@pytest.fixture
def numbered(make_dataset):
    """Seven images, each of one level: its number times ten."""
    labels = np.tile(np.arange(64, dtype=np.uint8) // 32, (64, 1))
    pairs = [(np.full((64, 64, 3), 10 * n, np.uint8), labels) for n in range(7)]
    return make_dataset(pairs)


def make_batches(dataset, *, seed=0, batch=2, augmentation=STILL):
    images = WorkingImages(dataset, KEEP)
    return Batches(images, crop_px=(64, 64), batch=batch, augmentation=augmentation, seed=seed)


def numbers_of(images):
    return (images[:, 0, 0, 0] // 10).tolist()


def test_a_batch_is_bytes_and_class_numbers(numbered):
    batch = make_batches(numbered).make(0, coarse=False)
    images, labels = batch.images, batch.labels
    assert batch.objects is None
    assert images.shape == (2, 64, 64, 3)
    assert images.dtype == torch.uint8
    assert labels.shape == (2, 64, 64)
    assert labels.dtype == torch.int64
    assert labels[0, 0, [31, 32]].tolist() == [0, 1]


def test_coarse_batch_is_twice_as_many_at_half_the_size(numbered):
    batch = make_batches(numbered).make(0, coarse=True)
    images, labels = batch.images, batch.labels
    assert images.shape == (4, 32, 32, 3)
    assert labels.shape == (4, 32, 32)
    assert labels[0, 0, [15, 16]].tolist() == [0, 1]


def test_every_image_comes_once_in_an_epoch(numbered):
    made = make_batches(numbered, batch=1)
    epochs = [
        [numbers_of(made.make(7 * epoch + step, coarse=False).images)[0] for step in range(7)]
        for epoch in range(4)
    ]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_same_step_gives_the_same_batch_wherever_one_begins(numbered):
    lively = make_batches(numbered, augmentation=Augmentation())
    again = make_batches(numbered, augmentation=Augmentation())
    again.make(5, coarse=False)
    for step in (4, 0, 2):
        coarse = step < 3
        made, expected = again.make(step, coarse=coarse), lively.make(step, coarse=coarse)
        assert torch.equal(made.images, expected.images)
        assert torch.equal(made.labels, expected.labels)


def test_another_seed_gives_other_batches(numbered):
    first, second = (
        make_batches(numbered, seed=seed, augmentation=Augmentation()).make(0, coarse=False)
        for seed in (0, 1)
    )
    assert not torch.equal(first.images, second.images)


def test_coarse_batch_has_twice_the_crops_of_half_the_size(numbered):
    batches = make_batches(numbered)
    coarse, fine = (batches.make(0, coarse=coarse).images.shape for coarse in (True, False))
    assert coarse == (2 * fine[0], fine[1] // 2, fine[2] // 2, 3)


def test_working_images_are_scaled_and_kept(make_dataset):
    labels = np.tile(np.uint8([0, 1, 1, IGNORE]).repeat(16), (32, 1))
    dataset = make_dataset([(np.full((32, 64, 3), 7, np.uint8), labels)])
    working = WorkingImages(dataset, Scaling("frame", long_side_px=32))
    seen = working.read(0, coarse=False)
    assert seen.image.shape == (16, 32, 3)
    assert seen.labels[0].tolist() == [0] * 8 + [1] * 16 + [IGNORE] * 8
    assert working.read(0, coarse=False) is seen
    coarse = working.read(0, coarse=True)
    assert coarse.labels.shape == (8, 16)
    assert len(working) == 1


def test_what_does_not_fit_into_memory_is_read_again(numbered, monkeypatch):
    monkeypatch.setattr(module, "CACHE_BYTES", 3 * 64 * 64 * 4)
    working = WorkingImages(numbered, KEEP)
    views = [working.read(index, coarse=False) for index in range(7)]
    kept = [working.read(index, coarse=False) is view for index, view in enumerate(views)]
    assert kept == [True, True, True, False, False, False, False]
    assert [int(view.image[0, 0, 0]) for view in views] == [0, 10, 20, 30, 40, 50, 60]


def test_objects_come_with_their_labels(make_dataset):
    labels = np.tile(np.uint8([0, 1, 1, 0]).repeat(16), (64, 1))
    objects = np.where(labels == 1, np.arange(64) // 32 + 1, 0).astype(np.int32)
    data = make_dataset([(np.zeros((64, 64, 3), np.uint8), labels, objects)] * 2)
    for coarse in (False, True):
        batch = make_batches(data).make(0, coarse=coarse)
        middle = batch.labels.shape[2] // 2
        assert batch.objects[0, 0, middle - 1 : middle + 1].tolist() == [1, 2]
        np.testing.assert_array_equal(batch.objects > 0, batch.labels.numpy() == 1)


def test_images_are_seen_as_prediction_sees_them(make_dataset):
    """Dim images are spread out before anything else is done to them."""
    labels = np.tile(np.arange(64, dtype=np.uint8) // 32, (64, 1))
    dim = np.repeat(labels[..., None] * np.uint8(20) + np.uint8(4), 3, axis=2)
    scaling = Scaling("field", stretch=True)
    seen = WorkingImages(make_dataset([(dim, labels)]), scaling).read(0, coarse=False)
    np.testing.assert_array_equal(seen.image, labels[..., None] * np.full(3, 255, np.uint8))
    np.testing.assert_array_equal(seen.image, scaling.prepare(Pyramid(dim)))


def test_an_epochs_order_is_drawn_once_and_not_for_every_crop():
    module._order_epoch.cache_clear()
    picked = [module.pick_index(position, 7, seed=3) for position in range(14)]
    orders = [np.random.default_rng((3, epoch)).permutation(7).tolist() for epoch in (0, 1)]
    assert picked == orders[0] + orders[1]
    assert module._order_epoch.cache_info().misses == 2


@pytest.fixture
def sparse(make_dataset):
    """Three images of 200×300 px with an object of 4×4 px each, and one without."""
    pairs = []
    for row in (10, 100, 180, None):
        labels = np.zeros((200, 300), np.uint8)
        if row is not None:
            labels[row : row + 4, row + 60 : row + 64] = 1
        pairs.append((np.repeat(labels[..., None] * 200, 3, axis=2), labels))
    return make_dataset(pairs)


def show_foreground(dataset, *, oversampling, background=0):
    """Share of crops that show foreground, of 40 steps."""
    batches = Batches(
        WorkingImages(dataset, KEEP),
        crop_px=(64, 64),
        batch=2,
        augmentation=Augmentation(),
        seed=0,
        background=background,
        oversampling=oversampling,
    )
    shown = [(batches.make(step, coarse=False).labels == 1).any(dim=(1, 2)) for step in range(40)]
    return torch.cat(shown).float().mean().item()


def test_oversampled_crops_show_foreground_where_there_is_any(sparse):
    assert show_foreground(sparse, oversampling=1) == 0.75
    assert show_foreground(sparse, oversampling=0) < 0.2
    assert 0.3 < show_foreground(sparse, oversampling=0.5) < 0.6


def test_nothing_is_oversampled_where_no_class_is_background(sparse):
    anywhere = show_foreground(sparse, oversampling=0)
    assert show_foreground(sparse, oversampling=1, background=None) == anywhere
