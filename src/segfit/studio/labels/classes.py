"""The classes of a project, as a person names them.

A class keeps its number, which labels hold, for good; ``value`` is what its pixels have in files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from segfit.classes import DISTINCT_COLORS, IGNORE, ClassTable
from segfit.errors import SegfitError
from segfit.studio.database import Database

LONGEST_NAME = 80
COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class StudioClass:
    """A class. ``number``: None for one that is to be made. ``key``: on the keyboard, or empty."""

    number: int | None
    name: str
    color: str
    key: str = ""
    has_objects: bool = False
    value: int | None = None


class ClassStore:
    """Reads and replaces the classes, and counts how often they were replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def version(self) -> int:
        """Rises with every change."""
        return self._read_fact("classes_version") or 0

    def list_classes(self) -> list[StudioClass]:
        """All classes in the order that the user gave them."""
        rows = self._database.reader.execute("SELECT * FROM classes ORDER BY place")
        return [
            StudioClass(
                number=row["number"],
                name=row["name"],
                color=row["color"],
                key=row["key"],
                has_objects=bool(row["has_objects"]),
                value=row["value"],
            )
            for row in rows
        ]

    @property
    def is_shown_only(self) -> bool:
        """Whether they are those of labels that are shown and not changed."""
        return bool(self._read_fact("shown_only"))

    @property
    def background(self) -> int | None:
        """The number of the class that a file said to be the background."""
        return self._read_fact("background")

    @background.setter
    def background(self, number: int | None) -> None:
        with self._database.write() as writer:
            writer.execute("INSERT OR REPLACE INTO facts VALUES ('background', ?)", (number,))

    def replace(
        self, classes: list[StudioClass], *, is_shown_only: bool = False
    ) -> list[StudioClass]:
        """Replace all classes; those without a number get one that no class has had.

        Returns them with their numbers. Raises ``SegfitError`` for names that are empty, too long
        or given twice, and for colors and keys of another form.
        """
        check_classes(classes)
        numbered = self._number(classes)
        with self._database.write() as writer:
            writer.execute("DELETE FROM classes")
            writer.executemany(
                "INSERT INTO classes VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (c.number, place, c.name, c.color, c.key, c.has_objects, c.value)
                    for place, c in enumerate(numbered)
                ],
            )
            last = max((c.number or 0 for c in numbered), default=-1)
            for name, value in (
                ("classes_version", self.version + 1),
                ("last_class", max(last, self._last)),
                ("shown_only", int(is_shown_only)),
            ):
                writer.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
        return numbered

    @property
    def written_version(self) -> int | None:
        """The version that ``classes.json`` says."""
        return self._read_fact("written_version")

    @written_version.setter
    def written_version(self, version: int) -> None:
        with self._database.write() as writer:
            writer.execute("INSERT OR REPLACE INTO facts VALUES ('written_version', ?)", (version,))

    @property
    def written_ignored(self) -> int | None:
        """The value of pixels without a label in files of labels."""
        return self._read_fact("written_ignored")

    def _read_fact(self, name: str) -> int | None:
        row = self._database.reader.execute(
            "SELECT value FROM facts WHERE name = ?", (name,)
        ).fetchone()
        return None if row is None or row["value"] is None else int(row["value"])

    @property
    def _last(self) -> int:
        last = self._read_fact("last_class")
        return -1 if last is None else last

    def _number(self, classes: list[StudioClass]) -> list[StudioClass]:
        taken = {c.number for c in classes if c.number is not None}
        values = {c.value for c in classes if c.value is not None}
        fresh = [n for n in range(self._last + 1, IGNORE) if n not in taken]
        fresh += [n for n in range(IGNORE) if n not in taken and n not in fresh]
        numbered = []
        for one in classes:
            number = fresh.pop(0) if one.number is None else one.number
            value = one.value
            if value is None:
                free = [number, *range(IGNORE)]
                value = next(v for v in free if v not in values)
                values.add(value)
            numbered.append(replace(one, number=number, value=value))
        return numbered


def check_classes(classes: list[StudioClass]) -> None:
    """Raise ``SegfitError`` for classes that cannot be: see ``ClassStore.replace``."""
    if len(classes) > IGNORE - 1:
        raise SegfitError(f"{len(classes)} classes given; there can be {IGNORE - 1} at most")
    names = [one.name for one in classes]
    for one in classes:
        if not one.name.strip() or len(one.name) > LONGEST_NAME or not one.name.isprintable():
            raise SegfitError(
                f"a class cannot be called {one.name[:LONGEST_NAME]!r}: give a name of 1 to "
                f"{LONGEST_NAME} characters"
            )
        if not COLOR.fullmatch(one.color):
            raise SegfitError(f"the color {one.color!r} of {one.name}: give one such as #44aa88")
        if len(one.key) > 1:
            raise SegfitError(f"the key {one.key!r} of {one.name}: give one character, or none")
        if names.count(one.name) > 1:
            raise SegfitError(f"two classes are called {one.name}: give them different names")
    keys = [one.key for one in classes if one.key]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise SegfitError(f"two classes have the key {twice!r}: give them different ones")
    numbers = [one.number for one in classes if one.number is not None]
    if len(set(numbers)) < len(numbers):
        raise SegfitError("a class is given twice: give each number once")


def choose_color(taken: list[str]) -> str:
    """A color that is unlike those that are taken."""
    named = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in DISTINCT_COLORS]
    return next((one for one in named if one not in taken), "#808080")


def make_table(classes: list[StudioClass]) -> ClassTable:
    """The classes in their order as segfit's own table; none of them is the background."""
    return ClassTable(
        names=tuple(one.name for one in classes),
        colors=tuple(
            (int(one.color[1:3], 16), int(one.color[3:5], 16), int(one.color[5:7], 16))
            for one in classes
        ),
        background=None,
        object_classes=tuple(place for place, one in enumerate(classes) if one.has_objects),
    )
