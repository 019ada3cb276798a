"""Frozen features of pixels: grids over the image that fit together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data

from segfit.errors import SegfitError
from segfit.scribbles import features as subject
from segfit.scribbles.features import (
    PixelFeatures,
    choose_cell,
    list_mirrored,
    list_windows,
    open_features,
)

NO_FILTERS = np.empty(0, np.int64)


@pytest.fixture(scope="module")
def extractor():
    return open_features(threads=1)


def test_grids_cover_the_image_from_its_corner(extractor):
    features = extractor.describe(skimage.data.astronaut()[:100, :75])
    assert features.cells_px == (1, 2, 4, 8, 16, 32)
    assert [grid.shape[:2] for grid in features.grids] == [
        (128, 96), (64, 48), (32, 24), (16, 12), (8, 6), (4, 3),
    ]  # fmt: skip
    assert (features.shape, features.image_shape) == ((100, 75), (100, 75))
    assert sum(grid.shape[2] for grid in features.grids) == 387
    assert features.size == 387 + 43 == len(features.worths)
    assert features.nbytes == sum(2 * grid.size for grid in features.grids)
    assert len(repr(features)) < 400


def test_what_looks_far_counts_for_less(extractor):
    features = extractor.describe(np.ascontiguousarray(skimage.data.astronaut()[:64, :64]))
    assert features.worth.tolist() == [1.0] * 235 + [0.5] * (40 + 112)


def test_samples_are_interpolated_on_each_grid():
    fine = np.arange(16, dtype=np.float16).reshape(4, 4, 1)
    coarse = np.array([[0, 4], [8, 12]], np.float16)[..., None]
    features = PixelFeatures(
        (fine, coarse), (1, 2), (4, 4), np.float32([1, 0]), np.ones(2), NO_FILTERS
    )
    points = np.array([[0, 0], [1, 1], [1, 2], [3, 3]])
    np.testing.assert_allclose(features.sample(points), [[-1, 0], [4, 3], [5, 5], [14, 12]])


def test_the_mean_is_that_of_the_image_alone(extractor):
    image = np.full((40, 24, 3), 50, np.uint8)
    image[:, 12:] = 200
    features = extractor.describe(image)
    everywhere = np.argwhere(np.ones((40, 24), bool))
    np.testing.assert_allclose(features.sample(everywhere)[:, :11].mean(axis=0), 0, atol=1e-3)


def test_filters_are_turned_by_the_image_s_brightness(extractor):
    image = np.ascontiguousarray(skimage.data.astronaut()[:64, :64])
    for shown in (image, 255 - image):
        features = extractor.describe(shown)
        rows = features.sample(np.array([[3, 5], [40, 60]]))
        turned = rows[:, features.filters] * (2 * features.mean[0] - 1)
        np.testing.assert_allclose(rows[:, 387:], turned, rtol=1e-5)
    coarsest = features.grids[-2][..., features.filters[-8:] - 115]
    assert 0 <= coarsest[..., 0].min() <= coarsest[..., 0].max() <= 1.01  # lightness, of 16 px


def test_folded_weights_do_the_same():
    grid = np.arange(8, dtype=np.float16).reshape(2, 2, 2)
    features = PixelFeatures((grid,), (1,), (2, 2), np.float32([3, 4]), np.ones(2), np.array([1]))
    weights = np.float32([[1, 2, 3]])
    points = np.argwhere(np.ones((2, 2), bool))
    expected = features.sample(points) @ weights.T
    found = (grid.reshape(4, 2) - features.mean) @ features.fold(weights).T
    np.testing.assert_allclose(found, expected)


def test_windows_say_what_the_whole_says(extractor, monkeypatch):
    image = np.ascontiguousarray(skimage.data.astronaut()[:320, :300])
    whole = extractor.describe(image)
    monkeypatch.setattr(subject, "WINDOW_PX", 160)
    parts = extractor.describe(image)
    filters = [slice(0, 11), slice(0, 8), slice(0, 8)]
    for grid, other, own in zip(whole.grids, parts.grids, filters, strict=False):
        np.testing.assert_allclose(grid[..., own], other[..., own], atol=2e-3)
    for grid, other in zip(whole.grids, parts.grids, strict=True):
        # The encoder looks further than a window does; what it sees there matters little.
        difference = np.abs(grid.astype(float) - other).mean()
        assert difference < 0.1 * np.abs(grid.astype(float)).mean()


def test_large_images_have_coarser_cells(extractor, monkeypatch):
    image = np.ascontiguousarray(skimage.data.astronaut()[:128, :128])
    fine = extractor.describe(image)
    monkeypatch.setitem(subject.LARGEST_PX, 1, 100 * 100)
    coarse = extractor.describe(image)
    assert (coarse.cells_px, coarse.size) == ((2, 4, 8, 16, 32), fine.size)
    means = fine.grids[0].astype(np.float32).reshape(64, 2, 64, 2, 11).mean(axis=(1, 3))
    np.testing.assert_allclose(coarse.grids[0][..., :11], means, atol=2e-3)
    np.testing.assert_array_equal(coarse.grids[0][..., 11:], fine.grids[1])


def test_cells_grow_with_the_image():
    assert [choose_cell(side * side) for side in (1000, 3000, 9000, 14_000, 20_000)] == [
        1, 2, 4, 8, 16,
    ]  # fmt: skip


def test_a_side_goes_on_as_its_mirror_image(monkeypatch):
    monkeypatch.setattr(subject, "MARGIN_PX", 3)
    assert list_mirrored(slice(0, 4), 4).tolist() == [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]
    assert list_mirrored(slice(0, 4), 2).tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1, 1]


@pytest.mark.parametrize("shape", [(32, 32), (1024, 1056), (2080, 5024)])
def test_windows_cover_everything_once(shape):
    seen = np.zeros(shape, np.uint8)
    for rows, columns in list_windows(shape):
        assert rows.start % 32 == columns.start % 32 == 0
        assert rows.stop - rows.start <= subject.WINDOW_PX
        seen[rows, columns] += 1
    assert (seen == 1).all()


def test_threads_get_the_same(extractor):
    images = [np.ascontiguousarray(skimage.data.astronaut()[at : at + 96, :96]) for at in (0, 200)]
    alone = [extractor.describe(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for index, found in enumerate(pool.map(extractor.describe, images * 4)):
            for grid, other in zip(found.grids, alone[index % 2].grids, strict=True):
                np.testing.assert_array_equal(grid, other)


def test_a_tiny_image_is_refused(extractor):
    with pytest.raises(SegfitError, match="1×1"):
        extractor.describe(np.zeros((1, 1, 3), np.uint8))


def test_describing_is_ended_between_steps(extractor, monkeypatch):
    monkeypatch.setattr(subject, "WINDOW_PX", 64)
    seen = []

    def count() -> None:
        seen.append(1)
        if len(seen) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        extractor.describe(skimage.data.astronaut()[:128, :128], on_step=count)
    extractor.describe(skimage.data.astronaut()[:128, :128], on_step=lambda: seen.append(1))
    assert len(seen) == 3 + 4 * 4
