import numpy as np
import pytest
from grids import GRIDS, draw_grid, show_grid
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.partition import LabelGrid, merge_small_regions, partition_of, rasterize

AREAS_PX = st.integers(0, 40) | st.floats(0, 40)


def merge_labels(labels, min_area_px):
    return merge_small_regions(LabelGrid(labels), min_area_px).labels


def merge(image, min_area_px):
    return show_grid(merge_labels(draw_grid(image), min_area_px))


def measure_regions(labels):
    return partition_of(labels).region_areas_px


@settings(deadline=None)
@given(GRIDS, AREAS_PX)
def test_no_small_region_is_left_but_the_only_one(labels, min_area_px):
    merged = merge_labels(labels, min_area_px)
    areas = measure_regions(merged)
    assert len(areas) == 1 or areas.min() >= min_area_px


@settings(deadline=None)
@given(GRIDS, AREAS_PX)
def test_large_regions_keep_every_pixel(labels, min_area_px):
    merged = merge_labels(labels, min_area_px)
    large = measure_regions(labels) >= min_area_px
    kept = large[rasterize(partition_of(labels))]
    np.testing.assert_array_equal(merged[kept], labels[kept])


@settings(deadline=None)
@given(GRIDS, AREAS_PX)
def test_regions_move_as_a_whole(labels, min_area_px):
    # So no border comes to be where there was none, and no label either.
    merged = merge_labels(labels, min_area_px)
    for axis in (0, 1):
        new = np.diff(merged.astype(int), axis=axis) != 0
        assert not (new & (np.diff(labels.astype(int), axis=axis) == 0)).any()
    assert np.isin(merged, labels).all()


@settings(deadline=None)
@given(GRIDS, AREAS_PX)
def test_merging_again_changes_nothing(labels, min_area_px):
    merged = merge_labels(labels, min_area_px)
    np.testing.assert_array_equal(merge_labels(merged, min_area_px), merged)


@settings(deadline=None)
@given(GRIDS, AREAS_PX)
def test_input_stays_as_it_was(labels, min_area_px):
    before = labels.copy()
    labels.flags.writeable = False
    merged = merge_labels(labels, min_area_px)
    np.testing.assert_array_equal(labels, before)
    assert merged.shape == labels.shape
    assert merged.dtype == labels.dtype
    assert not np.shares_memory(merged, labels)


@settings(deadline=None)
@given(GRIDS)
def test_every_region_has_a_pixel(labels):
    np.testing.assert_array_equal(merge_labels(labels, 1), labels)


@pytest.mark.parametrize(
    ("before", "min_area_px", "after"),
    [
        # Three sides against one.
        ("0011 0211 0011", 2, "0011 0011 0011"),
        ("0111 0211 0111", 2, "0111 0111 0111"),
        # As large as is asked for is large enough.
        ("0000 0110 0000", 2, "0000 0110 0000"),
        ("0000 0110 0000", 2.5, "0000 0000 0000"),
        # By the length of the border, not by the size of the neighbour.
        ("000000 111111 122111 133333 133333", 3, "000000 111111 111111 133333 133333"),
        # At the edge, the outside is no neighbour.
        ("2200000 1111111", 3, "1100000 1111111"),
        # Pixels that touch at a corner are two regions.
        ("0000 0100 0010 0000", 2, "0000 0000 0000 0000"),
    ],
)
def test_small_region_goes_to_the_neighbour_with_the_longest_border(before, min_area_px, after):
    assert merge(before, min_area_px) == after


@pytest.mark.parametrize("min_area_px", [0, 1, 6, 7, 1e9])
def test_image_of_one_region_stays(min_area_px):
    assert merge("333 333", min_area_px) == "333 333"


@pytest.mark.parametrize("min_area_px", [2, 3, 4])
def test_images_of_small_regions_end_as_one(min_area_px):
    assert merge("01", min_area_px) in ("00", "11")


def test_smallest_goes_first():
    # The pupil (1) goes to the iris (2), which is then large enough to stay.
    eye = "1233 2233 3333 3333"
    assert merge(eye, 4) == "2233 2233 3333 3333"
    assert merge(eye, 5) == "3333 3333 3333 3333"


def test_chain_of_small_regions():
    # Along a row of single pixels, each merges with its neighbours until it is large enough.
    merged = merge_labels(draw_grid("01234567"), 3)
    assert (measure_regions(merged) >= 3).all()
    assert len(np.unique(merged)) > 1


def test_small_regions_in_each_other_go_outwards():
    rings = "00000000 01111110 01222210 01233210 01222210 01111110 00000000"
    assert merge(rings, 3) == rings.replace("3", "2")
    assert merge(rings, 13) == rings.replace("3", "2").replace("2", "1")
    # By now the outermost is the smaller of the two that are left.
    assert merge(rings, 27) == " ".join(["11111111"] * 7)


def test_noise_ends_without_specks():
    noise = np.random.default_rng(0).integers(0, 5, (60, 80), dtype=np.uint8)
    assert measure_regions(merge_labels(noise, 50)).min() >= 50
