"""Small labelled sets, written where a test asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def write_pair(tmp_path: Path) -> Write:
    """Write ``images/NAME.png`` and ``masks/NAME.png`` into a folder under tmp_path."""

    def write(
        name: str,
        mask: NDArray[np.generic],
        *,
        split: str = "",
        size: tuple[int, int] | None = None,
    ) -> Path:
        folder = tmp_path / split
        for sub in ("images", "masks"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        height, width = size or mask.shape[:2]
        image = np.full((height, width, 3), 90, np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        return tmp_path

    return write
