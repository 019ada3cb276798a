"""Images whose regions several people have drawn, as BSDS500 has them.

Shapes: ``H, W`` an image; ``P`` people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from segfit.basics.arrays import BoolArray, Int64Array, UInt8Array
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun
from segfit.errors import SegfitError
from segfit.imaging.channels import Channels
from segfit.imaging.find import find_images
from segfit.imaging.read import read_image

IMAGES, TRUTH = "images", "truth"


@dataclass(frozen=True, eq=False)
class Drawing:
    """What one person drew: ``edges`` (H, W) bool, a pixel wide, around the ``regions`` (H, W),
    which are numbered from 0.
    """

    edges: BoolArray
    regions: Int64Array

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """An image (H, W, 3) uint8 RGB and what each of some people drew."""

    name: str
    image: UInt8Array
    drawings: tuple[Drawing, ...]

    __repr__ = show_briefly


@dataclass(frozen=True)
class DrawnImages:
    """A split of a data set, read from its files when asked for."""

    paths: tuple[tuple[Path, Path], ...]
    channels: Channels | None = None

    __repr__ = show_briefly

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> DrawnImage:
        image_path, truth_path = self.paths[index]
        image, drawings = read_image(image_path, channels=self.channels), read_drawings(truth_path)
        for drawing in drawings:
            if drawing.regions.shape != image.shape[:2]:
                raise SegfitError(
                    f"{truth_path} is {_by(drawing.regions.shape)} but {image_path.name} is "
                    f"{_by(image.shape)}: the pair does not belong together"
                )
        return DrawnImage(image_path.stem, image, drawings)

    def __iter__(self) -> Iterator[DrawnImage]:
        return (self[index] for index in range(len(self)))


def open_drawn(folder: Path, split: str, *, channels: Channels | None = None) -> DrawnImages:
    """The images of ``folder/split/images`` with ``folder/split/truth/NAME.mat``.

    Without such a split, ``folder/images`` and ``folder/truth``. ``channels``: of the images, see
    ``read_image``. Raises ``SegfitError`` where there
    is no image, or one has no drawings.
    """
    inside = folder / split if (folder / split).is_dir() else folder
    if not (inside / IMAGES).is_dir() or not (inside / TRUTH).is_dir():
        raise SegfitError(
            f"{inside}: folders {IMAGES}/ and {TRUTH}/ are needed, the latter with NAME.mat for "
            "each image"
        )
    pairs = [
        (path, inside / TRUTH / f"{path.stem}.mat") for path in find_images([str(inside / IMAGES)])
    ]
    missing = [image.name for image, truth in pairs if not truth.exists()]
    if missing:
        raise SegfitError(
            f"{inside / TRUTH} has no drawings of {count_noun(len(missing), 'image')}, such as "
            f"{missing[0]}: add NAME.mat for each image, or leave the image out"
        )
    return DrawnImages(tuple(pairs), channels)


def read_drawings(path: Path) -> tuple[Drawing, ...]:
    """Read ``groundTruth`` of a MATLAB file: a cell for each person, with ``Boundaries`` and
    ``Segmentation``. Raises ``SegfitError`` for a file that is not such a file.
    """
    try:
        cells = loadmat(path)["groundTruth"].ravel()
        return tuple(_read_cell(cell) for cell in cells)
    except Exception as error:  # on damaged files, the reader raises nearly everything there is
        raise SegfitError(
            f"{path}: not a MATLAB file with drawings: groundTruth with Boundaries and "
            f"Segmentation is needed ({type(error).__name__}: {error})"
        ) from error


def _read_cell(cell: Any) -> Drawing:
    regions = np.asarray(cell["Segmentation"][0, 0])
    numbers = np.unique(regions, return_inverse=True)[1].reshape(regions.shape)
    return Drawing(np.asarray(cell["Boundaries"][0, 0], bool), np.asarray(numbers, np.int64))


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape[:2]))
