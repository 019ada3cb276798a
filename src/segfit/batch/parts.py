"""What files of a whole run need of each image, on the disk until they are written.

A line for each image: its name as JSON, the id of the run's settings, and JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from segfit.batch.lines import GrowingFile, read_lines

Places = dict[str, tuple[Path, int]]
"""By an image's name, the file that its parts are in, and where its line begins."""


def find_parts(files: Iterable[Path], run: str) -> Places:
    """Where the parts of a run are that was killed or shared out; of a name, the last ones."""
    places: Places = {}
    for path in files:
        for begin, line in read_lines(path):
            name, _, rest = line.partition(b"\t")
            if rest.startswith(f"{run}\t".encode()):
                with suppress(ValueError):  # damaged: its image is done again
                    places[json.loads(name)] = path, begin
    return places


class Parts:
    """The parts of a run, being collected; ``places``: of those that there are already.

    ``copy``: see ``GrowingFile``.
    """

    def __init__(self, path: Path, run: str, places: Places, *, copy: str | None = None) -> None:
        self._run, self._places = run, places
        self._file = GrowingFile(path, copy=copy)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def add(self, name: str, parts: bytes) -> None:
        """Keep an image's parts, JSON in one line."""
        head = f"{json.dumps(name)}\t{self._run}\t".encode()
        self._places[name] = self._file.path, self._file.append(head + parts)

    def read(self, name: str) -> dict[str, Any]:
        """An image's parts, by the names of the formats."""
        path, begin = self._places[name]
        if path == self._file.path:
            line = self._file.read_line(begin)
        else:
            with path.open("rb") as file:
                file.seek(begin)
                line = file.readline()
        parts: dict[str, Any] = json.loads(line.split(b"\t", 2)[2])
        return parts

    def close(self, *, are_needed: bool = True) -> None:
        """Let another run have the file."""
        self._file.close(copied=are_needed)
