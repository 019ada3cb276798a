"""Folders of images and masks as people have them: bytes of any file format, written and opened."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segfit.basics.arrays import UInt8Array
from segfit.datasets import LabelledData, open_labelled


def draw_objects(*, side: int = 64) -> UInt8Array:
    """Class 1 is a disc at the top left, class 2 a box at the bottom right; they do not touch."""
    rows, columns = np.mgrid[:side, :side] / side
    labels = np.zeros((side, side), np.uint8)
    labels[(rows - 0.3) ** 2 + (columns - 0.3) ** 2 <= 0.2**2] = 1
    labels[(abs(rows - 0.75) <= 0.15) & (abs(columns - 0.7) <= 0.2)] = 2
    return labels


def encode(values: NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """An image file's bytes."""
    data = io.BytesIO()
    Image.fromarray(values).save(data, kind, **options)
    return data.getvalue()


def write_set(root: Path, masks: Mapping[str, bytes], *, side: int = 64) -> Path:
    """Write masks by their file names, and an even image for each."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, data in masks.items():
        (root / "masks" / name).write_bytes(data)
        image = np.full((side, side, 3), 90, np.uint8)
        (root / "images" / f"{Path(name).stem}.png").write_bytes(encode(image))
    return root


def open_set(
    root: Path, masks: Mapping[str, bytes], *, side: int = 64, said: object = None
) -> LabelledData:
    """Write such a folder and open it; ``said`` goes into its classes.json."""
    write_set(root, masks, side=side)
    if said is not None:
        (root / "classes.json").write_text(json.dumps(said))
    return open_labelled(root)


def read_labels(data: LabelledData) -> dict[str, UInt8Array]:
    """The labels of all images by name."""
    return {one.name: one.labels for images in data.splits.values() for one in images}


def find_note(data: LabelledData, words: str) -> str:
    """The one note that has these words."""
    (note,) = [note for note in data.notes if words in note]
    return note
