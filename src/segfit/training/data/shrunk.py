"""Images that were shrunk once, kept beside the model that is being trained, until its end.

Shapes: an image of the data is (H, W), and (h, w) as it is kept.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.datasets.labelled import Reading, Source
from segfit.errors import SegfitError
from segfit.imaging.pyramid import Pyramid
from segfit.training.data.batches import resize_truth
from segfit.training.data.views import LARGEST_VIEW_PX

WORTH_SHRINKING = 0.75
"""Shrinking by less than that saves little and blurs."""
MOST_DISK_BYTES = 16 << 30
FREE_SHARE = 0.5
"""Of the free disk space, at most, for shrunk images."""

MARK = "made-by-segfit"
"""A file of this name tells the folder from one of the user's."""

Size = tuple[int, int]


class ShrunkImages:
    """The folder of shrunk images that belongs to a model file that is being trained.

    As a context it removes the folder at the end, if it has made it. ``room_bytes``: that it may
    still take. Images of the data are told apart by their source. Raises ``SegfitError`` where
    something else has the folder's name; what a training that was killed has left there goes.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".images")
        if self.folder.is_symlink() or (self.folder.exists() and not self._is_own()):
            raise SegfitError(
                f"{self.folder} is in the way, where shrunk images would be kept: move it, or "
                "choose another name for the model"
            )
        self._places: dict[Source, tuple[Size, int]] = {}
        self._lock = Lock()
        self.clear()

    def __enter__(self) -> ShrunkImages:
        return self

    def __exit__(self, *exception: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove what is kept."""
        if self._is_own():
            shutil.rmtree(self.folder, ignore_errors=True)
        self._places.clear()
        free = shutil.disk_usage(self.folder.absolute().parent).free
        self.room_bytes = min(MOST_DISK_BYTES, int(FREE_SHARE * free))

    def _is_own(self) -> bool:
        """Whether the folder is there and was made by a training."""
        return (self.folder / MARK).is_file()

    def _make_folder(self) -> None:
        if not self._is_own():
            self.folder.mkdir()
            (self.folder / MARK).touch()

    def keep_view(self, source: Source, reading: Reading) -> None:
        """Keep what was read as large as a view may be, if it is larger: so much a frame needs."""
        height, width = reading.labels.shape
        size = shrink_to(height, width, LARGEST_VIEW_PX)
        if size != (height, width):
            self.keep(source, shrink_reading(reading, size))

    def keep(self, source: Source, reading: Reading) -> None:
        """Keep a reading, of any size, unless there is no room; ``SegfitError`` if it cannot be."""
        arrays = _name_arrays(reading)
        wanted_bytes = sum(array.nbytes for array in arrays.values())
        try:
            with self._lock:
                if wanted_bytes > self.room_bytes:
                    return
                self._make_folder()
                self.room_bytes -= wanted_bytes
                number = len(self._places)
                self._places[source] = reading.labels.shape, number
            for kind, array in arrays.items():
                np.save(self._path(number, kind), array)
        except OSError as error:
            raise SegfitError(
                f"shrunk images cannot be kept in {self.folder} ({error.strerror}): choose another "
                "folder for the model, or free some disk space"
            ) from error

    def has(self, source: Source, size: Size) -> bool:
        """Whether an image is kept, of this size."""
        return source in self._places and self._places[source][0] == size

    def open(self, source: Source) -> Source:
        """An image that is kept, as a source of its own; what is looked at comes into memory."""
        return Source(source.name, partial(self._load, self._places[source][1]))

    def _load(self, number: int) -> Reading:
        objects = self._path(number, "objects")
        return Reading(
            image=_map(self._path(number, "image")),
            labels=_map(self._path(number, "labels")),
            objects=_map(objects) if objects.exists() else None,
        )

    def _path(self, number: int, kind: str) -> Path:
        return self.folder / f"{number}-{kind}.npy"


def shrink_to(height: int, width: int, largest_px: float) -> Size:
    """The size of an image shrunk to so many pixels; its own where that is hardly less."""
    factor = math.sqrt(largest_px / (height * width))
    return scale_size(height, width, factor) if factor < WORTH_SHRINKING else (height, width)


def scale_size(height: int, width: int, factor: float) -> Size:
    """The size of an image, scaled."""
    return max(1, round(height * factor)), max(1, round(width * factor))


def shrink_reading(reading: Reading, size: Size) -> Reading:
    """An image with its truth, shrunk."""
    if reading.labels.shape == size:
        return reading
    image = Pyramid(reading.image).resize(*size)
    shrunk = resize_truth(image, reading.labels, reading.objects)
    return Reading(shrunk.image, shrunk.labels, shrunk.objects)


def _name_arrays(reading: Reading) -> Mapping[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any] | None] = {
        "image": reading.image, "labels": reading.labels, "objects": reading.objects,
    }  # fmt: skip
    return {kind: array for kind, array in arrays.items() if array is not None}


def _map(path: Path) -> NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r"))
