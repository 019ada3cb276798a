"""A file of regions that grows by batches and has its name when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from segfit.basics.files import FilePath, atomic_path
from segfit.formats.layers.batch import Batch, Frame, describe_regions
from segfit.formats.layers.growing import GrowingOutput
from segfit.result.regions import Region

BATCH_ROWS = 8192
"""Regions that are written at once, however many come: the file is the same."""

Sink = Callable[[Batch], None]
OpenSink = Callable[[Path, Frame], AbstractContextManager[Sink]]
"""Opens a file that does not exist yet; leaving the context without an error completes it."""


class Layer(GrowingOutput):
    """Writes regions to a file, numbered from 1 in the order in which they come."""

    def __init__(self, path: FilePath, open_sink: OpenSink, frame: Frame, *, force: bool) -> None:
        """Start the file beside ``path``; see ``open_layer``."""
        self.path = Path(path)
        self._frame = frame
        self._waiting: list[Region] = []
        self._written = 0
        with ExitStack() as files:
            partial = files.enter_context(atomic_path(path, force=force))
            self._write_batch = files.enter_context(open_sink(partial, frame))
            self._files = files.pop_all()

    def write(self, regions: Sequence[Region]) -> None:
        """Add regions; after an error the layer is closed and nothing is left of it."""
        self._waiting.extend(regions)
        with self._undoing():
            while len(self._waiting) >= BATCH_ROWS:
                self._flush()

    def _complete(self) -> None:
        """Write the regions that wait. Raises ``SegfitError`` where that fails."""
        self._flush()

    def _flush(self) -> None:
        """Write as many regions as wait, at most a batch."""
        regions, self._waiting = self._waiting[:BATCH_ROWS], self._waiting[BATCH_ROWS:]
        if regions:
            self._write_batch(describe_regions(regions, self._frame, first_id=self._written + 1))
            self._written += len(regions)
