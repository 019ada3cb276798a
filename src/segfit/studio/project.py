"""A project: everything that the pages, the routes and the jobs of one studio share."""

from __future__ import annotations

import logging
import secrets
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segfit.basics.files import make_folder
from segfit.errors import SegfitError
from segfit.studio.database import Database
from segfit.studio.events import Events
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.folder.class_files import ClassFiles
from segfit.studio.folder.label_files import INSTANCES, MASKS, LabelFiles
from segfit.studio.folder.listing import find_image_root
from segfit.studio.folder.watching import FolderWatch
from segfit.studio.images.pixels import OpenImage, PixelStore
from segfit.studio.jobs.jobs import Jobs
from segfit.studio.jobs.process import lower_own_priority
from segfit.studio.labels.class_editing import ClassEditor
from segfit.studio.labels.classes import ClassStore
from segfit.studio.labels.editing import Editor
from segfit.studio.labels.known_outlines import KnownOutlines
from segfit.studio.labels.store import LabelStore
from segfit.studio.loading import Loading
from segfit.studio.lock import FolderLock, find_why_read_only
from segfit.studio.notes import Notes
from segfit.studio.proposals.proposal import STROKES
from segfit.studio.proposals.proposals import Proposals
from segfit.studio.proposals.tools import Tools

if TYPE_CHECKING:
    from segfit.datasets.masks.codes import MaskCode

LOG = logging.getLogger(__name__)
STATE_FOLDER = ".segfit"
DATABASE_NAME, TILES_NAME = "studio.sqlite", "tiles"
BACKGROUND_THREADS = 3
REVS_A_RUN = 1_000_000
"""Proposals found by one run of the studio, at most: pages keep tiles by their revisions."""


class Studio:
    """One folder, open. ``close`` it in the end.

    Jobs use ``folder``, ``state_folder``, ``database`` (tables of their own are made by them),
    ``catalogue``, ``labels``, ``classes``, ``events`` and ``run_in_background``. ``run_name`` is of
    this run alone, a part of the addresses that browsers keep answers of for good: tomorrow another
    folder may be there.
    """

    def __init__(self, folder: Path, *, address: str = "") -> None:
        if not folder.is_dir():
            raise SegfitError(f"{folder} is not a folder: give the folder of your images")
        self.folder = folder.resolve()
        self.run_name = secrets.token_hex(4)
        self.events = Events()
        self.notes = Notes(self.events)
        with ExitStack() as opening:  # whatever fails, what was opened before is closed
            self._open(opening, address)
            self._closing = opening.pop_all()

    def _open(self, opening: ExitStack, address: str) -> None:
        """Open all parts, and say how they are closed, the last one first."""
        why = find_why_read_only(self.folder)
        self.state_folder = self._open_state_folder(opening, why)
        if why is None:
            opening.callback(FolderLock(self.state_folder, address).release)
        self.database = Database(self.state_folder / DATABASE_NAME)
        opening.callback(self.database.close)
        masks, instances = self.folder / MASKS, self.folder / INSTANCES
        self.catalogue = Catalogue(self.database, find_image_root(self.folder), masks)
        self.catalogue.open()
        self.pixels = PixelStore(self.state_folder / TILES_NAME, self.catalogue.get_path)
        opening.callback(self.pixels.close)
        self.labels = LabelStore(self.database)
        self.outlines = KnownOutlines(self.database)
        self.classes = ClassStore(self.database)
        self.editor = Editor(
            self.labels,
            self.catalogue,
            self.classes,
            self.events,
            why_read_only=why,
            describe_state=self.describe_state,
        )
        self.class_editor = ClassEditor(self.classes, self.labels, self.editor)
        self.loading = Loading()
        self._open_files(masks, instances)
        _start_thread(opening, self.loading.run, self.loading.stop)
        self._pool = ThreadPoolExecutor(
            BACKGROUND_THREADS, thread_name_prefix="studio", initializer=self._begin_thread
        )
        opening.callback(self._pool.shutdown, wait=True, cancel_futures=True)
        self.tools = Tools(
            self.events,
            open_image=self.open_image,
            run_in_background=self.run_in_background,
        )
        self.proposals = Proposals(
            self.catalogue,
            self.labels,
            self.classes,
            self.events,
            self.notes,
            open_image=self.open_image,
            first_rev=self.database.count_start() * REVS_A_RUN,
        )
        self.editor.on_change.append(self.proposals.wish)
        self.editor.on_classes.append(self.proposals.note_classes)
        _start_thread(opening, self.proposals.run, self.proposals.stop, after=self.loading)
        if self.why_read_only is None:
            self.editor.on_change.append(self.files.note_change)
            self.editor.on_classes += [self.files.note_classes, self.class_files.write]
            self.files.on_look.append(self.class_files.check)
            opening.callback(self._write_last)
            _start_thread(opening, self.files.run, self.files.stop, after=self.loading)
        self.watch = FolderWatch(
            self.catalogue, self.events, self.notes, tell_state=self.editor.tell_state
        )
        _start_thread(opening, self.watch.run, self.watch.stop)
        self.jobs = Jobs(self)
        opening.callback(self.jobs.close)
        self.jobs.open()
        self.watch.on_change.append(self.jobs.queue.refresh)
        opening.callback(self.events.close)

    def _open_files(self, masks: Path, instances: Path) -> None:
        """Take up the labels that lie in the folder."""
        code = self._adopt(masks, instances)
        self.files = LabelFiles(
            self.folder,
            self.database,
            self.catalogue,
            self.labels,
            self.classes,
            self.editor,
            self.notes,
            open_size=self._open_size,
            wait=self.loading.wait,
            code=code,
        )
        self.class_files = ClassFiles(
            self.folder, self.files.known, self.classes, self.labels, self.editor, self.notes
        )
        if code is None:
            self.files.note_classes()
            self.class_files.check()

    @property
    def why_read_only(self) -> str | None:
        """Why nothing can be saved; None where it can."""
        return self.editor.why_read_only

    def write_files(self) -> None:
        """Make sure that all labels are on the disk, as ``segfit train`` reads them.

        Raises ``SegfitError`` where they cannot be written.
        """
        self.editor.check_writable()
        self.class_files.write()
        self.files.flush()

    def open_image(self, image: int) -> OpenImage:
        """An image's pixels. Raises ``SegfitError`` where that cannot be."""
        row = self.catalogue.get(image)
        if row["blocked"]:
            raise SegfitError(row["blocked"])
        try:
            opened = self.pixels.open(image)
        except SegfitError as error:
            self.catalogue.note_problem(image, str(error))
            raise
        if (row["width"], row["height"]) != (opened.width, opened.height):
            if row["labelled_px"]:
                problem = (
                    f"was {row['width']}×{row['height']} px when it was labelled and is "
                    f"{opened.width}×{opened.height} px now: bring the former image back, or give "
                    "the new one another name"
                )
                self.catalogue.note_problem(image, problem)
                raise SegfitError(problem)
            self.catalogue.note_size(
                image, width=opened.width, height=opened.height, depth_note=opened.depth_note
            )
        return opened

    def open_labels(self, image: int) -> None:
        """Make sure that an image's labels are there: its size is known, its files were read."""
        row = self.catalogue.get(image)
        if row["width"] is None or row["blocked"] or row["problem"]:
            self.open_image(image)
        if not row["files_read"]:
            self.files.check(image)
            self.files.note_read(image)

    def describe_state(self, image: int) -> str:
        """New, proposed, corrected, done, or problem."""
        return describe_row(self.catalogue.get(image), proposed=self.find_proposal_rev(image) > 0)

    def look_at(self, image: int) -> None:
        """An image is looked at: open it, and then those beside it, which are looked at next."""
        self.open_image(image)
        self.open_labels(image)
        self.files.check(image)
        self.tools.prepare(image)
        self.proposals.look(image)
        self.run_in_background(self.tools.warm_up)
        for near in self.catalogue.list_near(image):
            if self.pixels.find(near) is None:
                self.run_in_background(self._open_quietly, near)

    def say_state(self, image: int, state: str) -> None:
        """Keep what a person says of an image, and tell all pages."""
        self.editor.check_writable()
        self.catalogue.say(image, state)
        self.editor.tell_state(image)

    def list_notes(self) -> list[str]:
        """What is to be said of the project."""
        return self.notes.list_texts()

    def find_proposal_rev(self, image: int) -> int:
        """Revision of an image's proposal; 0 where there is none."""
        return self.proposals.find_rev(image)

    def choose_proposals(self, source: str, model: int | None) -> None:
        """Propose by strokes, or by a model of that number, from now on."""
        if source == STROKES:
            self.jobs.note_choice()
            self.proposals.use_strokes()
        else:
            from segfit.segmenter import load  # which takes long

            chosen = self.jobs.require_model(model)
            segmenter = load(self.jobs.find_model(chosen.id))
            self.jobs.note_choice()
            self.proposals.use_model(chosen.id, segmenter)

    def run_in_background(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        """Run something slow in one of few threads of low priority; a mistake in it is logged."""
        future = self._pool.submit(function, *given)
        future.add_done_callback(_log_mistake)
        return future

    def close(self) -> None:
        """Finish what is going on and let others have the folder."""
        self._closing.close()

    def _begin_thread(self) -> None:
        """What each thread of the pool does first."""
        lower_own_priority()
        self.loading.wait()

    def _write_last(self) -> None:
        """Write what is not on the disk yet; where that fails, it is written when next opened."""
        with suppress(SegfitError):
            self.write_files()

    def _open_size(self, image: int) -> tuple[int, int]:
        """Width and height of an image."""
        opened = self.open_image(image)
        return opened.width, opened.height

    def _adopt(self, masks: Path, instances: Path) -> MaskCode | None:
        """Take over the classes of labels that lie there; how to read those that are only shown."""
        if self.classes.version and not self.classes.is_shown_only:
            return None
        if not masks.is_dir():
            return None
        from segfit.studio.folder.adoption import adopt_labels  # which takes long

        try:
            adopted = adopt_labels(self.folder, masks, instances)
        except SegfitError as error:
            self.notes.say("labels", "warning", f"{error}; the labels in {masks} are left alone")
            self.editor.why_read_only = (
                f"the labels in {masks} cannot be understood ({error}): put that right, or move "
                "them away, and open the folder again"
            )
            return None
        if adopted is None:
            return None
        self.classes.replace(adopted.classes, is_shown_only=adopted.code is not None)
        self.classes.background = adopted.background
        if adopted.code is not None and self.editor.why_read_only is None:
            self.editor.why_read_only = (
                f"{masks} says its classes otherwise than by one number each, so its labels are "
                "shown and not changed: save them as 8-bit index masks with classes.json, or "
                "move them away to begin anew, and open the folder again"
            )
        return adopted.code

    def _open_quietly(self, image: int) -> None:
        """Open an image that nobody asked for yet; whoever asks is told what is wrong with it."""
        with suppress(SegfitError):
            self.open_image(image)

    def _open_state_folder(self, opening: ExitStack, why_read_only: str | None) -> Path:
        """``.segfit`` in the folder, or a copy of its state elsewhere where that is read-only."""
        own = self.folder / STATE_FOLDER
        if why_read_only is None:
            if own.resolve() != own:
                raise SegfitError(
                    f"{own} leads out of the folder, to {own.resolve()}: remove that link, or "
                    "bring what it leads to"
                )
            make_folder(own)
            return own
        copy = Path(tempfile.mkdtemp(prefix="segfit-"))
        opening.callback(shutil.rmtree, copy, ignore_errors=True)
        for path in own.glob(f"{DATABASE_NAME}*"):
            shutil.copy(path, copy / path.name)
        return copy


def describe_row(row: sqlite3.Row, *, proposed: bool) -> str:
    """The state of an image by what is kept of it; ``proposed``: whether there is a proposal."""
    if row["blocked"] or row["problem"]:
        return "problem"
    if row["said"] is not None and row["labelled_px"]:
        return str(row["said"])
    if row["said"] == "done":
        return "done"
    if row["mask_waits"]:
        return "corrected"
    if row["labelled_px"]:
        return "done" if row["labelled_px"] == row["width"] * row["height"] else "corrected"
    return "proposed" if proposed else "new"


def _log_mistake(future: Future[Any]) -> None:
    """Nobody may wait for it; what a person is told is a ``SegfitError``."""
    if future.cancelled():
        return
    error = future.exception()
    if error is not None and not isinstance(error, SegfitError):
        LOG.error("something in the background has failed", exc_info=error)


def _start_thread(
    opening: ExitStack,
    run: Callable[[], None],
    stop: Callable[[], None],
    *,
    after: Loading | None = None,
) -> None:
    """Run something in a thread of low priority, ``after`` loading, until it is closed."""

    def run_low() -> None:
        lower_own_priority()
        if after is not None:
            after.wait()
        run()

    thread = threading.Thread(target=run_low, name=run.__qualname__)
    thread.start()
    opening.callback(thread.join)
    opening.callback(stop)
