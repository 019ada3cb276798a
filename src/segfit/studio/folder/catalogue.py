"""Which images a project has: those of its folder, in their order, each with a number for good."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from segfit.studio.database import Database
from segfit.studio.folder.listing import list_project, read_stamp
from segfit.studio.refusals import MissingError


@dataclass(frozen=True)
class Scanned:
    """What a scan has found: how many images came and went."""

    added: int
    removed: int


class Catalogue:
    """The images of a project, by number."""

    def __init__(self, database: Database, root: Path, masks: Path) -> None:
        """``root``: where the images lie. ``masks``: where files of labels lie."""
        self._database = database
        self.root, self.masks = root, masks
        self._stamps: dict[Path, int | None] = {}

    def open(self) -> None:
        """List the folder; what could not be opened another day is tried again."""
        with self._database.write() as writer:
            writer.execute("UPDATE images SET problem = NULL")
        self.scan()

    def has_moved(self) -> bool:
        """Whether files may have come to the folder, or gone, since it was listed."""
        return any(
            stamp is None or read_stamp(folder) != stamp for folder, stamp in self._stamps.items()
        )

    def scan(self) -> Scanned:
        """List the folder anew: what is new gets a number, what is gone is no longer listed."""
        listed, self._stamps = list_project(self.root, self.masks.parent)
        of_stem = Counter(one.stem for one in listed)
        masks = _list_masks(self.masks)
        found = []
        for place, one in enumerate(listed):
            why = one.blocked
            if why is None and of_stem[one.stem] > 1:
                why = (
                    f"{of_stem[one.stem]} images are called {one.stem}, and their labels would be "
                    "one file: rename all but one"
                )
            found.append((os.fsencode(one.path), place, why, one.stem in masks))
        with self._database.write() as writer:
            before = _list_present(writer)
            writer.execute("UPDATE images SET present = 0")
            writer.executemany(
                "INSERT INTO images (path, place, blocked, mask_waits) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (path) DO UPDATE SET place = excluded.place, present = 1, "
                "blocked = excluded.blocked, mask_waits = excluded.mask_waits AND NOT files_read",
                found,
            )
            after = _list_present(writer)
            added = after - before
            writer.executemany(
                "UPDATE images SET problem = NULL WHERE id = ?", [(image,) for image in added]
            )
        return Scanned(added=len(added), removed=len(before - after))

    def count(self) -> int:
        """Number of images."""
        row = self._database.reader.execute("SELECT COUNT(*) FROM images WHERE present").fetchone()
        return int(row[0])

    def count_done(self) -> int:
        """Number of images that are done."""
        row = self._database.reader.execute(
            "SELECT COUNT(*) FROM images WHERE present AND (said = 'done' OR "
            "(said IS NULL AND labelled_px > 0 AND labelled_px = width * height))"
        ).fetchone()
        return int(row[0])

    def list_part(self, *, offset: int, limit: int, by_worth: bool) -> list[sqlite3.Row]:
        """A part of the images, in the folder's order or with what teaches most first."""
        order = "worth IS NULL, worth DESC, place" if by_worth else "place"
        return self._database.reader.execute(
            f"SELECT * FROM images WHERE present ORDER BY {order} LIMIT ? OFFSET ?",
            (limit, offset),
        ).fetchall()

    def get(self, image: int) -> sqlite3.Row:
        """An image's row. Raises ``MissingError`` for a number that is no image."""
        row: sqlite3.Row | None = self._database.reader.execute(
            "SELECT * FROM images WHERE id = ? AND present", (image,)
        ).fetchone()
        if row is None:
            raise MissingError(f"there is no image {image} in the folder")
        return row

    def list_near(self, image: int) -> list[int]:
        """The next and the previous image in the folder's order."""
        place = self.get(image)["place"]
        rows = self._database.reader.execute(
            "SELECT id FROM images WHERE present AND blocked IS NULL AND problem IS NULL AND "
            "place IN (?, ?) ORDER BY place DESC",
            (place + 1, place - 1),
        )
        return [int(row["id"]) for row in rows]

    def get_path(self, image: int) -> Path:
        """Where an image's file lies."""
        return self.root / os.fsdecode(self.get(image)["path"])

    def note_size(self, image: int, *, width: int, height: int, depth_note: str) -> None:
        """Keep what opening an image has shown."""
        with self._database.write() as writer:
            writer.execute(
                "UPDATE images SET width = ?, height = ?, depth_note = ?, problem = NULL "
                "WHERE id = ?",
                (width, height, depth_note, image),
            )

    def note_problem(self, image: int, problem: str) -> None:
        """Keep why an image cannot be opened."""
        with self._database.write() as writer:
            writer.execute("UPDATE images SET problem = ? WHERE id = ?", (problem, image))

    def list_openable(self, *, unlabelled: bool = False) -> list[int]:
        """The images that nothing keeps from being opened, in the folder's order.

        ``unlabelled``: those without any label only.
        """
        more = "AND labelled_px = 0 AND NOT mask_waits" if unlabelled else ""
        rows = self._database.reader.execute(
            f"SELECT id FROM images WHERE present AND blocked IS NULL {more} ORDER BY place"
        )
        return [row["id"] for row in rows]

    def list_problems(self) -> list[int]:
        """The images that could not be opened."""
        rows = self._database.reader.execute(
            "SELECT id FROM images WHERE present AND problem IS NOT NULL"
        )
        return [row["id"] for row in rows]

    def drop_problem(self, image: int) -> None:
        """An image may be opened again."""
        with self._database.write() as writer:
            writer.execute("UPDATE images SET problem = NULL WHERE id = ?", (image,))

    def is_listed(self, image: int) -> bool:
        """Whether an image is one of the folder's, and can have labels."""
        row = self._database.reader.execute(
            "SELECT 1 FROM images WHERE id = ? AND present AND blocked IS NULL", (image,)
        ).fetchone()
        return row is not None

    def list_labelled(self, limit: int) -> list[int]:
        """The images that have labels, those that changed last first."""
        rows = self._database.reader.execute(
            "SELECT id FROM images WHERE present AND blocked IS NULL AND labelled_px > 0 ORDER BY "
            "(SELECT MAX(made_at) FROM journal WHERE image = id) DESC LIMIT ?",
            (limit,),
        )
        return [row["id"] for row in rows]

    def list_unwritten(self) -> list[int]:
        """The images whose labels are not what was written to files last."""
        rows = self._database.reader.execute(
            "SELECT id FROM images WHERE present AND blocked IS NULL AND written_rev <> rev"
        )
        return [row["id"] for row in rows]

    def note_written(self, image: int, rev: int) -> None:
        """Keep that the files are those of a revision."""
        with self._database.write() as writer:
            writer.execute("UPDATE images SET written_rev = ? WHERE id = ?", (rev, image))

    def note_ignored(self, value: int, *, is_other: bool) -> None:
        """Keep which value pixels without a label have in files.

        ``is_other``: than before, so that all files of labels have to be written again.
        """
        with self._database.write() as writer:
            writer.execute("INSERT OR REPLACE INTO facts VALUES ('written_ignored', ?)", (value,))
            if is_other:
                writer.execute("UPDATE images SET written_rev = -1 WHERE labelled_px > 0")

    def note_read(self, image: int, written_rev: int) -> None:
        """Keep that an image's files were read, and which revision they are now."""
        with self._database.write() as writer:
            writer.execute(
                "UPDATE images SET files_read = 1, mask_waits = 0, written_rev = ? WHERE id = ?",
                (written_rev, image),
            )

    def note_file_problem(self, image: int, problem: str | None) -> None:
        """Keep why an image's files cannot be read, so that they are not overwritten."""
        with self._database.write() as writer:
            writer.execute("UPDATE images SET file_problem = ? WHERE id = ?", (problem, image))

    def say(self, image: int, said: str) -> None:
        """Keep the state that a person gave an image."""
        with self._database.write() as writer:
            writer.execute("UPDATE images SET said = ? WHERE id = ?", (said, image))


def _list_present(connection: sqlite3.Connection) -> set[int]:
    return {row["id"] for row in connection.execute("SELECT id FROM images WHERE present")}


def _list_masks(folder: Path) -> set[str]:
    """The files of labels below a folder, by path without suffix."""
    found = set()
    for root, _, names in os.walk(folder):
        prefix = "" if Path(root) == folder else Path(root).relative_to(folder).as_posix() + "/"
        found |= {prefix + name[:-4] for name in names if name.lower().endswith(".png")}
    return found


def show_name(path: bytes) -> str:
    """An image's path below the folder, with / between its parts; bytes that are no text as ?."""
    return os.fsdecode(path).encode("utf-8", "replace").decode("utf-8")
