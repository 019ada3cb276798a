"""Kinds of file that are not read, told by how they begin, so that a refusal can name them."""

from __future__ import annotations

_CONVERT = "convert it to PNG"
_EXPORT = "export its images as OME-TIFF, such as with Fiji (Bio-Formats)"
_UNPACK = "unpack it"
_KINDS = (
    (4, b"ftypavif", "an AVIF image", _CONVERT),
    (4, b"ftyphei", "a HEIC image", _CONVERT),
    (4, b"ftypmif1", "a HEIC image", _CONVERT),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image", _CONVERT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image", _CONVERT),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image", _CONVERT),
    (0, b"\xff\x0a", "a JPEG XL image", _CONVERT),
    *((0, b"P%d" % kind, "a PBM, PGM or PPM image", _CONVERT) for kind in range(1, 8)),
    (0, b"8BPS", "a Photoshop file", "export it as PNG"),
    (0, b"v/1\x01", "an OpenEXR image", "convert it to floating-point TIFF"),
    (0, b"SIMPLE  =", "a FITS image", "convert it to TIFF"),
    (0, b"ZISRAWFILE", "a CZI file of Zeiss", _EXPORT),
    (0, b"\xda\xce\xbe\x0a", "an ND2 file of Nikon", _EXPORT),
    (0, b"p\0\0\0", "a LIF file of Leica", _EXPORT),
    (128, b"DICM", "a DICOM file", "export its image as TIFF or PNG"),
    (0, b"\x89HDF", "an HDF5 file", "export its images as TIFF"),
    (0, b"\x93NUMPY", "a NumPy array", "in Python give the array, or save it as TIFF or PNG"),
    (0, b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (0, b"\x1f\x8b", "a gzip archive, as .nii.gz is", "cut volumes into images"),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
    (0, b"<!DOCTYPE", "a web page", "download the image again"),
    (0, b"<!doctype", "a web page", "download the image again"),
    (0, b"<html", "a web page", "download the image again"),
    (0, b"\0\x05\x16\x07", "what macOS keeps beside a file", "give the file without ._"),
)  # fmt: skip
"""Where in a file which bytes stand, what it is then, and what to do."""


def describe_unread(data: bytes) -> str | None:
    """What a file is that is not read, and what to do; None for what is not known.

    >>> describe_unread(b"8BPS\\0\\1")
    'a Photoshop file, which segfit does not read: export it as PNG'
    """
    for start, magic, kind, remedy in _KINDS:
        if data[start : start + len(magic)] == magic:
            return f"{kind}, which segfit does not read: {remedy}"
    return None
