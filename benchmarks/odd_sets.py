"""Data sets that nobody tuned for, made of the real ones: always the same, byte for byte.

``cracks``: thin cracks drawn on micrographs and slices through weld beads, on about 1 % of the
pixels. ``four-faces``: four of the faces to learn from, and all to validate. ``six-classes``:
street scenes with six classes, of which two have under 0.5 % of the pixels. All are laid out as the
real ones; none of their images goes into the repository.

Shapes: ``H, W`` an image.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segfit.basics.arrays import BoolArray, Float32Array, UInt8Array
from tiny_sets import make_folders, write_json

MATERIALS = {
    "train": ("superalloy/train/images/*.png", "meltpool/data/train/*Bottom*.png"),
    "val": ("superalloy/val/images/*.png", "meltpool/data/train/*Middle*.png"),
}
"""Files of the textures: other spots of the metal, and another slice, for validation."""
CRACKED = {"train": 40, "val": 20}
QUICK_CRACKED = {"train": 2, "val": 2}
CRACKED_PX, QUICK_CRACKED_PX = 1000, 160
SHARE = (0.006, 0.014)
"""Of an image's pixels that its cracks have, from and to."""
WIDTH_PX = (2.0, 3.0)
DARKENING = (0.2, 0.7)
"""Share of the light that a crack takes away where it is deepest."""
FINE = 4
"""Cracks are drawn this many times larger, and averaged."""
STEP_PX = 4.0
BEND, BRANCHES = 0.25, 0.025
"""Standard deviation of the change of direction in radians, and chance of a branch, of a step."""

FACES = 4
SIX = {"sky": ("sky",), "surroundings": ("building", "tree", "sign", "fence"),
       "ground": ("road", "pavement"), "vehicle": ("car", "bicyclist"),
       "pedestrian": ("pedestrian",), "pole": ("pole",)}  # fmt: skip
RARE, RARE_SHARE = ("pedestrian", "pole"), 0.008
"""Scenes are taken that show both of these, each on a smaller share of the known pixels."""
SCENES = {"train": 60, "val": 64}
IGNORED = 255


def write_odd_set(name: str, sources: Mapping[str, Path], place: Path, *, quick: bool) -> Path:
    """Write a set to a folder, in place of an earlier one; returns the folder.

    ``sources``: folders of the sets that ``SOURCES`` names.
    """
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    WRITERS[name](sources, place, quick)
    return place


def write_cracks(sources: Mapping[str, Path], place: Path, quick: bool) -> None:
    side_px = QUICK_CRACKED_PX if quick else CRACKED_PX
    counts = QUICK_CRACKED if quick else CRACKED
    for split, count in counts.items():
        images, masks = make_folders(place / split, "images", "masks")
        textures = [list_textures(sources, pattern) for pattern in MATERIALS[split]]
        for number in range(count):
            # Of each material alternately, so that neither is rare.
            material = textures[number % len(textures)]
            rng = np.random.default_rng([number, split == "val"])
            path = material[number // len(textures) % len(material)]
            texture = spread_texture(read_grey(path), side_px, rng)
            darkening, cracked = draw_cracks((side_px, side_px), rng)
            noise = rng.normal(0, 2, texture.shape)
            grey = (texture * (1 - darkening) + noise).round().clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(images / f"{number:03}.png")
            Image.fromarray(cracked.astype(np.uint8)).save(masks / f"{number:03}.png")
    write_classes(place, ("background", "crack"))


def list_textures(sources: Mapping[str, Path], pattern: str) -> list[Path]:
    """Files of a pattern that begins with a set's name, in an order that mixes neighbours."""
    name, _, inside = pattern.partition("/")
    found = sorted(sources[name].glob(inside))
    return [found[index] for index in np.random.default_rng(0).permutation(len(found))]


def read_grey(path: Path) -> UInt8Array:
    return np.asarray(Image.open(path).convert("L"))


def spread_texture(grey: UInt8Array, side_px: int, rng: np.random.Generator) -> Float32Array:
    """A square of an image, enlarged by up to 2 and mirrored at its borders."""
    factor = rng.uniform(1, 2)
    larger = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    height, width = larger.shape
    spread = np.pad(larger, ((0, side_px), (0, side_px)), mode="symmetric")
    top, left = rng.integers(height), rng.integers(width)
    return spread[top : top + side_px, left : left + side_px].astype(np.float32)


def draw_cracks(shape: tuple[int, int], rng: np.random.Generator) -> tuple[Float32Array, BoolArray]:
    """Share of the light that is gone, soft at the sides, and what is crack, both (H, W)."""
    height, width = shape
    wanted_px = rng.uniform(*SHARE) * height * width
    covered = np.zeros((FINE * height, FINE * width), np.uint8)
    darkened = np.zeros_like(covered)
    cracked = np.zeros(shape, bool)
    while cracked.sum() < wanted_px:
        deepest, width_px = rng.uniform(*DARKENING), rng.uniform(*WIDTH_PX)
        for path in walk(shape, rng):
            depth = 255 * deepest * vary(len(path), rng)
            corners = np.rint(path * FINE).astype(np.int32)
            for start, end, level in zip(corners[:-1], corners[1:], depth.tolist(), strict=False):
                ends = start.tolist(), end.tolist()
                cv2.line(darkened, *ends, color=level, thickness=round(FINE * width_px))
                cv2.line(covered, *ends, color=255, thickness=round(FINE * width_px))
        cracked = average(covered, shape) >= 0.5
    return cv2.GaussianBlur(average(darkened, shape), (0, 0), 0.6), cracked


def average(fine: UInt8Array, shape: tuple[int, int]) -> Float32Array:
    """A canvas at an image's own size (H, W), from 0 to 1."""
    size = shape[::-1]
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def walk(shape: tuple[int, int], rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Paths of a crack and its branches, points (x, y) at ``STEP_PX``."""
    height, width = shape
    waiting = [(rng.uniform(0, (width, height)), rng.uniform(0, 2 * np.pi), rng.integers(40, 140))]
    while waiting:
        point, heading, steps = waiting.pop()
        path = [point]
        for left in range(steps, 0, -1):
            heading += rng.normal(0, BEND)
            point = point + STEP_PX * np.array([np.cos(heading), np.sin(heading)])
            path.append(point)
            if not (0 <= point[0] < width and 0 <= point[1] < height):
                break
            if rng.uniform() < BRANCHES:
                aside = rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
                waiting.append((point, heading + aside, left // 2))
        yield np.array(path)


def vary(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """So many values between 0.4 and 1 that change slowly."""
    knots = rng.uniform(0.4, 1, count // 12 + 2)
    return np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)


def write_four_faces(sources: Mapping[str, Path], place: Path, quick: bool) -> None:
    (source,) = sources.values()
    images = sorted((source / "train" / "images").iterdir())
    chosen = {"train": images[:: len(images) // FACES][:FACES],
              "val": sorted((source / "val" / "images").iterdir())}  # fmt: skip
    for split, paths in chosen.items():
        of_images, of_masks = make_folders(place / split, "images", "masks")
        for path in paths:
            shutil.copy(path, of_images)
            shutil.copy(find_mask(path), of_masks)
    shutil.copy(source / "classes.json", place)


def write_six_classes(sources: Mapping[str, Path], place: Path, quick: bool) -> None:
    (source,) = sources.values()
    content = json.loads((source / "classes.json").read_text(encoding="utf-8"))
    value_of = {one["name"]: one["value"] for one in content["classes"]}
    lookup = np.full(256, IGNORED, np.uint8)
    for index, members in enumerate(SIX.values()):
        lookup[[value_of[member] for member in members]] = index
    rare = [list(SIX).index(name) for name in RARE]
    for split, count in SCENES.items():
        of_images, of_masks = make_folders(place / split, "images", "masks")
        fitting = []
        for path in sorted((source / split / "images").iterdir()):
            labels = lookup[np.asarray(Image.open(find_mask(path)))]
            shares = np.bincount(labels[labels != IGNORED], minlength=len(SIX))[rare]
            shares = shares / max(1, (labels != IGNORED).sum())
            if ((shares > 0) & (shares < RARE_SHARE)).all():
                fitting.append((path, labels))
        # Evenly over the drives: neighbouring frames are alike.
        for index in np.linspace(0, len(fitting) - 1, min(count, len(fitting))).round().astype(int):
            path, labels = fitting[index]
            shutil.copy(path, of_images)
            Image.fromarray(labels).save(of_masks / f"{path.stem}.png")
    write_classes(place, tuple(SIX), ignore=[IGNORED])


def find_mask(image: Path) -> Path:
    return image.parents[1] / "masks" / f"{image.stem}.png"


def write_classes(place: Path, names: tuple[str, ...], *, ignore: list[int] | None = None) -> None:
    classes = [{"name": name, "value": value} for value, name in enumerate(names)]
    write_json(place / "classes.json", {"classes": classes, "ignore": ignore or []})


SOURCES = {"cracks": ("superalloy", "meltpool"), "four-faces": ("fasseg-frontal",),
           "six-classes": ("camvid",)}  # fmt: skip
"""By the name of an odd set, the real ones that it is made of."""
WRITERS: dict[str, Callable[[Mapping[str, Path], Path, bool], None]] = {
    "cracks": write_cracks,
    "four-faces": write_four_faces,
    "six-classes": write_six_classes,
}
