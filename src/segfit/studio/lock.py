"""One studio a folder: a lock that ends with its process, and the address of who holds it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from segfit.basics.locks import try_lock
from segfit.errors import SegfitError

LOCK_NAME, ADDRESS_NAME = "studio.lock", "studio.address"


class FolderLock:
    """Held as long as the process lives, however it ends. Raises ``SegfitError`` if taken.

    ``address``: where this studio is, to be told to whoever comes second.
    """

    def __init__(self, folder: Path, address: str = "") -> None:
        self._address_path = folder / ADDRESS_NAME
        self._file: IO[bytes] = (folder / LOCK_NAME).open("ab")
        if not try_lock(self._file):
            self._file.close()
            raise SegfitError(
                f"{folder.parent} is open in another studio{self._read_address()}: use that one, "
                "or close it first"
            )
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
