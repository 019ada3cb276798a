"""Files of labels and what is known of them: written whole, confined to the folder, told apart.

A file's state is its size, the time of its last change and a digest of its content.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.files import make_folder, write_file
from segfit.errors import SegfitError
from segfit.studio.database import Database


@dataclass(frozen=True)
class FileState:
    """What a file was when the studio read or wrote it last."""

    size: int
    modified_ns: int
    digest: bytes


class KnownFiles:
    """The files of a project by image (0 for the project's own) and kind."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    def find(self, image: int, kind: str) -> FileState | None:
        """What is known of a file."""
        row = self._database.reader.execute(
            "SELECT size, modified_ns, digest FROM files WHERE image = ? AND kind = ?",
            (image, kind),
        ).fetchone()
        return None if row is None else FileState(*row)

    def list_images(self) -> list[int]:
        """The images of which files are known."""
        rows = self._database.reader.execute("SELECT DISTINCT image FROM files WHERE image > 0")
        return [row["image"] for row in rows]

    def note(self, image: int, kind: str, state: FileState | None) -> None:
        """Keep what a file is now; None for none."""
        with self._database.write() as writer:
            if state is None:
                writer.execute("DELETE FROM files WHERE image = ? AND kind = ?", (image, kind))
            else:
                writer.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                    (image, kind, state.size, state.modified_ns, state.digest),
                )

    def has_changed(self, image: int, kind: str, path: Path) -> bool:
        """Whether a file is there and another one than was known; looked at as little as it takes.

        One of a new time and the same content is known from now on.
        """
        known = self.find(image, kind)
        try:
            found = path.stat()
        except OSError:
            return False
        if known is None:
            return True
        if (found.st_size, found.st_mtime_ns) == (known.size, known.modified_ns):
            return False
        state = read_state(path)
        if state is None:
            return False
        if state.digest == known.digest:
            self.note(image, kind, state)
            return False
        return True

    def check_inside(self, path: Path) -> None:
        """Raise ``SegfitError`` for a place out of the folder, where a link leads."""
        if not path.resolve().is_relative_to(self._folder):
            raise SegfitError(
                f"{path} leads out of the folder, to {path.resolve()}: remove that link, or bring "
                "what it leads to"
            )

    def write(self, image: int, kind: str, path: Path, data: bytes) -> None:
        """Write a file beside its place and rename it. Raises ``SegfitError``, also for a place out
        of the folder, where a link leads.
        """
        make_folder(path.parent)
        self.check_inside(path)
        write_file(path, data, force=True)
        self.note(image, kind, read_state(path))

    def remove(self, image: int, kind: str, path: Path) -> None:
        """Remove a file that the studio wrote and nobody changed; others stay."""
        if self.find(image, kind) is not None and not self.has_changed(image, kind, path):
            path.unlink(missing_ok=True)
        self.note(image, kind, None)


def read_state(path: Path) -> FileState | None:
    """A file's state; None where it cannot be read."""
    try:
        found = path.stat()
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        return None
    return FileState(found.st_size, found.st_mtime_ns, digest)
