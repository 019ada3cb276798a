#!/usr/bin/env python
"""Draw the gallery of the classical methods: what each makes of a portrait and of nuclei.

python recipes/make_gallery.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segfit.basics.files import write_file
from segfit.batch.finishing import remove_noise
from segfit.classical import METHODS, HintedMethod
from segfit.formats.draw import encode_image
from segfit.imaging.read import read_image
from segfit.methods import LEARNED, open_edge_finder
from segfit.result.method import Method

REPOSITORY = Path(__file__).parents[1]
DEMO_DATA = REPOSITORY / "src" / "segfit" / "demo_data"
OUTPUT = REPOSITORY / "docs" / "images" / "methods.jpg"
TILE_PX, COLUMNS, GAP_PX, LEAST_AREA_PX = 132, 5, 4, 16
HEAD = (0.2, 0.05, 0.75, 0.9)
CELL = (0.3, 0.3, 0.7, 0.7)


def main() -> None:
    portrait = read_image(DEMO_DATA / "astronaut.jpg")
    side = min(portrait.shape[:2])
    portrait = np.ascontiguousarray(portrait[:side, :side])
    portrait = np.asarray(cv2.resize(portrait, (320, 320), interpolation=cv2.INTER_AREA), np.uint8)
    nuclei = read_image(sorted((DEMO_DATA / "nuclei" / "val" / "images").iterdir())[0])
    images = {"portrait": portrait, "nuclei": np.ascontiguousarray(nuclei[:256, :256])}
    tiles = []
    for name in [*METHODS, "edges"]:
        halves = [
            fit_tile(remove_noise(make(name, kind, image)(image), LEAST_AREA_PX).overlay())
            for kind, image in images.items()
        ]
        tiles.append(add_title(np.hstack(halves), name))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [join(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    write_file(OUTPUT, encode_image(join(rows, axis=0), OUTPUT), force=True)


def make(name: str, kind: str, image: np.ndarray) -> Method:
    if name == "edges":
        return open_edge_finder(LEARNED)
    height, width = image.shape[:2]
    shares = HEAD if kind == "portrait" else CELL
    rectangle = tuple(np.multiply(shares, (width, height, width, height)).tolist())
    method = METHODS[name]
    return method(rectangle=rectangle) if issubclass(method, HintedMethod) else method()


def fit_tile(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)


def add_title(tile: np.ndarray, name: str) -> np.ndarray:
    image = Image.new("RGB", (tile.shape[1], tile.shape[0] + 18), "white")
    image.paste(Image.fromarray(tile), (0, 18))
    ImageDraw.Draw(image).text((3, 2), name, "black", ImageFont.load_default(12))
    return np.asarray(image)


def join(tiles: list[np.ndarray], *, axis: int) -> np.ndarray:
    shape = list(tiles[0].shape)
    shape[axis] = GAP_PX
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([piece for tile in tiles for piece in (tile, gap)][:-1], axis=axis)


if __name__ == "__main__":
    main()
