"""Tiny data sets laid out as the real ones, from the demo's images and drawn discs.

What a quick run of a benchmark reads in place of ``../shared/data``: a figure from them means
nothing. Masks, classes and names are those of the real sets, so that the same readers read them.

Shapes: ``H, W`` an image.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from results import DEMO_DATA
from segfit.basics.arrays import UInt8Array

HEAD = (slice(0, 190), slice(140, 304))
"""Rows and columns of the astronaut's head: the face model knows framed heads."""
FACE_SHAPE = (110, 96)
FACE_COLORS = {
    "background": (255, 0, 0),
    "hair": (127, 0, 0),
    "skin": (255, 255, 0),
    "nose": (0, 255, 255),
    "eyes": (0, 0, 255),
    "mouth": (0, 255, 0),
}
FACE_PARTS = (
    ("hair", (50, 45), (33, 40)),
    ("skin", (50, 60), (21, 29)),
    ("nose", (50, 62), (4, 6)),
    ("eyes", (41, 54), (5, 3)),
    ("eyes", (58, 54), (5, 3)),
    ("mouth", (50, 74), (8, 4)),
)
"""Class, middle and radii of the ellipses that stand for the labels of the head, in pixels."""
FACES = {"train": 6, "val": 2}
MICROGRAPHS = {"train": 2, "val": 1}
NUCLEI = {"train": 3, "val": 2}
NUCLEUS_TILE_PX = 96
POOLS_PX, POOLS_OF_SLICE = 96, 4
DRAWN_SHAPE, PEOPLE = (64, 96), 2


def write_tiny_set(name: str, folder: Path) -> Path:
    """Write ``folder/NAME`` in place of an earlier one; returns where it lies."""
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    WRITERS[name](place)
    return place


def write_faces(place: Path) -> None:
    """The astronaut's head in different light, with ellipses in FASSEG's colors for its parts."""
    head = np.asarray(Image.open(DEMO_DATA / "astronaut.jpg"))[HEAD]
    size = FACE_SHAPE[::-1]
    image = cv2.resize(head, size, interpolation=cv2.INTER_AREA)
    mask = np.full((*FACE_SHAPE, 3), FACE_COLORS["background"], np.uint8)
    for part, middle, radii in FACE_PARTS:
        cv2.ellipse(mask, middle, radii, 0, 0, 360, FACE_COLORS[part], cv2.FILLED)
    for split, count in FACES.items():
        images, masks = make_folders(place / split, "images", "masks")
        for number in range(count):
            lit = (image * (1 - 0.02 * number)).astype(np.uint8)
            Image.fromarray(lit).save(images / f"{number:03}.png")
            Image.fromarray(mask).save(masks / f"{number:03}.png")
    classes = [
        {"name": part, "color": "#{:02x}{:02x}{:02x}".format(*color)}
        for part, color in FACE_COLORS.items()
    ]
    write_json(place / "classes.json", {"classes": classes})


def write_nuclei(place: Path) -> None:
    """The corners of some of the demo's images."""
    demo = DEMO_DATA / "nuclei"
    shutil.copy(demo / "classes.json", place)
    for split, count in NUCLEI.items():
        images, masks = make_folders(place / split, "images", "masks")
        for path in sorted((demo / split / "images").iterdir())[:count]:
            crop_corner(path, images)
            crop_corner(demo / split / "masks" / path.name, masks)


def write_micrographs(place: Path) -> None:
    """Discs of two classes on a third one, with masks of indices."""
    for split, count in MICROGRAPHS.items():
        images, masks = make_folders(place / split, "images", "masks")
        for number in range(count):
            image, rings = draw_discs(DRAWN_SHAPE, seed=number)
            mask = np.zeros(DRAWN_SHAPE, np.uint8)
            for label, ring in enumerate(rings, 1):
                fill_ring(mask, ring, 1 + label % 2)
            Image.fromarray(image).save(images / f"{split}_{number}.png")
            Image.fromarray(mask).save(masks / f"{split}_{number}.png")
    names = ("matrix", "secondary", "tertiary")
    classes = [{"name": name, "value": value} for value, name in enumerate(names)]
    write_json(place / "classes.json", {"classes": classes})


def write_melt_pools(place: Path) -> None:
    """Windows along two slices, each half of the next one, with COCO outlines of bright discs."""
    images, annotations = [], []
    (folder,) = make_folders(place, "data/train")
    for slice_name in ("Bottom", "Middle"):
        for left in range(0, POOLS_OF_SLICE * POOLS_PX // 2, POOLS_PX // 2):
            right = left + POOLS_PX
            name = f"Slice-2{slice_name}_{left}_0_{right}_{POOLS_PX}.png"
            image, rings = draw_discs((POOLS_PX, POOLS_PX), seed=len(images))
            Image.fromarray(image[..., 0]).save(folder / name)
            annotations += [
                {"image_id": len(images), "category_id": 0, "iscrowd": 0, "segmentation": [ring]}
                for ring in rings
            ]
            size = {"height": POOLS_PX, "width": POOLS_PX}
            images.append({**size, "id": len(images), "file_name": f"./data/train/{name}"})
    numbered = [{**one, "id": number} for number, one in enumerate(annotations)]
    (folder,) = make_folders(place, "annotations")
    categories = [{"id": 0, "name": "melt pool"}]
    content = {"images": images, "annotations": numbered, "categories": categories}
    write_json(folder / "train.json", content)


def write_drawn(place: Path) -> None:
    """Discs, whose regions and edges some people have drawn alike."""
    images, truth = make_folders(place / "val", "images", "truth")
    for seed in range(2):
        image, rings = draw_discs(DRAWN_SHAPE, seed=seed)
        regions = np.ones(DRAWN_SHAPE, np.uint16)
        for number, ring in enumerate(rings, 2):
            fill_ring(regions, ring, number)
        across = np.diff(regions.astype(int), axis=1, prepend=1) != 0
        edges = across | (np.diff(regions.astype(int), axis=0, prepend=1) != 0)
        cells = np.empty((1, PEOPLE), object)
        for person in range(PEOPLE):
            cells[0, person] = {"Segmentation": regions, "Boundaries": edges.astype(np.uint8)}
        Image.fromarray(image).save(images / f"{seed}.jpg")
        savemat(truth / f"{seed}.mat", {"groundTruth": cells})


def draw_discs(shape: tuple[int, int], *, seed: int) -> tuple[UInt8Array, list[list[float]]]:
    """Bright discs on a noisy grey image (H, W, 3), and their rings as x, y, x, y …"""
    rng = np.random.default_rng(seed)
    grey = rng.normal(80, 8, shape)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = []
    for column in range(24, shape[1], 40):
        for row in range(24, shape[0], 40):
            ring = (column, row) + rng.uniform(8, 14) * circle
            rings.append(ring.ravel().tolist())
            inside = np.zeros(shape, np.uint8)
            fill_ring(inside, rings[-1], 1)
            grey[inside == 1] += 80
    levels = cv2.GaussianBlur(grey, (0, 0), 1).clip(0, 255).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2), rings


def fill_ring(labels: NDArray[Any], ring: list[float], label: int) -> None:
    """Write a label (H, W) inside a ring x, y, x, y …"""
    corners = np.array(ring).reshape(-1, 2).astype(np.int32)
    cv2.fillPoly(labels, [corners], label)


def crop_corner(path: Path, folder: Path) -> None:
    """Write the upper left corner of an image file into a folder, under its name."""
    corner = np.asarray(Image.open(path))[:NUCLEUS_TILE_PX, :NUCLEUS_TILE_PX]
    Image.fromarray(corner).save(folder / path.name)


def make_folders(place: Path, *names: str) -> list[Path]:
    """Make folders in a place and return them."""
    folders = [place / name for name in names]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


WRITERS: dict[str, Callable[[Path], None]] = {
    "fasseg-frontal": write_faces,
    "dsb2018": write_nuclei,
    "superalloy": write_micrographs,
    "meltpool": write_melt_pools,
    "bsds500": write_drawn,
}
"""By the name of the real data set."""
