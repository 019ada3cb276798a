"""Arrays as NumPy's many users have them: read right, or refused with advice that is right."""

import numpy as np
import pytest
import torch

import segfit

RAMP = np.arange(0, 60, 10).reshape(2, 3)  # its smallest value becomes 0, its largest 255
AS_SHOWN = [0, 51, 102, 153, 204, 255]


class Chunked:
    """What a zarr or a dask array is to NumPy: something that gives an array when asked."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return self._values


def read(values):
    image = segfit.read_image(values)
    assert (image.dtype, image.flags.c_contiguous) == (np.uint8, True)
    assert (image == image[..., :1]).all()
    return image[..., 0].ravel().tolist()


@pytest.mark.parametrize(
    "kind",
    ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", ">u2", ">i2", ">i4", ">u4", ">f4"],
)
def test_every_kind_of_number_is_spread_over_8_bits_by_one_rule(kind):
    assert read(RAMP.astype(kind)) == AS_SHOWN
    assert read((RAMP * 100).astype(kind)) == AS_SHOWN


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "f2", "f4"])
def test_negative_values_do_not_wrap(kind):
    assert read((RAMP - 30).astype(kind)) == AS_SHOWN


def test_8_bits_and_bool_stay_as_they_are():
    assert read(RAMP.astype(np.uint8)) == RAMP.ravel().tolist()
    assert read(RAMP > 25) == [0, 0, 0, 255, 255, 255]


def test_views_maps_and_chunks_are_read_like_arrays_in_memory(tmp_path):
    values = RAMP.astype(np.uint16)
    values.setflags(write=False)
    assert read(values) == AS_SHOWN
    assert read(values[::-1, ::-1]) == AS_SHOWN[::-1]
    assert read(np.asfortranarray(values)) == AS_SHOWN
    assert read(np.repeat(values, 2, axis=1)[:, ::2]) == AS_SHOWN
    np.save(tmp_path / "a.npy", values)
    assert read(np.load(tmp_path / "a.npy", mmap_mode="r")) == AS_SHOWN
    assert read(Chunked(values)) == AS_SHOWN
    assert read(torch.from_numpy(RAMP)) == AS_SHOWN


def test_an_array_that_is_an_image_already_is_not_copied_and_not_written_to():
    image = np.zeros((4, 5, 3), np.uint8)
    image.setflags(write=False)
    assert segfit.read_image(image) is image
    assert segfit.read_image(image, channels=(0, 1, 2)) is image


def test_values_beyond_the_percentiles_are_clipped_and_nan_is_black():
    values = np.full((100, 100), 1000.0)
    values[:50] = 2000
    values[0, 0], values[0, 1] = np.nan, 1e9
    image = segfit.read_image(values)[..., 0]
    assert (image[0, :3].tolist(), image[99, 0]) == ([0, 255, 255], 0)


def test_channels_of_an_array_are_chosen():
    values = np.zeros((40, 50, 6), np.uint8)
    values[..., 4], values[..., 1] = 40, 10
    with pytest.raises(segfit.SegfitError, match=r"has 6 channels \(0 c0, .*channels=\(0,1,2\)"):
        segfit.read_image(values)
    assert segfit.read_image(values, channels=(4, 1, 4))[0, 0].tolist() == [40, 10, 40]
    assert segfit.read_image(values, channels=(4,))[0, 0].tolist() == [40, 40, 40]


def test_a_fourth_channel_that_is_no_alpha_is_asked_about():
    values = np.full((8, 8, 4), 77, np.uint8)
    with pytest.raises(segfit.SegfitError, match="calls its channel 3 alpha, but most"):
        segfit.read_image(values)
    assert segfit.read_image(values, channels=(0, 1, 2))[0, 0].tolist() == [77, 77, 77]
    values[..., 3] = 255
    assert segfit.read_image(values)[0, 0].tolist() == [77, 77, 77]
    values[..., 3] = 0
    assert segfit.read_image(values)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (np.zeros((8, 9), np.complex64), r"np\.abs\(array\)"),
        (np.zeros((8, 9), object), r"array\.astype\(float\)"),
        (np.zeros((8, 9), "M8[s]"), r"array\.astype\(float\)"),
        (np.zeros((5, 8, 9), np.uint8), r"np\.moveaxis\(array, 0, -1\)"),
        (torch.zeros(3, 8, 9), r"tensor\.permute\(1, 2, 0\)"),
        (torch.zeros(8, 9, dtype=torch.bfloat16), r"a Tensor cannot be read as an array"),
        (np.ma.masked_less(np.arange(12).reshape(3, 4), 5), r"are masked.*array\.filled\(0\)"),
    ],
)
def test_what_is_no_image_is_refused_with_advice_that_helps(values, advice):
    with pytest.raises(segfit.SegfitError, match=advice) as refusal:
        segfit.read_image(values)
    assert "uint8)" not in str(refusal.value)  # .astype(np.uint8) wraps values


@pytest.mark.parametrize("channels", [(), (0, 1), (0, 1, 2, 3), (-1,), (0, 1, 9)])
def test_channels_that_cannot_be_are_refused(channels):
    with pytest.raises(segfit.SegfitError, match="channel"):
        segfit.read_image(np.zeros((4, 5, 3), np.uint8), channels=channels)
