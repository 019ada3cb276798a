"""What to label next: images of a project by what they would teach, found in the background.

Of each image a small piece is looked at, by the frozen features of the scribbles and by the model
in use. What was found is kept for as long as model and image stay the same.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import Float64Array, UInt8Array
from segfit.errors import SegfitError
from segfit.studio.database import Database
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.jobs.models import KeptModel, ModelShelf
from segfit.studio.jobs.process import lower_own_priority
from segfit.studio.jobs.teaching import describe_look, measure_unsureness, order_images

if TYPE_CHECKING:
    from segfit.scribbles import FeatureExtractor
    from segfit.segmenter import Segmenter

PIECE_PX = 512
MOST_IMAGES = 500
"""Images that are looked at; of more, so many that lie evenly among them."""
WAIT_SECONDS = 2.0
"""Changes that come together are answered once."""
Question = tuple[tuple[int, ...], frozenset[int], int | None]
"""Images, those that have labels, and the model in use."""
TABLE = """
CREATE TABLE IF NOT EXISTS looks (
    image INTEGER PRIMARY KEY, file TEXT NOT NULL, figures BLOB NOT NULL,
    model INTEGER, unsureness REAL)
"""


class TeachingQueue:
    """Keeps ``worth`` of the images that have no labels; ``on_change`` is called when it is new."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        shelf: ModelShelf,
        *,
        wait: Callable[[], None],
        stand_still: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        """``wait``: until what looks at images is loaded; ``stand_still``: while somebody draws."""
        self._database, self._catalogue, self._shelf = database, catalogue, shelf
        self._wait, self._stand_still, self._on_change = wait, stand_still, on_change
        self._asked, self._closing = threading.Event(), threading.Event()
        self._extractor: FeatureExtractor | None = None
        self._segmenter: tuple[int, Segmenter] | None = None
        self._thread: threading.Thread | None = None
        self._answered: Question | None = None
        with database.write() as writer:
            writer.execute(TABLE)

    def open(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        self._thread.start()
        self.refresh()

    def close(self) -> None:
        """Look no further."""
        self._closing.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Labels, images or the model have changed: order anew, soon."""
        self._asked.set()

    def update(self) -> None:
        """Look at images that nobody has looked at yet, and order all."""
        model = self._shelf.current()
        rows = self._list_images()
        labelled = frozenset(int(row["id"]) for row in rows if row["is_labelled"])
        images = tuple(int(row["id"]) for row in rows)
        question = images, labelled, None if model is None else model.id
        if question == self._answered:
            return
        for image in images:
            self._stand_still()
            if self._closing.is_set():
                return
            self._look(image, model)
        self._order(images, labelled)
        self._answered = question

    def _run(self) -> None:
        lower_own_priority()
        self._wait()
        while not self._closing.is_set():
            self._asked.wait()
            if self._closing.wait(WAIT_SECONDS):
                return
            self._asked.clear()
            try:
                self.update()
            except (SegfitError, OSError):  # a broken model, a full disk: the folder's own order
                continue

    def _list_images(self) -> Sequence[sqlite3.Row]:
        rows = self._database.reader.execute(
            "SELECT id, labelled_px > 0 OR mask_waits OR said IS 'done' AS is_labelled FROM images "
            "WHERE present AND problem IS NULL ORDER BY place"
        ).fetchall()
        places = np.unique(np.linspace(0, max(0, len(rows) - 1), MOST_IMAGES).astype(int))
        return [rows[place] for place in places if place < len(rows)]

    def _look(self, image: int, model: KeptModel | None) -> None:
        """Describe a piece of an image, unless that is known already."""
        from segfit.imaging.read import read_image

        path = self._catalogue.get_path(image)
        try:
            file = _name_file(path)
        except OSError:
            return
        known = self._database.reader.execute(
            "SELECT * FROM looks WHERE image = ? AND file = ?", (image, file)
        ).fetchone()
        number = None if model is None else model.id
        if known is not None and known["model"] == number:
            return
        try:
            piece = cut_piece(read_image(path))
        except SegfitError:  # it is shown with its problem
            return
        figures = known["figures"] if known is not None else self._describe(piece)
        unsureness = None if model is None else self._judge(piece, model)
        with self._database.write() as writer:
            writer.execute(
                "INSERT OR REPLACE INTO looks VALUES (?, ?, ?, ?, ?)",
                (image, file, figures, number, unsureness),
            )

    def _describe(self, piece: UInt8Array) -> bytes:
        from segfit.scribbles import open_features

        if self._extractor is None:
            self._extractor = open_features(threads=1)
        return describe_look(self._extractor.describe(piece)).astype(np.float32).tobytes()

    def _judge(self, piece: UInt8Array, model: KeptModel) -> float | None:
        from segfit.segmenter import load

        if self._segmenter is None or self._segmenter[0] != model.id:
            self._segmenter = model.id, load(self._shelf.path(model.id), threads=1)
        scores = self._segmenter[1](piece, refine=False).scores
        return None if scores is None else measure_unsureness(scores.to_probabilities())

    def _order(self, images: Sequence[int], labelled: Collection[int]) -> None:
        looks = {
            int(row["image"]): row for row in self._database.reader.execute("SELECT * FROM looks")
        }
        known = [image for image in images if image in looks]
        unsure = [looks[image]["unsureness"] for image in known]
        order = order_images(
            _stack([looks[image]["figures"] for image in known]),
            np.array([np.nan if one is None else one for one in unsure], np.float64),
            np.array([image in labelled for image in known], bool),
        )
        worths = [(1 - place / len(order), known[index]) for place, index in enumerate(order)]
        with self._database.write() as writer:
            writer.execute("UPDATE images SET worth = NULL WHERE worth IS NOT NULL")
            writer.executemany("UPDATE images SET worth = ? WHERE id = ?", worths)
        self._on_change()


def cut_piece(image: UInt8Array) -> UInt8Array:
    """The image itself, or of a larger one four windows from its quarters, side by side.

    (H, W, 3); no side of what comes is over ``PIECE_PX``.
    """
    height, width = image.shape[:2]
    tall, wide = min(height, PIECE_PX), min(width, PIECE_PX)

    def place(side: int, kept: int) -> list[slice]:
        if side <= kept:
            return [slice(0, side)]
        half, first = kept // 2, side // 4
        starts = [max(0, first - half // 2), min(side - half, side - first - half // 2)]
        return [slice(start, start + half) for start in starts]

    rows, columns = place(height, tall), place(width, wide)
    return np.concatenate(
        [np.concatenate([image[row, column] for column in columns], axis=1) for row in rows]
    )


def _name_file(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _stack(figures: Sequence[bytes]) -> Float64Array:
    return np.array([np.frombuffer(one, np.float32) for one in figures], np.float64)
