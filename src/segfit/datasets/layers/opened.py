"""Images of any size that stay open while their windows are read, a few at a time."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from segfit.imaging.channel_names import ChannelChoice
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.rgb import Ranges

KEPT_OPEN = 4


class OpenRasters:
    """Rasters by their paths; those that nobody reads are closed, but for the last ``KEPT_OPEN``.

    Threads may share it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ranges: dict[tuple[Path, ChannelChoice], Ranges] = {}
        self._used: dict[Path, tuple[Raster, int]] = {}
        self._idle: OrderedDict[Path, Raster] = OrderedDict()
        weakref.finalize(self, _close_all, self._idle)

    def __reduce__(self) -> tuple[type[OpenRasters], tuple[()]]:
        """Nothing that is open travels to another process."""
        return OpenRasters, ()

    @contextmanager
    def show(self, path: Path, choice: ChannelChoice) -> Iterator[ShownRaster]:
        """An open raster as it is shown, the range of whose values is found once."""
        with self.borrow(path) as raster:
            ranges = self._ranges.get((path, choice))
            shown = ShownRaster(raster, choice, ranges=ranges)
            self._ranges[path, choice] = shown.ranges
            yield shown

    @contextmanager
    def borrow(self, path: Path) -> Iterator[Raster]:
        """An open raster; raises ``SegfitError`` as ``open_raster``."""
        with self._lock:  # two threads do not open one file twice
            raster, readers = self._used.get(path, (None, 0))
            raster = raster or self._idle.pop(path, None) or open_raster(path)
            self._used[path] = (raster, readers + 1)
        try:
            yield raster
        finally:
            with self._lock:
                _, readers = self._used.pop(path)
                if readers > 1:
                    self._used[path] = (raster, readers - 1)
                else:
                    self._idle[path] = raster
                    while len(self._idle) > KEPT_OPEN:
                        self._idle.popitem(last=False)[1].close()


def _close_all(idle: OrderedDict[Path, Raster]) -> None:
    for raster in idle.values():
        raster.close()
    idle.clear()
