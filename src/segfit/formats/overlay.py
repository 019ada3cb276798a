"""Overlays: the classes drawn over the image."""

from __future__ import annotations

from pathlib import Path

from segfit.basics.files import FilePath, check_writable, write_file
from segfit.formats.draw import encode_image
from segfit.formats.format import Format, Result


def write_overlay(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write the overlay as JPEG, WebP (quality 92) or PNG, as the suffix says."""
    check_writable(path, force=force)
    write_file(path, encode_image(result.overlay(), Path(path)), force=force)


FORMAT = Format(
    "overlay",
    "the image, tinted and outlined",
    "_overlay.jpg",
    write_overlay,
    saved_as=(".jpg", ".jpeg", ".webp"),
)
