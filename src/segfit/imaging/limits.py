"""How large an image may be."""

from __future__ import annotations

from segfit.errors import SegfitError

DEFAULT_MAX_MEGAPIXELS = 256.0


def check_megapixels(name: str, height: int, width: int, *, max_megapixels: float) -> None:
    """Raise SegfitError where the image has more pixels than are read."""
    megapixels = height * width / 1e6
    if megapixels > max_megapixels:
        raise SegfitError(
            f"{name} is {height}×{width} px, {megapixels:.0f} megapixels, and at most "
            f"{max_megapixels:g} are read: cut it into tiles, or raise max_megapixels"
        )
