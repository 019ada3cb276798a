#!/usr/bin/env python
"""Draw the README's picture: what the demo sees, and what it makes of it.

python recipes/make_readme_picture.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import segfit
from segfit.cli.demo import EXHIBITS, read_cut
from segfit.files import write_file
from segfit.formats.overlay import encode_picture

OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "demo.jpg"
HEIGHT_PX = 360
GAP_PX = 6


def main() -> None:
    tiles = []
    for exhibit in EXHIBITS:
        picture = read_cut(exhibit)
        overlay = segfit.load(exhibit.model)(picture).overlay()
        tiles += [fit_height(picture), fit_height(overlay)]
    gap = np.full((HEIGHT_PX, GAP_PX, 3), 255, np.uint8)
    row = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    write_file(OUTPUT, encode_picture(row, OUTPUT), force=True)


def fit_height(picture: np.ndarray) -> np.ndarray:
    """The picture at the row's height."""
    width = round(picture.shape[1] * HEIGHT_PX / picture.shape[0])
    return cv2.resize(picture, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
