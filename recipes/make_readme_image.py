#!/usr/bin/env python
"""Draw the README's image: what the demo sees, and what it makes of it.

python recipes/make_readme_image.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import segfit
from segfit.basics.files import write_file
from segfit.cli.exhibits import EXHIBITS, read_cut
from segfit.formats.overlay import encode_image

OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "demo.jpg"
HEIGHT_PX = 360
GAP_PX = 6


def main() -> None:
    tiles = []
    for exhibit in EXHIBITS:
        image = read_cut(exhibit)
        overlay = segfit.load(exhibit.model)(image).overlay()
        tiles += [fit_height(image), fit_height(overlay)]
    gap = np.full((HEIGHT_PX, GAP_PX, 3), 255, np.uint8)
    row = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    write_file(OUTPUT, encode_image(row, OUTPUT), force=True)


def fit_height(image: np.ndarray) -> np.ndarray:
    """The image at the row's height."""
    width = round(image.shape[1] * HEIGHT_PX / image.shape[0])
    return cv2.resize(image, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
