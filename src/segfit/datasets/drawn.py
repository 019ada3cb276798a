"""Pictures whose regions several people have drawn, as BSDS500 has them.

Shapes: ``H, W`` a picture; ``P`` people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from segfit.errors import SegfitError
from segfit.imaging.read import find_pictures, read_picture

PICTURES, TRUTH = "images", "truth"

Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Drawing:
    """What one person drew: ``edges`` (H, W) bool, a pixel wide, around the ``regions`` (H, W),
    which are numbered from 0.
    """

    edges: Bools
    regions: Numbers


@dataclass(frozen=True)
class DrawnPicture:
    """A picture (H, W, 3) uint8 RGB and what each of some people drew."""

    name: str
    picture: NDArray[np.uint8]
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class DrawnPictures:
    """A part of a data set, read from its files when asked for."""

    paths: tuple[tuple[Path, Path], ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> DrawnPicture:
        picture_path, truth_path = self.paths[index]
        picture, drawings = read_picture(picture_path), read_drawings(truth_path)
        for drawing in drawings:
            if drawing.regions.shape != picture.shape[:2]:
                raise SegfitError(
                    f"{truth_path} is {_by(drawing.regions.shape)} but {picture_path.name} is "
                    f"{_by(picture.shape)}: the pair does not belong together"
                )
        return DrawnPicture(picture_path.stem, picture, drawings)

    def __iter__(self) -> Iterator[DrawnPicture]:
        return (self[index] for index in range(len(self)))


def is_drawn(folder: Path) -> bool:
    """Whether a folder, or its parts, hold drawings of several people."""
    return any(folder.glob(f"{TRUTH}/*.mat")) or any(folder.glob(f"*/{TRUTH}/*.mat"))


def open_drawn(folder: Path, part: str) -> DrawnPictures:
    """The pictures of ``folder/part/images`` with ``folder/part/truth/NAME.mat``.

    Without such a part, ``folder/images`` and ``folder/truth``. Raises ``SegfitError`` where there
    is no picture, or one has no drawings.
    """
    inside = folder / part if (folder / part).is_dir() else folder
    if not (inside / PICTURES).is_dir() or not (inside / TRUTH).is_dir():
        raise SegfitError(
            f"{inside}: folders {PICTURES}/ and {TRUTH}/ are needed, the latter with NAME.mat for "
            "each picture"
        )
    pairs = [
        (path, inside / TRUTH / f"{path.stem}.mat")
        for path in find_pictures([str(inside / PICTURES)])
    ]
    lacking = [picture.name for picture, truth in pairs if not truth.exists()]
    if lacking:
        raise SegfitError(
            f"{inside / TRUTH} has no drawings of {len(lacking)} pictures, such as {lacking[0]}"
        )
    return DrawnPictures(tuple(pairs))


def read_drawings(path: Path) -> tuple[Drawing, ...]:
    """Read ``groundTruth`` of a MATLAB file: a cell for each person, with ``Boundaries`` and
    ``Segmentation``. Raises ``SegfitError`` for a file that is no such thing.
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


def draw_edges(regions: NDArray[np.integer]) -> Bools:
    """Edges (H, W) of regions (H, W): the pixels that differ from one to the right or below."""
    edges = np.zeros(regions.shape, bool)
    edges[:-1] |= regions[:-1] != regions[1:]
    edges[:, :-1] |= regions[:, :-1] != regions[:, 1:]
    edges[:-1, :-1] |= regions[:-1, :-1] != regions[1:, 1:]
    return edges


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape[:2]))
