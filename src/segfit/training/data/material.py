"""What the trainings of a model look at: its images as they are, or shrunk once to what is needed.

Shapes: an image of the data is (H, W), and (h, w) where it is shrunk.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.progress import map_in_threads
from segfit.basics.text import count_noun
from segfit.datasets import Dataset, LabelledData
from segfit.datasets.labelled import LabelledImage, Reading, Source
from segfit.errors import SegfitError
from segfit.imaging.pyramid import Pyramid
from segfit.model.scaling import Scaling
from segfit.training.checkpoint import checkpoint_path
from segfit.training.data.batches import resize_truth
from segfit.training.data.views import LARGEST_VIEW_PX

DETAIL = 2.0
"""Resolution that is kept beside the working resolution: the regressors begin at a quarter of a
cell, and go on to finer steps, at which an image and its enlargement look the same to them."""
WORTH_SHRINKING = 0.75
"""Shrinking by less than that saves little and blurs."""
MOST_DISK_BYTES = 16 << 30
FREE_SHARE = 0.5
"""Of the free disk space, at most, for shrunk images."""
BYTES_PER_PX, BYTES_PER_OBJECT_PX = 4, 4
SPLITS = ("train", "val")


@dataclass(frozen=True, eq=False)
class Material:
    """The images that a training looks at, and how these come to working resolution."""

    data: LabelledData
    scaling: Scaling


@dataclass(frozen=True)
class Shrinking:
    """To what size the images of a data set are shrunk; ``factor``: of a field of view, else 1.

    ``sizes``: (h, w) of every image of the splits that training needs. ``stored``: how many of
    them, in order, are kept on the disk; the others are read and shrunk whenever they are needed.
    """

    sizes: tuple[tuple[int, int], ...]
    native: tuple[tuple[int, int], ...]
    factor: float
    stored: int
    bytes: int

    @property
    def is_needed(self) -> bool:
        """Whether any image is larger than training needs it."""
        return self.sizes != self.native

    def describe(self, folder: Path) -> str:
        """What is done, in a sentence."""
        largest = max(self.sizes, key=math.prod)
        left_out = len(self.sizes) - self.stored
        line = (
            f"images are shrunk once to what training looks at, {largest[1]}×{largest[0]} px or "
            f"less: {max(1, round(self.bytes / 1e6))} MB in {folder.name} until the end"
        )
        if left_out:
            line += f"; {count_noun(left_out, 'image')} more are read each time, for want of room"
        return line


def plan_shrinking(data: LabelledData, scaling: Scaling, folder: Path) -> Shrinking:
    """Find to what size images are shrunk, and how many fit on the disk where ``folder`` is."""
    stats = [one for split in SPLITS for one in data.splits[split].stats]
    native = tuple((one.height, one.width) for one in stats)
    factor = 1.0
    if scaling.kind == "field" and DETAIL * scaling.factor < WORTH_SHRINKING:
        factor = DETAIL * scaling.factor
    sizes = tuple(_find_size(*size, scaling, factor) for size in native)
    px_bytes = BYTES_PER_PX + BYTES_PER_OBJECT_PX * bool(data.classes.object_classes)
    totals = np.cumsum([height * width * px_bytes for height, width in sizes])
    room = min(MOST_DISK_BYTES, FREE_SHARE * shutil.disk_usage(folder.resolve().parent).free)
    stored = int(np.searchsorted(totals, room, side="right"))
    return Shrinking(sizes, native, factor, stored, int(totals[stored - 1]) if stored else 0)


def _find_size(height: int, width: int, scaling: Scaling, factor: float) -> tuple[int, int]:
    if scaling.kind == "frame":
        working_px = math.prod(scaling.working_size(height, width))
        # The regressors look at whole images, as the classifier does: no more than a view holds.
        needed_px = min(DETAIL**2 * working_px, max(working_px, LARGEST_VIEW_PX))
        factor = math.sqrt(needed_px / (height * width))
        factor = factor if factor < WORTH_SHRINKING else 1.0
    return max(1, round(height * factor)), max(1, round(width * factor))


def shrink_images(
    data: LabelledData, scaling: Scaling, shrinking: Shrinking, folder: Path
) -> Material:
    """Shrink the images, or take those that an interrupted training has left in ``folder``.

    Raises ``SegfitError`` where the folder cannot be written.
    """
    if not shrinking.is_needed:
        return Material(data, scaling)
    names = [f"{split}/{name}" for split in SPLITS for name in data.splits[split].names]
    sizes = iter(shrinking.sizes)
    shrunk = {split: _shrink_split(data.splits[split], sizes) for split in SPLITS}
    images = [(dataset, index) for dataset in shrunk.values() for index in range(len(dataset))]
    wanted = {"names": names, "sizes": [list(size) for size in shrinking.sizes]}
    try:
        if _read_contents(folder) != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            entries = list(enumerate(images[: shrinking.stored]))
            map_in_threads(lambda entry: _store(folder, entry[0], *entry[1]), entries)
            (folder / "contents.json").write_text(json.dumps(wanted), encoding="utf-8")
    except OSError as error:
        raise SegfitError(
            f"shrunk images cannot be kept in {folder} ({error.strerror}): choose another folder "
            "for the model, or free some disk space"
        ) from error
    kept: dict[str, Dataset] = {}
    first = 0
    for split, dataset in shrunk.items():
        kept[split] = _read_stored(dataset, folder, range(first, shrinking.stored))
        first += len(dataset)
    if scaling.kind == "field":
        scaling = replace(scaling, factor=scaling.factor / shrinking.factor)
    return Material(replace(data, splits={**data.splits, **kept}), scaling)


class ShrunkFolder:
    """The folder of shrunk images that belongs to a model file that is being trained.

    As a context it gives its path; at the end the folder is removed, unless the training is left
    with a checkpoint from which it can be resumed.
    """

    def __init__(self, output: Path) -> None:
        self._path = output.with_name(output.name + ".images")
        self._checkpoint = checkpoint_path(output)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None or not self._checkpoint.exists():
            shutil.rmtree(self._path, ignore_errors=True)


def _shrink_split(dataset: Dataset, sizes: Any) -> Dataset:
    """The same data set, its images shrunk as they are read."""
    sources = [
        Source(name, partial(_read_shrunk, dataset, index, next(sizes)))
        for index, name in enumerate(dataset.names)
    ]
    return Dataset(dataset.classes, sources, stats=dataset.stats)


def _read_shrunk(dataset: Dataset, index: int, size: tuple[int, int]) -> Reading:
    example = dataset[index]
    if example.labels.shape == size:
        return Reading(example.image, example.labels, example.objects)
    image = Pyramid(example.image).resize(*size)
    shrunk = resize_truth(image, example.labels, example.objects)
    return Reading(shrunk.image, shrunk.labels, shrunk.objects)


def _store(folder: Path, number: int, dataset: Dataset, index: int) -> None:
    for kind, array in _name_arrays(dataset[index]).items():
        np.save(folder / f"{number}-{kind}.npy", array)


def _name_arrays(example: LabelledImage) -> Mapping[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any] | None] = {
        "image": example.image, "labels": example.labels, "objects": example.objects,
    }  # fmt: skip
    return {kind: array for kind, array in arrays.items() if array is not None}


def _read_stored(dataset: Dataset, folder: Path, stored: range) -> Dataset:
    """The same data set, its first images read from the disk, as far as they are stored."""
    kept = min(len(dataset), len(stored))
    sources = [
        Source(name, partial(_load, folder, stored[index]))
        if index < kept
        else Source(name, partial(_read_again, dataset, index))
        for index, name in enumerate(dataset.names)
    ]
    return Dataset(dataset.classes, sources, stats=dataset.stats)


def _load(folder: Path, number: int) -> Reading:
    """A stored image; only what is looked at comes into memory."""
    objects = folder / f"{number}-objects.npy"
    return Reading(
        image=_map(folder / f"{number}-image.npy"),
        labels=_map(folder / f"{number}-labels.npy"),
        objects=_map(objects) if objects.exists() else None,
    )


def _map(path: Path) -> NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r"))


def _read_again(dataset: Dataset, index: int) -> Reading:
    example = dataset[index]
    return Reading(example.image, example.labels, example.objects)


def _read_contents(folder: Path) -> Any:
    """What a folder of shrunk images holds; None for one that is not whole."""
    try:
        return json.loads((folder / "contents.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
