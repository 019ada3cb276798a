from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.files import copy_pixels
from segfit.imaging.read import check_size, read_image

COLORS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [255, 255, 255], [10, 20, 30]]], np.uint8
)  # 2×3
RAMP16 = np.linspace(1000, 51000, 6).reshape(2, 3).astype(np.uint16)


def write_png(path: Path, values: UInt8Array) -> Path:
    Image.fromarray(values).save(path)
    return path


def write_huge_png_header(path: Path, *, side: int) -> Path:
    """A PNG that says it is huge and holds no pixel: decoding it would fail."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_lossless_rgb_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bäume.{suffix}"
    Image.fromarray(COLORS).save(path, **({"lossless": True} if suffix == "webp" else {}))
    image = read_image(path)
    np.testing.assert_array_equal(image, COLORS)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


def test_jpeg_of_one_color(tmp_path: Path) -> None:
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / "a.jpg", quality=95)
    image = read_image(str(tmp_path / "a.jpg"))
    assert image.shape == (8, 16, 3)
    assert np.abs(image.astype(int) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "CMYK"])
def test_every_pillow_mode_of_white_and_black(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("RGB").convert(mode)
    image.save(tmp_path / "a.tif")
    expected = np.array([[0, 255], [255, 0]])[..., np.newaxis].repeat(3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)
    np.testing.assert_array_equal(read_image(image), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_exif_orientation_turns_the_image_upright(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    levels = np.array([[0, 80, 160], [240, 40, 120]], np.uint8).repeat(8, 0).repeat(8, 1)
    turned = {
        1: levels,
        2: levels[:, ::-1],
        3: levels[::-1, ::-1],
        4: levels[::-1],
        5: levels.T,
        6: np.rot90(levels),  # must be turned clockwise to stand upright
        7: levels[::-1, ::-1].T,
        8: np.rot90(levels, -1),
    }[orientation]
    turned_image = Image.fromarray(np.ascontiguousarray(turned)).convert("RGB")
    exif = Image.Exif()
    exif[274] = orientation
    turned_image.save(tmp_path / f"a.{suffix}", exif=exif, quality=100)
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.shape == (16, 24, 3)
    assert np.abs(image[4::8, 4::8, 0].astype(int) - levels[4::8, 4::8]).max() <= 6


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_is_stretched_from_percentile_to_percentile(
    tmp_path: Path, suffix: str, channels: int
) -> None:
    values = RAMP16 if channels == 1 else np.dstack([RAMP16] * 3)
    path = tmp_path / f"deep.{suffix}"
    path.write_bytes(cv2.imencode(f".{suffix}", values)[1].tobytes())
    image = read_image(path)
    np.testing.assert_array_equal(image[..., 0].ravel(), [0, 51, 102, 153, 204, 255])
    np.testing.assert_array_equal(image, read_image(values))


def test_16_bit_color_channels_keep_their_order(tmp_path: Path) -> None:
    bgr = np.zeros((2, 3, 3), np.uint16)
    bgr[0, 0] = (0, 0, 60000)  # red
    bgr[0, 1] = (60000, 0, 0)  # blue
    for suffix in ("png", "tif"):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(cv2.imencode(f".{suffix}", bgr)[1].tobytes())
        assert read_image(path)[0, :2].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_float_tiff(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.2, 1.0]], np.float32)).save(tmp_path / "f.tif")
    assert read_image(tmp_path / "f.tif")[0, :, 0].tolist() == [0, 51, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[False, True]]), [0, 255]),
        (np.array([[3, 200]], np.uint8), [3, 200]),
        (np.array([[0.0, 0.2]]), [0, 51]),
        (np.array([[-1.0, np.nan, 1.0]]), [0, 0, 255]),
        (np.array([[0.0, 4.0, np.inf, -np.inf]]), [0, 255, 255, 0]),
        (np.full((1, 2), np.nan), [0, 0]),
        (np.full((1, 2), 700, np.uint16), [0, 0]),
        (np.array([[0, 512]], ">u2"), [0, 255]),
        (np.full((1, 2), 7.5), [0, 0]),
        (np.full((1, 2), 0.2, np.float32), [51, 51]),
    ],
)
def test_arrays_of_every_kind(values: NDArray[np.generic], expected: list[int]) -> None:
    for array in (values, values[..., np.newaxis], np.dstack([values] * 3)):
        image = read_image(array)
        assert image.shape == (1, len(expected), 3)
        assert (image[0] == np.array(expected)[:, np.newaxis]).all()


def test_a_rare_bright_spot_does_not_make_the_image_black() -> None:
    values = np.full((100, 100), 100, np.uint16)
    values[0, 0] = 60000  # a ten-thousandth of the pixels: both percentiles are 100
    assert read_image(values)[0, :2, 0].tolist() == [255, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_alpha_lies_over_white(dtype: type[np.generic]) -> None:
    top = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    pixel = np.array([[[0, 0, 0, top], [0, 0, 0, 0], [top, top, top, top]]], dtype)
    assert read_image(pixel)[0, :, 0].tolist() == [0, 255, 255]


def test_png_with_alpha_and_palette_with_transparency(tmp_path: Path) -> None:
    rgba = np.dstack([COLORS, np.array([[255, 255, 0], [0, 255, 255]], np.uint8)])
    write_png(tmp_path / "a.png", rgba)
    assert read_image(tmp_path / "a.png")[:, 2].tolist() == [[255, 255, 255], [10, 20, 30]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png").tolist() == [[[255, 255, 255], [0, 0, 255]]]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))))
def test_what_is_an_image_already_stays_the_same(values: UInt8Array) -> None:
    kept = values.copy()
    np.testing.assert_array_equal(read_image(values), kept)
    np.testing.assert_array_equal(read_image(Image.fromarray(values)), kept)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements=None,
    )
)
def test_any_values_give_an_image(values: NDArray[np.generic]) -> None:
    image = read_image(values)
    assert image.shape == (*values.shape, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((3, 480, 640), np.uint8), "move the channels last"),
        (np.zeros((4,), np.uint8), "shape"),
        (np.array(7, np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "no pixel"),
        (np.zeros((4, 4), np.complex64), r"complex64.*np\.abs"),
        (np.zeros((4, 4), "U3"), "<U3"),
    ],
)
def test_arrays_that_are_no_image(values: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(SegfitError, match=reason):
        read_image(values)


@pytest.mark.parametrize("save", ["gif", "png", "webp"])
def test_animated_and_multi_page_files_are_refused(tmp_path: Path, save: str) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue", "green")]
    frames[0].save(tmp_path / f"many.{save}", save_all=True, append_images=frames[1:])
    with pytest.raises(SegfitError, match=rf"many\.{save} holds 3 pages or frames.*extract one"):
        read_image(tmp_path / f"many.{save}")


def test_a_still_gif_is_read(tmp_path: Path) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.gif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), COLORS)


def encode(kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    stream = io.BytesIO()
    if kind == "TIFF16":
        return bytes(cv2.imencode(".tif", noise.astype(np.uint16) * 200)[1].tobytes())
    if kind == "PNG16":
        return bytes(cv2.imencode(".png", noise.astype(np.uint16) * 200)[1].tobytes())
    Image.fromarray(noise).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "TIFF16", "PNG16"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_truncated_files_are_named(tmp_path: Path, kind: str, share: float) -> None:
    data = encode(kind)
    path = tmp_path / "cut.png"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SegfitError, match=r"cut\.png"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"hello world", "is not a PNG"), (b"\x89PNG\r\n\x1a\n", "damaged")],
)
def test_files_that_are_no_image(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SegfitError, match=rf"a\.png.*{reason}"):
        read_image(tmp_path / "a.png")


def test_a_pillow_image_without_pixels_is_refused() -> None:
    with pytest.raises(SegfitError, match="0×7 px and has no pixels"):
        read_image(Image.new("RGB", (7, 0)))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match="no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(SegfitError, match="is a folder"):
        read_image(tmp_path)


def test_too_large_is_refused_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match=r"20000×20000 px, 400 megapixels.*at most 256.*tiles"):
        read_image(write_huge_png_header(tmp_path / "huge.png", side=20000))
    for source in (COLORS, Image.fromarray(COLORS), write_png(tmp_path / "a.png", COLORS)):
        with pytest.raises(SegfitError, match="at most 5e-06 are read"):
            read_image(source, max_megapixels=5e-6)


def test_thin_images_are_read_and_then_refused_for_prediction(tmp_path: Path) -> None:
    image = read_image(write_png(tmp_path / "a.png", np.zeros((1, 5000, 3), np.uint8)))
    with pytest.raises(SegfitError, match=r"a is 1×5000 px; segfit needs at least 8 px a side"):
        check_size(image, "a")
    check_size(np.zeros((8, 8, 3), np.uint8), "b")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "F", "I", "I;16"])
@pytest.mark.parametrize("height", [1, 5, 100])
def test_pixels_copied_in_strips_are_those_of_the_whole_image(mode, height, monkeypatch):
    monkeypatch.setattr("segfit.imaging.files.STRIP_BYTES", 300)
    values = np.random.default_rng(0).integers(0, 256, (height, 37), np.uint8)
    image = Image.fromarray(values).convert("RGB" if mode == "RGBA" else "L").convert(mode)
    copied, whole = copy_pixels(image), np.asarray(image)
    assert copied.dtype == whole.dtype
    np.testing.assert_array_equal(copied, whole)
