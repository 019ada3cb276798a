"""The windows of images with layers, as sources of labelled images.

Frame: pixels of the full size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import shapely

from segfit.datasets.labelled import Source
from segfit.datasets.layers.laid import LaidImage
from segfit.datasets.layers.layer import Geometries
from segfit.datasets.layers.meanings import AREA_RANK, CLASS_RANK, Meanings
from segfit.datasets.layers.names import AREAS, fold_name
from segfit.datasets.layers.opened import OpenRasters
from segfit.datasets.layers.painted import PaintedRaster, PaintedWindow
from segfit.datasets.layers.windows import (
    LARGEST_PX,
    LARGEST_SHARE,
    LEAST_WINDOWS,
    SMALLEST_PX,
    PlannedWindow,
    cut_boxes,
    find_patches,
    group_windows,
)
from segfit.imaging.raster.window import Window


class LayeredImage:
    """Which windows of an image are looked at."""

    def __init__(
        self,
        image: LaidImage,
        name: str,
        meanings: Meanings,
        rasters: OpenRasters,
        *,
        base: int,
    ) -> None:
        """``base``: the label of pixels that no polygon covers."""
        names, polygons = image.placed.names, image.placed.polygons
        ranks = np.array([meanings.rank_of[one] for one in names], np.int64)
        self.name = name
        self._shape = image.shape
        self._areas = polygons[ranks == AREA_RANK]
        self._area_splits = [AREAS[fold_name(one)] or "train" for one in names[ranks == AREA_RANK]]
        self._painted = PaintedRaster(
            image.path,
            rasters,
            polygons=polygons,
            ranks=ranks,
            labels=np.array([meanings.label_of[one] for one in names], np.int64),
            base=base,
        )
        self._boxes = find_patches(self._shape, self._areas, polygons[ranks == CLASS_RANK])

    def list_windows(self, side_px: int) -> list[PlannedWindow]:
        """The windows, of ``side_px`` at most, in which anything is labelled."""
        windows = cut_boxes(self._boxes, side_px=side_px)
        seen = self._painted.find_labelled([one.window for one in windows])
        return [windows[place] for place in seen]

    def find_split(self, window: Window) -> tuple[str, Geometries]:
        """The split whose areas cover most of a window, and the areas of others in it."""
        if set(self._area_splits) <= {"train"}:
            return "train", self._areas[:0]
        frame = shapely.box(window.left, window.top, window.right, window.bottom)
        covered = shapely.area(shapely.intersection(self._areas, frame))
        splits = np.array(self._area_splits)
        shares = {split: covered[splits == split].sum() for split in sorted(set(splits))}
        split = max(shares, key=shares.__getitem__) if any(shares.values()) else "train"
        return str(split), self._areas[(covered > 0) & (splits != split)]

    def open(self, window: Window, hidden: Geometries, group: str) -> Source:
        """A window as a labelled image."""
        height, width = self._shape
        is_whole = window == Window(0, 0, width, height)
        name = self.name if is_whole else f"{self.name}_{window.left}_{window.top}"
        return Source(name, PaintedWindow(self._painted, window, tuple(hidden)), group=group)


def list_sources(
    images: Mapping[str, Sequence[LayeredImage]], *, is_split: bool
) -> tuple[dict[str, tuple[Source, ...]], int]:
    """The windows of each split, and their sides at most.

    ``is_split``: the splits are those that are given, whatever areas say. Windows are made smaller
    where a validation split would have to be taken of a few.
    """
    side_px = LARGEST_PX
    while True:
        sources = _list_windows(images, side_px, is_split=is_split)
        enough = "val" in sources or len(sources.get("train", ())) >= LEAST_WINDOWS
        if enough or side_px <= SMALLEST_PX:
            return sources, side_px
        side_px //= 2


def _list_windows(
    images: Mapping[str, Sequence[LayeredImage]], side_px: int, *, is_split: bool
) -> dict[str, tuple[Source, ...]]:
    windows = {
        image: image.list_windows(side_px) for of_split in images.values() for image in of_split
    }
    most = max(1, int(LARGEST_SHARE * sum(map(len, windows.values()))))
    sources: dict[str, list[Source]] = {}
    for split, of_split in images.items():
        for image in of_split:
            groups = group_windows(windows[image], most=most)
            for planned, group in zip(windows[image], groups, strict=True):
                own, hidden = image.find_split(planned.window)
                if is_split:
                    own, hidden = split, hidden[:0]
                source = image.open(planned.window, hidden, f"{image.name} {group}")
                sources.setdefault(own, []).append(source)
    return {split: tuple(found) for split, found in sources.items()}
