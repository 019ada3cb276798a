"""How large an image may be."""

from __future__ import annotations

from pathlib import Path

from segfit.errors import SegfitError

DEFAULT_MAX_MEGAPIXELS = 256.0


class TooManyPixelsError(SegfitError):
    """An image is larger than what is decoded whole."""


def check_megapixels(name: str, height: int, width: int, *, max_megapixels: float) -> None:
    """Raise TooManyPixelsError where the image has more pixels than are read."""
    megapixels = height * width / 1e6
    if megapixels > max_megapixels:
        raise TooManyPixelsError(
            f"{name} is {height}×{width} px, {megapixels:.0f} megapixels, and at most "
            f"{max_megapixels:g} are read: cut it into tiles, or raise max_megapixels"
        )


def suggest_conversion(path: Path) -> str:
    """How to make a file that is read window by window of one that is not."""
    target = path.with_name(f"{path.stem}.tiled.tif").name
    return (
        "convert it to a tiled TIFF with overviews, which is read window by window (pip install "
        f'rasterio): python -c "from rasterio.shutil import copy; copy({path.name!r}, {target!r}, '
        "driver='COG', compress='deflate')\""
    )
