"""Labelled data that commands are tried on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled images, two for each split: a square of class 1 on nothing."""
    root = tmp_path_factory.mktemp("data")
    image = np.zeros((64, 64), np.uint8)
    image[16:48, 16:48] = 200
    for split in ("train", "val"):
        for name in ("1", "2"):
            for kind, values in (("images", image), ("masks", image // 200)):
                path = root / split / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    names = {"classes": [{"name": "nothing", "value": 0}, {"name": "square", "value": 1}]}
    (root / "classes.json").write_text(json.dumps(names))
    return root


@pytest.fixture(scope="session")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with 16-bit masks of objects: two that touch, and one in two pieces."""
    root = tmp_path_factory.mktemp("plates")
    numbers = np.zeros((64, 64), np.uint16)
    numbers[8:20, 8:20], numbers[8:20, 20:32] = 1, 2
    numbers[40:50, 8:18], numbers[40:50, 40:50] = 3, 3
    for split in ("train", "val"):
        for name in ("1", "2"):
            shown = (numbers > 0).astype(np.uint8) * 200
            for kind, values in (("images", shown), ("masks", numbers)):
                path = root / split / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    return root
