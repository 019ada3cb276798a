"""The odd sets of ``benchmarks/odd_sets.py`` are as odd as they say, and always the same."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from odd_sets import (
    CRACKED_PX,
    IGNORED,
    MATERIALS,
    SHARE,
    SIX,
    SOURCES,
    draw_cracks,
    list_textures,
    spread_texture,
    write_odd_set,
)
from segfit.datasets import open_labelled
from tiny_sets import write_tiny_set

STREET = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car",
          "pedestrian", "bicyclist")  # fmt: skip
VOID = 11


def write_sources(name: str, folder: Path) -> dict[str, Path]:
    return {source: write_tiny_set(source, folder) for source in SOURCES[name]}


def read_files(place: Path) -> dict[str, bytes]:
    files = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


def test_cracks_are_thin_and_on_about_a_percent_of_the_pixels() -> None:
    darkening, cracked = draw_cracks((CRACKED_PX, CRACKED_PX), np.random.default_rng(0))
    assert SHARE[0] <= cracked.mean() <= 1.3 * SHARE[1]
    assert 0 <= darkening.min() < darkening.max() < 1
    assert (darkening[cracked] > 0.02).mean() > 0.99
    away = cv2.dilate(cracked.astype(np.uint8), np.ones((5, 5))) == 0
    assert darkening[away].max() < 0.001
    # Nothing but crossings is left of lines of two or three pixels without their outer pixels.
    inner = cv2.erode(cracked.astype(np.uint8), np.ones((3, 3)))
    assert cv2.erode(inner, np.ones((3, 3))).sum() < 0.01 * cracked.sum()


def test_a_texture_is_enlarged_and_mirrored_to_a_square() -> None:
    grey = np.tile(np.uint8([[10, 200]]), (6, 4))
    spread = spread_texture(grey, 30, np.random.default_rng(0))
    assert spread.shape == (30, 30)
    assert spread.std() > 20


def test_cracks_are_the_same_each_time_on_textures_that_the_splits_do_not_share(
    tmp_path: Path,
) -> None:
    sources = write_sources("cracks", tmp_path)
    first, second = (
        read_files(write_odd_set("cracks", sources, tmp_path / place, quick=True))
        for place in ("first", "second")
    )
    assert first == second
    textures = {
        split: {path for pattern in patterns for path in list_textures(sources, pattern)}
        for split, patterns in MATERIALS.items()
    }
    assert textures["train"]
    assert textures["val"]
    assert not textures["train"] & textures["val"]
    data = open_labelled(tmp_path / "first")
    assert data.classes.names == ("background", "crack")
    assert {split: len(images) for split, images in data.splits.items()} == {"train": 2, "val": 2}


def test_four_faces_are_four_and_all_to_validate(tmp_path: Path) -> None:
    sources = write_sources("four-faces", tmp_path)
    place = write_odd_set("four-faces", sources, tmp_path / "four", quick=False)
    data = open_labelled(place)
    whole = open_labelled(sources["fasseg-frontal"])
    assert len(data.splits["train"]) == 4
    assert data.splits["val"].names == whole.splits["val"].names
    assert data.classes == whole.classes


@pytest.mark.parametrize(
    ("pedestrian_px", "pole_px", "fits"), [(9, 9, True), (0, 9, False), (9, 40, False)]
)
def test_scenes_of_six_classes_show_a_little_of_both_rare_ones(
    pedestrian_px: int, pole_px: int, fits: bool, tmp_path: Path
) -> None:
    source = tmp_path / "camvid"
    labels = np.full((40, 60), STREET.index("tree"), np.uint8)
    labels[20:] = STREET.index("pavement")
    labels[30:, :5] = VOID
    labels[0, :pedestrian_px] = STREET.index("pedestrian")
    labels[1, :pole_px] = STREET.index("pole")
    labels[2, :7] = STREET.index("bicyclist")
    plain = np.zeros_like(labels)
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (source / split / kind).mkdir(parents=True)
        for name, mask in (("a", labels), ("b", plain)):
            image = np.zeros((*mask.shape, 3), np.uint8)
            Image.fromarray(image).save(source / split / "images" / f"{name}.jpg")
            Image.fromarray(mask).save(source / split / "masks" / f"{name}.png")
    classes = [{"name": name, "value": value} for value, name in enumerate(STREET)]
    (source / "classes.json").write_text(json.dumps({"classes": classes, "ignore": [VOID]}))

    place = write_odd_set("six-classes", {"camvid": source}, tmp_path / "six", quick=False)

    written = sorted(path.stem for path in (place / "train" / "masks").iterdir())
    assert written == (["a"] if fits else [])
    if fits:
        six = np.asarray(Image.open(place / "train" / "masks" / "a.png"))
        names = list(SIX)
        assert six[10, 10] == names.index("surroundings")
        assert six[25, 10] == names.index("ground")
        assert six[0, 0] == names.index("pedestrian")
        assert six[1, 0] == names.index("pole")
        assert six[2, 0] == names.index("vehicle")
        assert six[35, 0] == IGNORED
        assert open_labelled(place).classes.names == tuple(names)
