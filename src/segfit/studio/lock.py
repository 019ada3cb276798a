"""One studio a folder: a lock that ends with its process, and the address of who holds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from segfit.errors import SegfitError

LOCK_NAME, ADDRESS_NAME = "studio.lock", "studio.address"


class FolderLock:
    """Held as long as the process lives, however it ends. Raises ``SegfitError`` if taken.

    ``address``: where this studio is, to be told to whoever comes second.
    """

    def __init__(self, folder: Path, address: str = "") -> None:
        self._address_path = folder / ADDRESS_NAME
        self._file: IO[bytes] = (folder / LOCK_NAME).open("ab")
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            raise SegfitError(
                f"{folder.parent} is open in another studio{self._read_address()}: use that one, "
                "or close it first"
            ) from error
        # It holds the token: nobody else's business.
        descriptor = os.open(self._address_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(address)

    def release(self) -> None:
        """Let others have the folder."""
        self._address_path.unlink(missing_ok=True)
        self._file.close()

    def _read_address(self) -> str:
        try:
            address = self._address_path.read_text(encoding="utf-8").strip()
        except OSError:
            return ""
        return f", at {address}" if address else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def find_why_read_only(folder: Path) -> str | None:
    """Why nothing can be written in a folder, found by writing; None where it can."""
    probe = folder / f".segfit-{os.getpid()}.partial"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return (
            f"nothing can be saved in {folder} ({error.strerror}): change its permissions, or copy "
            "it to a place where you may write, and open that"
        )
    return None
