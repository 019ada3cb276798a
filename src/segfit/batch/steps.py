"""What is done with each file of a batch, wherever that is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from segfit.basics.show import show_briefly
from segfit.batch.files import ResultFiles

Read = TypeVar("Read")
Found = TypeVar("Found")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Written(Generic[Done]):
    """A file whose results are written; ``parts``: what files of the whole run need of it."""

    row: Done
    parts: bytes = b""

    __repr__ = show_briefly


@dataclass(frozen=True)
class Steps(Generic[Read, Found, Done]):
    """How a file is read, what is found in it, and how that is written.

    ``write`` gets the path, the files to write, what was found and the seconds that it took to
    find, and returns what the report says of it. Each raises ``SegfitError`` for a file that fails.
    """

    read: Callable[[Path], Read]
    apply: Callable[[Read], Found]
    write: Callable[[Path, ResultFiles, Found, float], Written[Done]]

    def find(self, given: Read) -> tuple[Found, float]:
        """Apply to what was read; what was found, and the seconds that it took."""
        start = time.perf_counter()
        found = self.apply(given)
        return found, time.perf_counter() - start

    def do(self, path: Path, files: ResultFiles) -> Written[Done]:
        """All three, one after the other."""
        found, seconds = self.find(self.read(path))
        return self.write(path, files, found, seconds)
