"""What a file that is written piece by piece does when it ends, and when it fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self


class GrowingOutput:
    """A file that has its name when it is whole; after an error nothing is left of it.

    A context manager: leaving it closes the file, or removes what is there of it after an error.
    """

    _files: ExitStack
    """The half file, and all else that is given back with it."""

    def close(self) -> None:
        """Complete the file and give it its name; raises ``SegfitError`` where that fails."""
        with self._undoing():
            self._complete()
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._files.__exit__(kind, error, traceback)

    def _complete(self) -> None:
        """Write what is still to be written."""
        raise NotImplementedError

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        """Within it, an error removes what is there of the file."""
        try:
            yield
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
