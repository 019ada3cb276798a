"""Masks that name their classes, as segfit writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.datasets.masks.embedded import read_embedded_classes
from segfit.errors import SegfitError
from segfit.formats.mask import encode_mask

TABLE = ClassTable.from_names(("sky", "ground", "tree"), background=1, object_classes=(2,))
LABELS = np.uint8([[0, 1], [2, 255]]).repeat(8, axis=0).repeat(8, axis=1)


def write(folder: Path, name: str, table: ClassTable | None = TABLE) -> Path:
    for sub in ("images", "masks"):
        (folder / sub).mkdir(exist_ok=True)
    Image.new("RGB", (16, 16)).save(folder / "images" / f"{name}.png")
    path = folder / "masks" / f"{name}.png"
    if table is None:
        Image.fromarray(LABELS).save(path)
    else:
        path.write_bytes(encode_mask(LABELS, table))
    return path


def test_names_background_objects_and_colors_come_back(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    data = open_labelled(tmp_path)
    assert data.classes == TABLE
    np.testing.assert_array_equal(data.splits["val"][0].labels, LABELS)


def test_a_mask_that_was_saved_again_is_read_by_the_others(tmp_path: Path) -> None:
    masks = [write(tmp_path, "a"), write(tmp_path, "b", None)]
    classes = read_embedded_classes(masks)
    assert classes is not None
    assert classes.table == TABLE
    assert "1 mask without names of classes (b.png), read by these" in classes.note


def test_masks_of_two_models_are_refused(tmp_path: Path) -> None:
    other = ClassTable.from_names(("sky", "ground", "house"), background=1)
    masks = [write(tmp_path, "a"), write(tmp_path, "b", other)]
    with pytest.raises(SegfitError, match="the masks are of different classes"):
        read_embedded_classes(masks)


def test_classes_json_has_the_last_word(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    (tmp_path / "classes.json").write_text(
        '{"classes": [{"name": "s", "value": 0}, {"name": "g", "value": 1}, '
        '{"name": "t", "value": 2}], "ignore": [255]}'
    )
    assert open_labelled(tmp_path).classes.names == ("s", "g", "t")


def test_nothing_is_read_of_other_files(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no image")
    assert read_embedded_classes([write(tmp_path, "a", None), damaged]) is None
