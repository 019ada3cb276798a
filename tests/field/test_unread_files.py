"""Files in a folder of images that cannot be read: named, and never passed over in silence."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from mask_sets import draw_objects, encode, find_note, open_set, write_set

from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.imaging.find import find_images
from segfit.imaging.read import read_image

HEIC = b"\0\0\0\x18ftypheic" + bytes(50)
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
BEGINNINGS = {
    "a.heic": (HEIC, "is a HEIC image"),
    "a.avif": (b"\0\0\0\x20ftypavif", "is an AVIF image"),
    "a.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 image"),
    "a.pgm": (b"P5\n4 4\n255\n" + bytes(16), "is a PBM, PGM or PPM image"),
    "a.psd": (b"8BPS\0\x01", "is a Photoshop file"),
    "a.czi": (b"ZISRAWFILE\0\0", "is a CZI file of Zeiss.*OME-TIFF"),
    "a.nd2": (b"\xda\xce\xbe\x0a\0", "is an ND2 file of Nikon.*OME-TIFF"),
    "a.lif": (b"p\0\0\0\x2a", "is a LIF file of Leica.*OME-TIFF"),
    "a.dcm": (bytes(128) + b"DICM", "is a DICOM file"),
    "phone.jpg": (HEIC, "phone.jpg is a HEIC image"),
    "a.png": (LFS_POINTER, "is a pointer of Git LFS.*git lfs pull"),
    "b.jpg": (b"<!DOCTYPE html><title>404</title>", "is a web page.*download"),
    "._a.png": (b"\0\x05\x16\x07\0\x02", "is what macOS keeps beside a file"),
    "a.zip": (b"PK\x03\x04\x14\0", "is a ZIP archive"),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_kind_that_is_not_read_is_named(tmp_path, name):
    data, said = BEGINNINGS[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SegfitError, match=said):
        read_image(tmp_path / name)


def test_images_that_cannot_be_read_count_in_a_folder(tmp_path):
    grey = encode(np.full((16, 16), 90, np.uint8))
    (tmp_path / "a.png").write_bytes(grey)
    (tmp_path / "b.heic").write_bytes(HEIC)
    assert [path.name for path in find_images([tmp_path])] == ["a.png", "b.heic"]
    (tmp_path / "b.PNG").write_bytes(grey)  # exported beside the original, as phones do
    assert [path.name for path in find_images([tmp_path])] == ["a.png", "b.PNG"]


def test_labelled_images_that_cannot_be_read_are_left_out_by_name(tmp_path):
    mask = encode(draw_objects())
    write_set(tmp_path, {f"{name}.png": mask for name in "abcd"})
    (tmp_path / "images" / "d.png").rename(tmp_path / "images" / "d.jp2")
    (tmp_path / "images" / "d.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n")
    (tmp_path / "images" / "e.heic").write_bytes(HEIC)
    data = open_labelled(tmp_path)
    assert "d.jp2 is a JPEG 2000 image" in find_note(data, "Left out")
    assert "(e.heic)" in find_note(data, "without a mask")


def test_links_to_nothing_are_left_out_by_name(tmp_path):
    """As DVC, git-annex and model hubs leave them where the data was not fetched."""
    mask = encode(draw_objects())
    write_set(tmp_path, {f"{name}.png": mask for name in "abc"})
    for folder in ("images", "masks"):
        (tmp_path / folder / "d.png").symlink_to(tmp_path / "store" / f"{folder}-d")
    assert "is a link to" in find_note(open_labelled(tmp_path), "d.png")


def test_masks_with_pixels_of_no_value_say_so(tmp_path):
    """GeoTIFF masks of 16 bits whose "nodata" is -9999."""
    labels = draw_objects().astype(np.int16)
    labels[:, :10] = -9999
    data = io.BytesIO()
    tifffile.imwrite(data, labels, extratags=[(42113, "s", 0, "-9999", True)])
    with pytest.raises(SegfitError, match=r"640 pixels without a value \(NaN, or .* nodata\)"):
        open_set(tmp_path, {"a.tif": data.getvalue(), "b.tif": data.getvalue()})
