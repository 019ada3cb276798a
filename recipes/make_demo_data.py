#!/usr/bin/env python3
"""Rebuild src/segfit/demo_data from the CC0 nuclei images (DSB2018) and scikit-image's astronaut.

    python recipes/make_demo_data.py ../shared/data

Which nuclei images are taken is a rule, not a taste: fluorescence, at most 360 pixels a side, at
least five nuclei that cover 2 % to 40 % of the image, and a label that Otsu's threshold agrees
with to an IoU of 0.6 at least (this leaves out images with wrong labels and those in which hardly
anything is to be seen). The rest is sorted by the share that nuclei cover and cut into as many
equal parts as images are wanted; the seed draws one from each part.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from PIL import Image

from segfit.basics.arrays import UInt8Array, UInt16Array

SEED = 2018
TRAIN_IMAGES, VAL_IMAGES = 24, 6
MAX_SIDE = 360
MIN_NUCLEI = 5
COVER_RANGE = (0.02, 0.40)
MIN_OTSU_IOU = 0.6
DEMO_DATA = Path(__file__).resolve().parents[1] / "src" / "segfit" / "demo_data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that holds dsb2018/")
    parser.add_argument("-o", "--output", type=Path, default=DEMO_DATA)
    arguments = parser.parse_args()

    source: Path = arguments.data / "dsb2018"
    nuclei: Path = arguments.output / "nuclei"
    if not (source / "classes.json").is_file():
        parser.error(f"no {source / 'classes.json'}: give the folder that holds dsb2018/")
    shutil.rmtree(nuclei, ignore_errors=True)
    generator = np.random.default_rng(SEED)
    for part, wanted in (("train", TRAIN_IMAGES), ("val", VAL_IMAGES)):
        chosen = draw_evenly(rank_by_cover(source / part), wanted, generator)
        copy_pairs(source / part, chosen, nuclei / part)
    shutil.copyfile(source / "classes.json", nuclei / "classes.json")
    write_astronaut(arguments.output / "astronaut.jpg")

    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    print(f"{arguments.output}: {size / 1e6:.2f} MB")


def rank_by_cover(part: Path) -> list[str]:
    """Names of the clean images of one part, from the sparsest to the most crowded."""
    covers: dict[str, float] = {}
    for path in sorted((part / "images").glob("fluorescence*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        nuclei = cv2.imread(str(part / "masks" / path.name), cv2.IMREAD_UNCHANGED)
        if is_clean(image, nuclei):
            covers[path.name] = float((nuclei > 0).mean())
    return sorted(covers, key=lambda name: (covers[name], name))


def is_clean(image: UInt8Array, nuclei: UInt16Array) -> bool:
    """Whether an image is small enough and its label covers what can be seen in it."""
    labelled = nuclei > 0
    bright = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1] > 0
    otsu_iou = (bright & labelled).sum() / max((bright | labelled).sum(), 1)
    return bool(
        max(image.shape) <= MAX_SIDE
        and np.unique(nuclei[labelled]).size >= MIN_NUCLEI
        and COVER_RANGE[0] <= labelled.mean() <= COVER_RANGE[1]
        and otsu_iou >= MIN_OTSU_IOU
    )


def draw_evenly(names: Sequence[str], wanted: int, generator: np.random.Generator) -> list[str]:
    """One name from each of ``wanted`` equal parts of ``names``."""
    bounds = np.linspace(0, len(names), wanted + 1).astype(int)
    return [names[generator.integers(start, stop)] for start, stop in pairwise(bounds)]


def copy_pairs(source: Path, names: Sequence[str], target: Path) -> None:
    """Write images and masks again, unchanged in every pixel, as small as PNG makes them."""
    for folder in ("images", "masks"):
        (target / folder).mkdir(parents=True)
        for name in names:
            pixels = cv2.imread(str(source / folder / name), cv2.IMREAD_UNCHANGED)
            cv2.imwrite(str(target / folder / name), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def write_astronaut(path: Path) -> None:
    """NASA's photograph of Eileen Collins, 512×512 (public domain)."""
    Image.fromarray(skimage.data.astronaut()).save(path, quality=92, optimize=True)


if __name__ == "__main__":
    main()
