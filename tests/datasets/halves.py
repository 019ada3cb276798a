"""Masks of two halves, and the file that names their classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from segfit.basics.arrays import UInt8Array

RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def draw_halves(left: object, right: object, *, side: int = 16) -> UInt8Array:
    halves = np.empty((side, side, *np.shape(left)), np.uint8)
    halves[:, : side // 2] = left
    halves[:, side // 2 :] = right
    return halves


def write_classes(root: Path, **spec: object) -> None:
    (root / "classes.json").write_text(json.dumps(spec))
