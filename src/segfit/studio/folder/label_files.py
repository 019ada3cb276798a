"""Labels as files of the folder, in segfit's own layout: written soon after each change, read where
another program changed them.

Shapes: ``H, W`` an image.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Int32Array, UInt8Array, UInt16Array
from segfit.basics.runs import count_values
from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.studio.database import Database
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.folder.files_on_disk import KnownFiles, read_state
from segfit.studio.folder.label_code import (
    MOST_OBJECTS,
    decode_values,
    encode_objects,
    encode_values,
    find_ignored,
)
from segfit.studio.images.tiles import encode_gray
from segfit.studio.labels.blocks import BLOCK_PX, Box, Canvas, list_keys
from segfit.studio.labels.classes import ClassStore, StudioClass
from segfit.studio.labels.codes import Origin, get_classes, pack_codes
from segfit.studio.labels.editing import Editor
from segfit.studio.labels.objects import number_pieces
from segfit.studio.labels.store import Entry, LabelStore
from segfit.studio.notes import Notes
from segfit.studio.refusals import StorageError

if TYPE_CHECKING:
    from segfit.datasets.masks.codes import MaskCode

MASKS, INSTANCES = "masks", "instances"
PAUSE_S, LONGEST_S, RETRY_S = 0.4, 3.0, 5.0
"""After the last change, and after the first, labels are written; again after it failed."""
LOOK_S, LOOKING_SHARE = 2.0, 0.05
"""How often files are looked at, and what share of the time that may take."""
OUTSIDE = "changed outside"
MISTAKE = (
    "labels could not be written to their files: this is a mistake of segfit, and the terminal "
    "says more; they are kept, and it is tried again"
)
LOG = logging.getLogger(__name__)


class LabelFiles:
    """Keeps the folder's files and the studio's labels alike.

    ``run``: what a thread of its own does until ``stop``. ``on_look``: what else is looked at then.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        catalogue: Catalogue,
        labels: LabelStore,
        classes: ClassStore,
        editor: Editor,
        notes: Notes,
        *,
        open_size: Callable[[int], tuple[int, int]],
        wait: Callable[[], None],
        code: MaskCode | None = None,
    ) -> None:
        """``code``: of masks that are only shown; None for those that the studio writes.

        ``wait``: until what reads masks is loaded.
        """
        self.folder = folder
        self.known = KnownFiles(database, folder)
        self._database, self._catalogue, self._labels = database, catalogue, labels
        self._classes, self._editor, self._notes = classes, editor, notes
        self._open_size, self._wait, self._code = open_size, wait, code
        self.on_look: list[Callable[[], None]] = []
        self._due: dict[int, tuple[float, float]] = {}  # first and last change of each image
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._ended = False

    def find_path(self, image: int, kind: str) -> Path:
        """Where an image's file of labels belongs."""
        path = self._catalogue.get_path(image).relative_to(self._catalogue.root)
        return self.folder / kind / path.with_suffix(".png")

    def note_change(self, image: int, dirty: Box | None = None) -> None:
        """Labels changed, and are to be written soon, all of the image's."""
        now = time.monotonic()
        with self._changed:
            first, _ = self._due.get(image, (now, now))
            self._due[image] = first, now
            self._changed.notify()

    def note_classes(self) -> None:
        """Classes changed: where one has the value that pixels without a label had, or has it no
        more, what is in the files is read, and all of them are written again.
        """
        before, now = self._classes.written_ignored, find_ignored(self._classes.list_classes())
        if before == now:
            return
        if before is not None:
            self._check_known()
        self._catalogue.note_ignored(now, is_other=before is not None)
        for image in self._catalogue.list_unwritten():
            self.note_change(image)

    def run(self) -> None:
        """Write what is due, and look at the files now and then."""
        self.note_classes()
        for image in self._catalogue.list_unwritten():
            self.note_change(image)
        look_at = time.monotonic()
        while True:
            with self._changed:
                if self._ended:
                    return
                wake = min([look_at, *(self._get_due(one) for one in self._due)])
                self._changed.wait(max(0.0, wake - time.monotonic()))
                if self._ended:
                    return
                now = time.monotonic()
                ready = [image for image in self._due if self._get_due(image) <= now]
            start = time.monotonic()
            try:
                for image in ready:
                    self.write(image)
                start = time.monotonic()
                if start >= look_at:
                    self.look()
            except Exception:  # this thread has to live: without it nothing is written
                LOG.exception("labels could not be written")
                for image in self._catalogue.list_unwritten():
                    self._fail(image, MISTAKE)
            if time.monotonic() >= look_at:
                took = time.monotonic() - start
                look_at = time.monotonic() + max(LOOK_S, took / LOOKING_SHARE)

    def stop(self) -> None:
        """End ``run``; what is due is then written by ``flush``."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def flush(self) -> None:
        """Write everything that is not on the disk yet. Raises ``SegfitError`` where that fails."""
        for image in self._catalogue.list_unwritten():
            self.write(image)
        left = self._catalogue.list_unwritten()
        subjects = [f"{what} {image}" for image in left for what in ("write", "read")]
        problem = next(filter(None, map(self._notes.find, subjects)), None)
        if problem is not None:
            raise SegfitError(problem)

    def look(self) -> None:
        """Read what another program changed in files that are known."""
        for look in self.on_look:
            look()
        self._check_known()

    def _check_known(self) -> None:
        for image in self.known.list_images():
            with self._changed:
                if self._ended:
                    return
            if self._catalogue.is_listed(image):
                self.check(image)

    def check(self, image: int) -> None:
        """Read an image's files where another program changed them, or they were never read."""
        paths = {kind: self.find_path(image, kind) for kind in (MASKS, INSTANCES)}
        changed = [
            kind for kind, path in paths.items() if self.known.has_changed(image, kind, path)
        ]
        if not changed or not paths[MASKS].exists():
            if self._catalogue.get(image)["file_problem"]:  # they are gone, or as they were before
                self._say_problem(image, None)
            return
        with self._editor.get_lock(image):
            try:
                self._read(image, paths)
            except StorageError:
                return
            except SegfitError as error:
                self._say_problem(image, f"{error}; the file is left as it is")
                return
            for kind, path in paths.items():
                self.known.note(image, kind, read_state(path))
            self._say_problem(image, None)

    def note_read(self, image: int) -> None:
        """An image's files have been looked at, and what they say was taken over."""
        row = self._catalogue.get(image)
        if not row["files_read"] and not row["file_problem"]:
            self._catalogue.note_read(image, row["written_rev"])

    def write(self, image: int) -> None:
        """Write an image's files, if they are not what its labels are."""
        with self._changed:
            self._due.pop(image, None)
        if not self._catalogue.is_listed(image):
            return
        self.check(image)
        with self._writing:
            with self._editor.get_lock(image):
                row = self._catalogue.get(image)
                if row["written_rev"] == row["rev"] or row["file_problem"]:
                    return
                classes = self._classes.list_classes()
                try:
                    encoded = self._encode(image, classes) if row["labelled_px"] else {}
                except SegfitError as error:  # more objects than a file can hold
                    self._fail(image, str(error))
                    return
            try:
                self._replace(image, encoded)
            except SegfitError as error:
                self._fail(image, str(error))
                return
            self._catalogue.note_written(image, row["rev"])
            self._notes.drop(f"write {image}")

    def _encode(
        self, image: int, classes: list[StudioClass]
    ) -> dict[str, UInt8Array | UInt16Array]:
        """What an image's files are to hold, by their kind, in bands: of a large image no more."""
        canvas = self._labels.open_canvas(image)
        shape = canvas.height, canvas.width
        own = self._labels.list_objects(image)
        values, objects = np.empty(shape, np.uint8), None
        if any(one.has_objects for one in classes):
            objects = np.empty(shape, np.uint16)
        for top in range(0, canvas.height, BLOCK_PX):
            rows = slice(top, min(top + BLOCK_PX, canvas.height))
            codes = canvas.read((0, rows.start, canvas.width, rows.stop))
            canvas.forget()
            values[rows] = encode_values(codes, classes)
            if objects is not None:
                objects[rows] = encode_objects(codes, own)
        # The mask comes last: whoever sees a new mask finds objects that go with it.
        return {MASKS: values} if objects is None else {INSTANCES: objects, MASKS: values}

    def _replace(self, image: int, encoded: dict[str, UInt8Array | UInt16Array]) -> None:
        """Write an image's files, or remove them where there is nothing to write."""
        if not encoded:
            for kind in (MASKS, INSTANCES):
                self.known.remove(image, kind, self.find_path(image, kind))
        for kind, grid in encoded.items():
            self.known.write(image, kind, self.find_path(image, kind), encode_gray(grid))

    def _read(self, image: int, paths: dict[str, Path]) -> None:
        """Take over what the files of an image say that its labels do not."""
        row = self._catalogue.get(image)
        classes = self._classes.list_classes()
        for path in paths.values():
            self.known.check_inside(path)
        labels, objects = self._decode(paths, classes, self._open_size(image))
        canvas = self._labels.open_canvas(image)
        now = canvas.read(canvas.box)
        differs = encode_values(now, classes) != encode_values(
            pack_codes(labels, Origin.HAND), classes
        )
        numbers = None
        if objects is not None:
            own = self._labels.list_objects(image)
            differs |= (objects != encode_objects(now, own)) & (get_classes(now) != IGNORE)
            things = [one.number or 0 for one in classes if one.has_objects]
            numbers = np.where(np.isin(labels, things), _match_objects(canvas, objects, own), 0)
        is_first = not row["files_read"]
        if not is_first:
            self._keep_own(image, row["written_rev"], differs)
        after = pack_codes(labels, Origin.HAND, numbers)
        canvas.write(canvas.box, after, differs)
        for one in classes:
            if one.has_objects and one.number is not None:
                number_pieces(canvas, list_keys(canvas.box), one.number)
        entry = Entry(OUTSIDE, {}, "")
        self._editor.take_over(image, canvas, entry, is_first=is_first)

    def _decode(
        self, paths: dict[str, Path], classes: list[StudioClass], size: tuple[int, int]
    ) -> tuple[UInt8Array, NDArray[np.integer] | None]:
        """Labels (H, W), and objects if there are any, of an image of (width, height)."""
        self._wait()
        objects: NDArray[np.integer] | None = None
        if self._code is not None:
            from segfit.datasets.masks.codes import read_coded_mask  # which takes long

            decoded = read_coded_mask(paths[MASKS], self._code)
            labels, objects = decoded.labels, decoded.objects
        else:
            values = _read_grid(paths[MASKS], largest=255).astype(np.uint8)
            labels = decode_values(values, classes, paths[MASKS])
        _check_size(labels, paths[MASKS], size)
        if paths[INSTANCES].is_file():
            objects = _read_grid(paths[INSTANCES], largest=MOST_OBJECTS)
            _check_size(objects, paths[INSTANCES], size)
        return labels, objects

    def _keep_own(self, image: int, rev: int, differs: BoolArray) -> None:
        """What was drawn here since the files were written is newer than they are."""
        for (left, top, right, bottom), _ in self._labels.list_changes_since(image, rev):
            differs[top:bottom, left:right] = False

    def _get_due(self, image: int) -> float:
        first, last = self._due[image]
        return min(first + LONGEST_S, last + PAUSE_S)

    def _fail(self, image: int, problem: str) -> None:
        self._notes.say(f"write {image}", "error", problem)
        again = time.monotonic() + RETRY_S - PAUSE_S
        with self._changed:
            self._due[image] = again, again

    def _say_problem(self, image: int, problem: str | None) -> None:
        self._catalogue.note_file_problem(image, problem)
        if problem is None:
            self._notes.drop(f"read {image}")
            self.note_change(image)  # what was drawn meanwhile waits to be written
        else:
            self._notes.say(f"read {image}", "warning", problem)


def _read_grid(path: Path, *, largest: int) -> NDArray[np.integer]:
    """The numbers (H, W) of a file of labels or objects."""
    from segfit.datasets.masks.reading import read_mask_values  # which takes long

    values: NDArray[np.integer] = read_mask_values(path, by_color=False)
    if values.ndim != 2:
        raise SegfitError(
            f"{path} has colors; a file of labels holds numbers: save it as a grey image"
        )
    if values.max() > largest:
        raise SegfitError(f"{path} has the value {values.max()}; expected {largest} at most")
    return values


def _check_size(grid: NDArray[np.integer], path: Path, size: tuple[int, int]) -> None:
    if grid.shape != size[::-1]:
        raise SegfitError(
            f"{path} is {grid.shape[1]}×{grid.shape[0]} px and its image is {size[0]}×{size[1]}: "
            "make it that size"
        )


def _match_objects(canvas: Canvas, objects: NDArray[np.integer], own: list[int]) -> Int32Array:
    """Objects of a file as numbers of the studio: those that it wrote are the same again."""
    table = np.zeros(MOST_OBJECTS + 1, np.int32)
    for number in count_values(objects.ravel())[0].tolist():
        if number:
            table[number] = own[number - 1] if number <= len(own) else canvas.make_object()
    return np.asarray(table[objects])
