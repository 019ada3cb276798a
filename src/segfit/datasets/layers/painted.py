"""Windows of an image with a layer over it, as labelled images.

Frame: pixels of the full size. Shapes: ``h, w`` a window; ``P`` polygons; ``Q`` pieces of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.basics.geometry import Ring, fill_window
from segfit.classes import IGNORE
from segfit.datasets.labelled import Reading
from segfit.datasets.layers.layer import Geometries
from segfit.datasets.layers.opened import OpenRasters
from segfit.datasets.painting import PaintedObject, paint_objects
from segfit.imaging.raster.window import Window
from segfit.imaging.read import find_chosen, note_names

MANY_POINTS = 2048
"""A polygon of more is cut into pieces of the size of windows, which do not look at all of it."""
PIECE_PX = 512


class PaintedRaster:
    """An image and the polygons over it; ``read`` paints a window.

    ``polygons``: (P,) valid ones. ``ranks``: (P,) by which they are painted, the lowest first, and
    those of equal ranks by area, the largest first, so that what is drawn within another is seen.
    ``labels``: (P,) the class of each, ``IGNORE`` for those whose pixels are ignored. ``base``: of
    pixels that no polygon covers. Threads may share it.
    """

    def __init__(
        self,
        path: Path,
        rasters: OpenRasters,
        *,
        polygons: Geometries,
        ranks: Int64Array,
        labels: Int64Array,
        base: int,
    ) -> None:
        order = np.lexsort((-shapely.area(polygons), ranks))
        self.path = path
        self._rasters = rasters
        self._labels = labels[order]
        self._base = base
        self._bounds = shapely.bounds(polygons)[order]
        pieces, self._owners = cut_large(polygons[order])
        self._tree = shapely.STRtree(pieces)

    def __repr__(self) -> str:
        return f"<PaintedRaster {self.path}, {len(self._labels)} polygons>"

    def read(self, window: Window, hidden: Geometries | None = None) -> Reading:
        """A window's pixels, shown as those of the whole image are, with what is drawn there.

        ``hidden``: polygons of which all is ignored. Pixels of which nothing was measured are
        ignored, too.
        """
        with self._rasters.show(self.path, find_chosen()) as shown:
            image, measured = shown.read(window), shown.has_data(window)
            names, channels = shown.raster.names, shown.channels
        note_names(names if channels is None else tuple(names[number] for number in channels))
        reading = paint_objects(image, self._fill(window, hidden))
        if measured is None or reading.objects is None:
            return reading
        labels = np.where(measured, reading.labels, np.uint8(IGNORE))
        return replace(reading, labels=labels, objects=np.where(measured, reading.objects, 0))

    def find_labelled(self, windows: Sequence[Window]) -> list[int]:
        """The places of those windows in which anything is labelled, and not ignored."""
        sides = [(one.left, one.top, one.right, one.bottom) for one in windows]
        boxes = np.array(sides, np.float64).reshape(-1, 4)
        # What lies between the centres of pixels does not count.
        frames = shapely.box(*(boxes + np.array([0.5, 0.5, -0.5, -0.5])).T)
        places, pieces = self._tree.query(frames, predicate="intersects")
        seen = places[self._labels[self._owners[pieces]] != IGNORE]
        return [int(place) for place in np.unique(seen)]

    def _fill(self, window: Window, hidden: Geometries | None) -> Iterator[PaintedObject]:
        everything = np.ones(window.shape, np.bool_)
        yield PaintedObject(everything, self._base, 0)
        frame = shapely.box(window.left, window.top, window.right, window.bottom)
        found: dict[int, list[Any]] = defaultdict(list)
        for piece in np.sort(self._tree.query(frame)).tolist():
            found[int(self._owners[piece])].append(self._tree.geometries[piece])
        for number, (owner, pieces) in enumerate(sorted(found.items()), start=1):
            mask, corner = _fill_pieces(pieces, window)
            if mask.any() or self._lies_within(owner, window):
                yield PaintedObject(mask, int(self._labels[owner]), number, corner)
        if hidden is not None:
            mask, corner = _fill_pieces(list(hidden), window)
            yield PaintedObject(mask, IGNORE, 0, corner)

    def _lies_within(self, owner: int, window: Window) -> bool:
        left, top, right, bottom = self._bounds[owner]
        across = window.left <= left and right <= window.right
        return bool(across and window.top <= top and bottom <= window.bottom)


def cut_large(polygons: Geometries) -> tuple[Geometries, Int64Array]:
    """Polygons (P,) with those of many points cut into pieces (Q,), and whose each piece is.

    The cuts run between pixels, so that filled pieces neither overlap nor leave a gap.
    """
    owners = np.arange(len(polygons))
    large = shapely.get_num_coordinates(polygons) > MANY_POINTS
    if not large.any():
        return polygons, owners
    pieces: list[Any] = list(polygons[~large])
    of_pieces: list[int] = owners[~large].tolist()
    for owner in owners[large].tolist():
        cut = list(_cut(polygons[owner]))
        pieces += cut
        of_pieces += [owner] * len(cut)
    return np.array(pieces, dtype=object), np.array(of_pieces, np.int64)


def _cut(polygon: Any) -> Iterator[Any]:
    waiting = [polygon]
    while waiting:
        piece = waiting.pop()
        if shapely.is_empty(piece):
            continue
        left, top, right, bottom = shapely.bounds(piece).tolist()
        is_small = max(right - left, bottom - top) <= PIECE_PX
        if is_small or shapely.get_num_coordinates(piece) <= MANY_POINTS:
            yield piece
            continue
        if right - left >= bottom - top:
            middle = round((left + right) / 2)
            halves = ((left, top, middle, bottom), (middle, top, right, bottom))
        else:
            middle = round((top + bottom) / 2)
            halves = ((left, top, right, middle), (left, middle, right, bottom))
        waiting += [shapely.clip_by_rect(piece, *half) for half in halves]


def _fill_pieces(pieces: list[Any], window: Window) -> tuple[BoolArray, tuple[int, int]]:
    """The window's pixels whose centre lies in a polygon that is given in pieces."""
    rings = [ring for piece in pieces for ring in _list_rings(piece, window)]
    return fill_window(rings, height=window.height, width=window.width)


def _list_rings(piece: Any, window: Window) -> Iterator[Ring]:
    for part in shapely.get_parts(piece):
        if shapely.get_type_id(part) == 3:
            for ring in shapely.get_rings(part):
                yield shapely.get_coordinates(ring)[:-1] - (window.left, window.top)


@dataclass(frozen=True)
class PaintedWindow:
    """A window of an image with a layer, which is painted when it is read."""

    raster: PaintedRaster
    window: Window
    hidden: tuple[Any, ...] = ()

    def __call__(self) -> Reading:
        """See ``PaintedRaster.read``."""
        return self.raster.read(self.window, np.array(self.hidden, object) if self.hidden else None)
