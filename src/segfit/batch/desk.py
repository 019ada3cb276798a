"""Where the record of a run is written: in the output folder, or here where that is a store's.

A store has no files that grow, so that those of the record are put there again from time to time.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from segfit.basics import stores
from segfit.basics.stores import find_url
from segfit.errors import SegfitError


class Desk:
    """The folder on this machine, ``folder``, that the record of a run into ``output`` is in.

    Of a store it begins with ``kept``, patterns of files below ``output``, as they are there.
    Raises ``SegfitError`` for a store that cannot be asked.
    """

    def __init__(self, output: Path, kept: tuple[str, ...]) -> None:
        self.folder, self._url = output, find_url(output)
        if self._url is None:
            return
        self.folder = Path(tempfile.mkdtemp(prefix="segfit-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        try:
            for pattern in kept:
                for path in stores.list_files(f"{self._url}/{pattern}"):
                    place = self.folder / path.relative_to(output)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(stores.read_url(str(find_url(path))))
        except OSError as error:
            raise SegfitError(f"{self._url} cannot be read: {error.strerror or error}") from error

    @property
    def is_here(self) -> bool:
        """Whether the output folder is on this machine, too."""
        return self._url is None

    def find_copy(self, path: Path) -> str | None:
        """The address in the store of a file of the folder; None where there is no store."""
        if self._url is None:
            return None
        return f"{self._url}/{path.relative_to(self.folder).as_posix()}"

    def remove(self, folder: Path) -> None:
        """Remove a folder with all that is in it, in the store, too."""
        shutil.rmtree(folder, ignore_errors=True)
        url = self.find_copy(folder)
        if url is not None:
            try:
                stores.remove_below(url)
            except OSError as error:
                raise SegfitError(f"{url} cannot be removed: {error.strerror or error}") from error
