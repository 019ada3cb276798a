"""The studio's SQLite file: its tables, one writer, and a reader for every thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segfit.errors import SegfitError
from segfit.studio.refusals import StorageError

BUSY_SECONDS = 10.0
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS classes (
    number INTEGER PRIMARY KEY, place INTEGER NOT NULL, name TEXT NOT NULL, color TEXT NOT NULL,
    key TEXT NOT NULL, has_objects INTEGER NOT NULL, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS images (
    id INTEGER PRIMARY KEY, path BLOB UNIQUE NOT NULL, place INTEGER NOT NULL,
    present INTEGER NOT NULL DEFAULT 1,
    width INTEGER, height INTEGER, blocked TEXT, problem TEXT, depth_note TEXT NOT NULL DEFAULT '',
    rev INTEGER NOT NULL DEFAULT 0, step INTEGER NOT NULL DEFAULT 0,
    steps INTEGER NOT NULL DEFAULT 0, next_object INTEGER NOT NULL DEFAULT 1,
    labelled_px INTEGER NOT NULL DEFAULT 0, said TEXT, worth REAL,
    files_read INTEGER NOT NULL DEFAULT 0,
    mask_waits INTEGER NOT NULL DEFAULT 0, written_rev INTEGER NOT NULL DEFAULT 0,
    file_problem TEXT);
CREATE INDEX IF NOT EXISTS images_place ON images (present, place);
CREATE TABLE IF NOT EXISTS blocks (
    image INTEGER, "row" INTEGER, "column" INTEGER, codes BLOB NOT NULL, small BLOB NOT NULL,
    PRIMARY KEY (image, "row", "column"));
CREATE TABLE IF NOT EXISTS steps (
    image INTEGER, step INTEGER, kind TEXT NOT NULL, who TEXT NOT NULL, "group" TEXT,
    PRIMARY KEY (image, step));
CREATE TABLE IF NOT EXISTS step_blocks (
    image INTEGER, step INTEGER, "row" INTEGER, "column" INTEGER, other BLOB,
    PRIMARY KEY (image, step, "row", "column"));
CREATE TABLE IF NOT EXISTS journal (
    image INTEGER, rev INTEGER, kind TEXT NOT NULL, params TEXT NOT NULL, who TEXT NOT NULL,
    client TEXT, made_at REAL NOT NULL, x0 INTEGER, y0 INTEGER, x1 INTEGER, y1 INTEGER,
    PRIMARY KEY (image, rev));
CREATE TABLE IF NOT EXISTS answers (
    image INTEGER, token TEXT, answer TEXT NOT NULL, PRIMARY KEY (image, token));
CREATE TABLE IF NOT EXISTS areas (
    image INTEGER, class INTEGER, object INTEGER, pixels INTEGER NOT NULL,
    PRIMARY KEY (image, class, object));
CREATE TABLE IF NOT EXISTS outlines (
    image INTEGER, origin TEXT, places BLOB NOT NULL, PRIMARY KEY (image, origin));
CREATE TABLE IF NOT EXISTS files (
    image INTEGER, kind TEXT, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (image, kind));
"""


class Database:
    """Tables of a project. Writing is one at a time; every thread reads by a connection of its own.

    What ``write`` has committed is there after the process was killed at any later moment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        try:
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = NORMAL")
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise SegfitError(
                    f"{path} was made by a newer segfit (its format is {version}, this one knows "
                    f"{SCHEMA_VERSION}): update segfit"
                )
            self._writer.executescript(SCHEMA)
            self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.Error as error:
            raise StorageError(
                f"{path} cannot be used ({error}): if it is damaged, move it away; labels that "
                "were written to masks/ are read again"
            ) from error

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's own connection, for SELECT only."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
        return found

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or, after an exception, nothing.

        Raises ``StorageError`` where the disk does not take it.
        """
        with self._lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                except BaseException:
                    self._roll_back()
                    raise
                self._writer.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                raise StorageError(_explain(error, self.path)) from error

    def count_start(self) -> int:
        """How many times the project was opened, this time included."""
        with self.write() as writer:
            row = writer.execute("SELECT value FROM facts WHERE name = 'starts'").fetchone()
            starts = 1 + (0 if row is None else int(row["value"]))
            writer.execute("INSERT OR REPLACE INTO facts VALUES ('starts', ?)", (starts,))
        return starts

    def close(self) -> None:
        """Close all connections; what was committed goes into the main file."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        self._open.append(connection)
        return connection

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")


def _explain(error: sqlite3.OperationalError, path: Path) -> str:
    if "full" in str(error):
        return (
            f"the disk of {path.parent} is full: nothing was changed, and nothing that was "
            "answered is lost; free some space and try again"
        )
    return (
        f"{path} cannot be written ({error}): nothing was changed; check the disk and the "
        "permissions of its folder, and try again"
    )
