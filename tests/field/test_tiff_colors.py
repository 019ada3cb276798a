"""TIFFs whose values are not simply levels of red, green and blue, and those that are damaged."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.color import rgb2lab
from tiffs import COLORS, RED_RAMP, encode_tiff

import segfit
from segfit.imaging import tiff_decoding
from segfit.imaging.files import decode_values, open_image_file
from segfit.imaging.read import read_stored

NOISE = np.random.default_rng(0).integers(0, 256, (40, 48, 3)).astype(np.uint8)


def read_as_mask(file):
    return decode_values(open_image_file(file), palette_as_colors=False)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_zero_is_white_is_shown_so_at_every_depth_and_measured_as_it_is(kind):
    values = (RED_RAMP / 220).astype(kind) if kind is np.float32 else RED_RAMP.astype(kind)
    shown = {}
    for photometric in ("minisblack", "miniswhite"):
        file = encode_tiff(values, photometric=photometric)
        shown[photometric] = segfit.read_image(file)
        np.testing.assert_array_equal(read_stored(file).values[..., 0], values)
        np.testing.assert_array_equal(read_as_mask(file), values)
    np.testing.assert_array_equal(shown["miniswhite"], 255 - shown["minisblack"])


def test_a_single_bit_is_black_or_white():
    mask = RED_RAMP > 100
    shown = segfit.read_image(encode_tiff(mask, photometric="minisblack"))
    np.testing.assert_array_equal(shown[..., 0], 255 * mask)
    inverted = segfit.read_image(encode_tiff(mask, photometric="miniswhite"))
    np.testing.assert_array_equal(inverted[..., 0], 255 * ~mask)


def test_a_palette_is_shown_by_its_colors_and_measured_by_its_values():
    colormap = np.zeros((3, 256), np.uint16)
    colormap[0, 3], colormap[2, 5] = 65535, 65535
    values = np.array([[3, 5], [0, 3]], np.uint8)
    file = encode_tiff(values, photometric="palette", colormap=colormap)
    assert segfit.read_image(file)[0].tolist() == [[255, 0, 0], [0, 0, 255]]
    np.testing.assert_array_equal(read_as_mask(file), values)
    (measured,) = read_stored(file).measured.values()
    np.testing.assert_array_equal(measured, values)


def test_cmyk_is_ink_on_white_paper():
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255]]], np.uint8)
    expected = [[255, 255, 255], [0, 255, 255], [255, 0, 0], [0, 0, 0]]
    assert segfit.read_image(encode_tiff(inks, photometric="separated"))[0].tolist() == expected
    deep = encode_tiff(inks.astype(np.uint16) * 257, photometric="separated")
    assert segfit.read_image(deep)[0].tolist() == expected


@pytest.mark.parametrize("photometric", ["cielab", "icclab"])
@pytest.mark.parametrize("deep", [False, True])
def test_cielab_comes_back_as_the_colors_that_it_was_made_from(photometric, deep):
    lab = rgb2lab(COLORS, illuminant="D50")
    is_signed, unit = photometric == "cielab", 256 if deep else 1
    top = (65535 if is_signed else 65280) if deep else 255
    axes = np.rint((lab[..., 1:] + (0 if is_signed else 128)) * unit)
    kind = np.uint16 if deep else np.uint8
    whole = np.dstack([np.rint(lab[..., 0] * top / 100), axes]).astype(np.int64).astype(kind)
    image = segfit.read_image(encode_tiff(whole, photometric=photometric))
    assert np.abs(image.astype(int) - COLORS).max() <= (1 if deep else 8)


def test_ycbcr_comes_back_as_colors():
    data = io.BytesIO()
    Image.fromarray(NOISE).convert("YCbCr").save(data, "TIFF")
    assert np.abs(segfit.read_image(data.getvalue()).astype(int) - NOISE).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_pixels_and_channels_alike(orientation):
    tag = [(274, "H", 1, orientation, True)]
    image = segfit.read_image(encode_tiff(COLORS, photometric="rgb", extratags=tag))
    assert image.shape == ((3, 4, 3) if orientation < 5 else (4, 3, 3))
    apart = {"photometric": "rgb", "planarconfig": "separate"}
    planes = encode_tiff(np.moveaxis(COLORS, -1, 0), extratags=tag, **apart)
    np.testing.assert_array_equal(segfit.read_image(planes), image)


def test_what_was_not_measured_is_black_and_does_not_pull_the_others():
    heights = np.array([[-9999, 100], [150, 200]], np.int16)
    nodata = [(42113, "s", 0, "-9999", True)]
    image = segfit.read_image(encode_tiff(heights, photometric="minisblack", extratags=nodata))
    assert image[..., 0].tolist() == [[0, 0], [128, 255]]


def by_pillow(compression, values=NOISE):
    data = io.BytesIO()
    Image.fromarray(values).save(data, "TIFF", compression=compression)
    return data.getvalue()


def test_common_compressions_need_no_further_package():
    """LZW and fax, which tifffile alone does not decode."""
    deep = NOISE.astype(np.uint16) * 200
    cases = {
        "colors": (by_pillow("tiff_lzw"), NOISE),
        "grey": (by_pillow("tiff_lzw", NOISE[..., 0]), NOISE[..., :1]),
        "fax": (by_pillow("group4", NOISE[..., 0] > 99), NOISE[..., :1] > 99),
        "packbits": (by_pillow("packbits"), NOISE),
        "16 bits": (
            by_pillow("tiff_lzw", NOISE[..., 0].astype(np.uint16) * 200),
            NOISE[..., :1].astype(np.uint16) * 200,
        ),
        "16-bit colors": (cv2.imencode(".tif", deep[..., ::-1])[1].tobytes(), deep),
    }
    for name, (file, values) in cases.items():
        np.testing.assert_array_equal(read_stored(file).values, values, err_msg=name)


def test_other_compressions_name_what_to_install(monkeypatch):
    def refuse(series):
        raise ValueError("<COMPRESSION.JPEG2000: 34712> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    monkeypatch.setattr(tiff_decoding, "_decode_single", lambda data, page: None)
    with pytest.raises(
        segfit.SegfitError, match=r"needs imagecodecs: pip install \"segfit\[tiff\]"
    ):
        segfit.read_image(encode_tiff(COLORS, photometric="rgb"))


def test_nothing_but_segfit_s_own_words_comes_to_the_terminal(capfd):
    whole = encode_tiff(NOISE, photometric="rgb", compression="zlib")
    cut = bytearray(whole)
    cut[300:400] = b"\xff" * 100
    png = bytearray(cv2.imencode(".png", NOISE)[1].tobytes())
    png[500] ^= 255
    for file in (bytes(cut), whole[:900], b"II*\0" + b"\xff" * 40, bytes(png), png[:400]):
        with pytest.raises(segfit.SegfitError, match="damaged"):
            segfit.read_image(bytes(file))
    deep = cv2.imencode(".png", NOISE.astype(np.uint16))[1].tobytes()
    content = b"iCCPx\0\0abc"  # no profile: libpng would say so
    profile = struct.pack(">I", 6) + content + struct.pack(">I", zlib.crc32(content))
    for data in (deep, cv2.imencode(".png", NOISE)[1].tobytes()):
        segfit.read_image(data[:33] + profile + data[33:])
    assert capfd.readouterr() == ("", "")
