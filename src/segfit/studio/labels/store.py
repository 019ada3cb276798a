"""What is kept of every image: its labels in blocks, and what was there before each operation.

A step is one operation that can be undone; ``images.step`` says how many of ``images.steps`` are
done. A block of a step holds the content on the other side: that before it while the step is done,
that after it while it is undone. A revision is one change of the labels: an operation, an undo, a
redo, or what another program wrote.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segfit.basics.arrays import UInt32Array
from segfit.basics.runs import count_values
from segfit.studio.database import Database
from segfit.studio.labels.blocks import (
    BLOCK_PX,
    Box,
    Canvas,
    Key,
    decode_block,
    encode_block,
    find_dirty,
    halve_codes,
    join_boxes,
    make_uniform,
)
from segfit.studio.labels.codes import EMPTY, OBJECT_SHIFT

SMALL_LEVEL = 3
"""Of each block a version at 1/8 is kept, so that an overview need not decode everything."""
CACHED_BLOCKS = 160
Change = tuple[Key, UInt32Array | None, UInt32Array | None]


@dataclass(frozen=True)
class Entry:
    """What the journal says of a change.

    ``token``: by which a repeated request is known again. ``group``: of steps that are undone
    together. ``client``: the page that asked, which never is in conflict with itself.
    """

    kind: str
    params: Mapping[str, Any]
    who: str
    token: str | None = None
    group: str | None = None
    client: str | None = None


@dataclass(frozen=True)
class Committed:
    """What a change came to. ``dirty``: the box of all pixels that changed, None for none."""

    rev: int
    dirty: Box | None
    changed_px: int
    can_undo: bool
    can_redo: bool
    labelled_px: int


class LabelStore:
    """Labels of all images of a project. The caller holds the image's lock while it changes one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: OrderedDict[tuple[int, Key], UInt32Array | None] = OrderedDict()
        self._cache_lock = threading.Lock()

    def open_canvas(self, image: int) -> Canvas:
        """The labels of an image, to be read or drawn on; its size has to be known."""
        row = self._get_image(image)
        return Canvas(
            width=row["width"],
            height=row["height"],
            load=lambda key: self.get_block(image, key),
            next_object=row["next_object"],
        )

    def get_block(self, image: int, key: Key) -> UInt32Array | None:
        """A block (512, 512), not to be written to; None where nothing was drawn."""
        with self._cache_lock:
            if (image, key) in self._cache:
                self._cache.move_to_end((image, key))
                return self._cache[image, key]
        row = self._database.reader.execute(
            'SELECT codes FROM blocks WHERE image = ? AND "row" = ? AND "column" = ?',
            (image, *key),
        ).fetchone()
        codes = None if row is None else decode_block(row["codes"])
        self._keep({(image, key): codes})
        return codes

    def list_small(self, image: int, rows: range, columns: range) -> dict[Key, UInt32Array]:
        """The blocks within rows and columns of blocks at 1/8, (64, 64) each."""
        found = self._database.reader.execute(
            'SELECT "row", "column", small FROM blocks WHERE image = ? AND "row" >= ? AND '
            '"row" < ? AND "column" >= ? AND "column" < ?',
            (image, rows.start, rows.stop, columns.start, columns.stop),
        )
        side = BLOCK_PX >> SMALL_LEVEL
        return {(row, column): decode_block(small, side=side) for row, column, small in found}

    def list_blocks(self, image: int) -> list[Key]:
        """The keys of all blocks of an image."""
        found = self._database.reader.execute(
            'SELECT "row", "column" FROM blocks WHERE image = ? ORDER BY 1, 2', (image,)
        )
        return [(row, column) for row, column in found]

    def count_classes(self) -> dict[int, tuple[int, int]]:
        """Pixels and objects of every class that has labels."""
        found = self._database.reader.execute(
            "SELECT class, SUM(pixels), SUM(object > 0) FROM areas GROUP BY class"
        )
        return {number: (pixels, objects) for number, pixels, objects in found}

    def list_objects(self, image: int) -> list[int]:
        """The numbers of an image's objects, rising."""
        found = self._database.reader.execute(
            "SELECT DISTINCT object FROM areas WHERE image = ? AND object > 0 ORDER BY object",
            (image,),
        )
        return [row["object"] for row in found]

    def list_images_with(self, number: int) -> list[int]:
        """The images that have labels of a class."""
        found = self._database.reader.execute(
            "SELECT DISTINCT image FROM areas WHERE class = ? ORDER BY image", (number,)
        )
        return [row["image"] for row in found]

    def commit(
        self, image: int, canvas: Canvas, entry: Entry, *, as_step: bool = True
    ) -> Committed:
        """Keep what was drawn as one step; where nothing changed, there is none.

        ``as_step``: whether it can be undone, and ends what could be done again.
        """
        changes: list[Change] = list(canvas.iterate_changes())
        row = self._get_image(image)
        if not changes:
            return _describe(row, None, 0)
        with self._database.write() as writer:
            if as_step:
                self._add_step(writer, row, changes, entry)
            writer.execute(
                "UPDATE images SET next_object = ? WHERE id = ?", (canvas.next_object, image)
            )
            committed = self._replace(writer, image, changes, entry)
        self._remember(image, changes)
        return committed

    def undo(self, image: int, entry: Entry, *, classes: Iterable[int]) -> Committed:
        """Take back the last step, with all of its group."""
        return self._travel(image, entry, classes, back=True)

    def redo(self, image: int, entry: Entry, *, classes: Iterable[int]) -> Committed:
        """Do the next step again, with all of its group."""
        return self._travel(image, entry, classes, back=False)

    def find_last_author(self, image: int) -> str | None:
        """Who made the step that ``undo`` would take back; None where there is none."""
        row = self._database.reader.execute(
            "SELECT who FROM steps JOIN images ON image = id AND steps.step = images.step "
            "WHERE image = ?",
            (image,),
        ).fetchone()
        return None if row is None else str(row["who"])

    def list_changes_since(
        self, image: int, rev: int, *, client: str | None = None
    ) -> list[tuple[Box, str]]:
        """Box and who of every change after a revision that another client made."""
        found = self._database.reader.execute(
            "SELECT x0, y0, x1, y1, who FROM journal WHERE image = ? AND rev > ? AND "
            "(client IS NULL OR client IS NOT ?) ORDER BY rev",
            (image, rev, client),
        )
        return [((x0, y0, x1, y1), who) for x0, y0, x1, y1, who in found]

    def find_answer(self, image: int, token: str) -> dict[str, Any] | None:
        """What was answered to a request that came before."""
        row = self._database.reader.execute(
            "SELECT answer FROM answers WHERE image = ? AND token = ?", (image, token)
        ).fetchone()
        return None if row is None else json.loads(row["answer"])

    def _add_step(
        self, writer: sqlite3.Connection, row: sqlite3.Row, changes: list[Change], entry: Entry
    ) -> None:
        """A step with what was there before; those that were undone end here."""
        image, step = row["id"], row["step"] + 1
        if row["steps"] >= step:
            for table in ("steps", "step_blocks"):
                writer.execute(f"DELETE FROM {table} WHERE image = ? AND step >= ?", (image, step))
        writer.execute(
            'INSERT INTO steps (image, step, kind, who, "group") VALUES (?, ?, ?, ?, ?)',
            (image, step, entry.kind, entry.who, entry.group),
        )
        writer.executemany(
            "INSERT INTO step_blocks VALUES (?, ?, ?, ?, ?)",
            [
                (image, step, *key, None if before is None else encode_block(before))
                for key, before, _ in changes
            ],
        )
        writer.execute("UPDATE images SET step = ?, steps = ? WHERE id = ?", (step, step, image))

    def _travel(self, image: int, entry: Entry, classes: Iterable[int], *, back: bool) -> Committed:
        row = self._get_image(image)
        steps = self._list_group(image, row["step"], row["steps"], back=back)
        if not steps:
            return _describe(row, None, 0)
        known = np.zeros(256, bool)
        known[list(classes)] = True
        content: dict[Key, UInt32Array | None] = {}
        with self._database.write() as writer:
            for step in steps:
                blocks = writer.execute(
                    'SELECT "row", "column", other FROM step_blocks WHERE image = ? AND step = ?',
                    (image, step),
                ).fetchall()
                for row_number, column, other in blocks:
                    key = row_number, column
                    now = content[key] if key in content else self.get_block(image, key)
                    content[key] = None if other is None else decode_block(other)
                    writer.execute(
                        "UPDATE step_blocks SET other = ? WHERE image = ? AND step = ? AND "
                        '"row" = ? AND "column" = ?',
                        (None if now is None else encode_block(now), image, step, *key),
                    )
            done = steps[-1] - 1 if back else steps[-1]
            writer.execute("UPDATE images SET step = ? WHERE id = ?", (done, image))
            changes = [
                (key, self.get_block(image, key), _drop_unknown(after, known))
                for key, after in content.items()
            ]
            committed = self._replace(writer, image, changes, entry)
        self._remember(image, changes)
        return committed

    def _list_group(self, image: int, step: int, steps: int, *, back: bool) -> list[int]:
        """The steps to take back, or to do again, in the order in which that is done."""
        first = step if back else step + 1
        if not 1 <= first <= steps:
            return []
        reader = self._database.reader
        order, sign = ("DESC", "<=") if back else ("ASC", ">=")
        rows = reader.execute(
            f'SELECT step, "group" FROM steps WHERE image = ? AND step {sign} ? '
            f"ORDER BY step {order}",
            (image, first),
        )
        found: list[int] = []
        group: str | None = None
        for number, own in rows:
            if found and (own is None or own != group):
                break
            found.append(number)
            group = own
        return found

    def _replace(
        self, writer: sqlite3.Connection, image: int, changes: list[Change], entry: Entry
    ) -> Committed:
        """Write blocks, areas, revision and journal; step and number of steps are set already."""
        boxes: list[Box] = []
        totals: dict[tuple[int, int], int] = {}
        changed_px = 0
        for key, before, after in changes:
            old, new = _or_empty(before), _or_empty(after)
            differs = old != new
            count = int(np.count_nonzero(differs))
            if count:
                changed_px += count
                boxes.append(find_dirty(key, differs))
                for codes, sign in ((old[differs], -1), (new[differs], 1)):
                    _add_areas(totals, codes, sign)
            if after is None or (after == EMPTY).all():
                writer.execute(
                    'DELETE FROM blocks WHERE image = ? AND "row" = ? AND "column" = ?',
                    (image, *key),
                )
            else:
                small = after
                for _ in range(SMALL_LEVEL):
                    small = halve_codes(small)
                writer.execute(
                    "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?)",
                    (image, *key, encode_block(after), encode_block(small)),
                )
        writer.executemany(
            "INSERT INTO areas VALUES (?, ?, ?, ?) ON CONFLICT (image, class, object) DO UPDATE "
            "SET pixels = pixels + excluded.pixels",
            [(image, *place, pixels) for place, pixels in totals.items() if pixels],
        )
        writer.executemany(
            "DELETE FROM areas WHERE image = ? AND class = ? AND object = ? AND pixels = 0",
            [(image, *place) for place in totals],
        )
        writer.execute(
            "UPDATE images SET rev = rev + 1, labelled_px = labelled_px + ? WHERE id = ?",
            (sum(totals.values()), image),
        )
        row = writer.execute("SELECT * FROM images WHERE id = ?", (image,)).fetchone()
        dirty = join_boxes(boxes)
        writer.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                image,
                row["rev"],
                entry.kind,
                json.dumps(entry.params),
                entry.who,
                entry.client,
                time.time(),
                *(dirty or (0, 0, 0, 0)),
            ),
        )
        committed = _describe(row, dirty, changed_px)
        if entry.token is not None:
            writer.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
                (image, entry.token, json.dumps(vars(committed))),
            )
        return committed

    def _get_image(self, image: int) -> sqlite3.Row:
        row: sqlite3.Row = self._database.reader.execute(
            "SELECT * FROM images WHERE id = ?", (image,)
        ).fetchone()
        return row

    def _remember(self, image: int, changes: list[Change]) -> None:
        self._keep(
            {
                (image, key): None if after is None or (after == EMPTY).all() else after
                for key, _, after in changes
            }
        )

    def _keep(self, blocks: Mapping[tuple[int, Key], UInt32Array | None]) -> None:
        with self._cache_lock:
            for place, codes in blocks.items():
                self._cache[place] = codes
                self._cache.move_to_end(place)
            while len(self._cache) > CACHED_BLOCKS:
                self._cache.popitem(last=False)


def _describe(row: sqlite3.Row, dirty: Box | None, changed_px: int) -> Committed:
    return Committed(
        rev=row["rev"],
        dirty=dirty,
        changed_px=changed_px,
        can_undo=row["step"] > 0,
        can_redo=row["step"] < row["steps"],
        labelled_px=row["labelled_px"],
    )


def _or_empty(codes: UInt32Array | None) -> UInt32Array:
    return make_uniform(int(EMPTY)) if codes is None else codes


def _drop_unknown(codes: UInt32Array | None, known: np.ndarray[Any, Any]) -> UInt32Array | None:
    """Without the labels of classes that there are no more."""
    if codes is None:
        return None
    return np.where(known[codes & np.uint32(255)], codes, EMPTY)


def _add_areas(totals: dict[tuple[int, int], int], codes: UInt32Array, sign: int) -> None:
    """Add the pixels of each class and object to what was counted."""
    numbers, counts = count_values(codes)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        if number != EMPTY:
            place = number & 255, number >> OBJECT_SHIFT
            totals[place] = totals.get(place, 0) + sign * count
