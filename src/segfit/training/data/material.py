"""What the trainings of a model look at: its images as they are, or shrunk once to what is needed.

Shapes: an image of the data is (H, W), and (h, w) where it is shrunk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from segfit.basics.progress import map_in_threads
from segfit.basics.text import count_noun
from segfit.datasets import Dataset, LabelledData
from segfit.datasets.labelled import Reading, Source
from segfit.model.scaling import Scaling
from segfit.training.data.shrunk import (
    WORTH_SHRINKING,
    ShrunkImages,
    Size,
    scale_size,
    shrink_reading,
    shrink_to,
)
from segfit.training.data.views import LARGEST_VIEW_PX

DETAIL = 2.0
"""Resolution of a field of view that is kept beside the working resolution: the regressors begin at
a quarter of a cell, and go on to finer steps, at which an image and its enlargement look the same
to them."""
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

    ``sizes``: (h, w) of every image of the splits that training needs. ``missing``: how many of
    those that are shrunk are not kept yet. ``unkept``: for how many there is no room; these are
    read and shrunk whenever they are needed.
    """

    sizes: tuple[Size, ...]
    native: tuple[Size, ...]
    factor: float
    missing: int
    unkept: int

    @property
    def is_needed(self) -> bool:
        """Whether any image is larger than training needs it."""
        return self.sizes != self.native

    def describe(self, shrunk: ShrunkImages) -> str:
        """What is done, in a sentence."""
        largest = max(self.sizes, key=math.prod)
        line = (
            f"images are shrunk once to what training looks at, {largest[1]}×{largest[0]} px or "
            f"less: they lie in {shrunk.folder.name} until the end"
        )
        if self.unkept:
            line += (
                f"; {count_noun(self.unkept, 'image')} more are read each time, for want of room"
            )
        return line


def plan_shrinking(data: LabelledData, scaling: Scaling, shrunk: ShrunkImages) -> Shrinking:
    """Find to what size images are shrunk, and for how many that are not kept there is room.

    Of a field of view, what was kept as large as a frame needs it is dropped.
    """
    if scaling.kind == "field":
        shrunk.clear()
    stats = [one for split in SPLITS for one in data.splits[split].stats]
    native = tuple((one.height, one.width) for one in stats)
    factor = 1.0
    if scaling.kind == "field" and DETAIL * scaling.factor < WORTH_SHRINKING:
        factor = DETAIL * scaling.factor
    sizes = tuple(_find_size(*size, scaling, factor) for size in native)
    px_bytes = BYTES_PER_PX + BYTES_PER_OBJECT_PX * bool(data.classes.object_classes)
    missing = _list_missing(data, native, sizes, shrunk)
    room_bytes, unkept = shrunk.room_bytes, 0
    for _, size in missing:
        wanted_bytes = math.prod(size) * px_bytes
        fits = wanted_bytes <= room_bytes
        room_bytes -= wanted_bytes * fits
        unkept += not fits
    return Shrinking(sizes, native, factor, len(missing), unkept)


def _list_missing(
    data: LabelledData, native: Sequence[Size], sizes: Sequence[Size], shrunk: ShrunkImages
) -> list[tuple[Source, Size]]:
    """The images that are to be shrunk and are not kept yet, and to what size."""
    sources = [source for split in SPLITS for source in data.splits[split].sources]
    return [
        (source, size)
        for source, own, size in zip(sources, native, sizes, strict=True)
        if size != own and not shrunk.has(source, size)
    ]


def _find_size(height: int, width: int, scaling: Scaling, factor: float) -> Size:
    if scaling.kind == "field":
        return scale_size(height, width, factor)
    # The regressors look at whole images, as the classifier does: no more than a view holds.
    working_px = math.prod(scaling.working_size(height, width))
    return shrink_to(height, width, max(working_px, LARGEST_VIEW_PX))


def shrink_images(
    data: LabelledData, scaling: Scaling, shrinking: Shrinking, shrunk: ShrunkImages
) -> Material:
    """Take the shrunk images, and shrink those that are not kept yet.

    Raises ``SegfitError`` where they cannot be kept.
    """
    if not shrinking.is_needed:
        return Material(data, scaling)
    missing = _list_missing(data, shrinking.native, shrinking.sizes, shrunk)
    map_in_threads(lambda entry: shrunk.keep(entry[0], _read_shrunk(*entry)), missing)

    def choose(source: Source, native: Size, size: Size) -> Source:
        if size == native:
            return source
        if shrunk.has(source, size):
            return shrunk.open(source)
        return Source(source.name, partial(_read_shrunk, source, size))

    rows = zip(shrinking.native, shrinking.sizes, strict=True)
    kept = {
        split: Dataset(
            data.classes,
            [choose(source, *next(rows)) for source in data.splits[split].sources],
            stats=data.splits[split].stats,
        )
        for split in SPLITS
    }
    if scaling.kind == "field":
        scaling = replace(scaling, factor=scaling.factor / shrinking.factor)
    return Material(replace(data, splits={**data.splits, **kept}), scaling)


def _read_shrunk(source: Source, size: Size) -> Reading:
    return shrink_reading(source.read(), size)
