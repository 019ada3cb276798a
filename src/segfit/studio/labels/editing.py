"""Operations on an image's labels: one after another, checked, kept, told to all."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from segfit.studio.events import Events
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.labels.blocks import Box, Canvas, meet
from segfit.studio.labels.classes import ClassStore, StudioClass
from segfit.studio.labels.store import Committed, Entry, LabelStore
from segfit.studio.refusals import ConflictError, ReadOnlyError

Draw = Callable[[Canvas, Mapping[int, StudioClass]], str | None]
"""Draws an operation on a canvas, by the classes; what is to be said of it, if anything."""


@dataclass(frozen=True)
class Answer:
    """What an operation came to, as ``Committed``; ``message``: what is to be said of it."""

    committed: Committed
    message: str | None = None


class Editor:
    """Changes labels. ``why_read_only``: why nothing can be saved, None where it can.

    ``on_change``: called after every change with the image's number and the box that changed.
    ``on_classes``: called after every change of the classes here.
    """

    def __init__(
        self,
        store: LabelStore,
        catalogue: Catalogue,
        classes: ClassStore,
        events: Events,
        *,
        why_read_only: str | None,
        describe_state: Callable[[int], str],
    ) -> None:
        self._store, self._catalogue, self._classes = store, catalogue, classes
        self._events, self._describe_state = events, describe_state
        self.why_read_only = why_read_only
        self.on_change: list[Callable[[int, Box], None]] = []
        self.on_classes: list[Callable[[], None]] = []
        self.class_lock = threading.RLock()
        self._locks: dict[int, threading.RLock] = defaultdict(threading.RLock)

    def get_lock(self, image: int) -> threading.RLock:
        """Held by whoever changes an image's labels, or reads them as of one revision."""
        return self._locks[image]

    def check_writable(self) -> None:
        """Raise ``ReadOnlyError`` where nothing can be saved."""
        if self.why_read_only is not None:
            raise ReadOnlyError(self.why_read_only)

    def operate(self, image: int, entry: Entry, draw: Draw, *, rev: int | None) -> Answer:
        """Draw on an image's labels and keep it.

        ``rev``: what the page had seen; None for whatever there is. Raises ``ConflictError`` where
        somebody else has changed a place since then in which this changes something, too.
        """
        self.check_writable()
        with self.get_lock(image):
            before = self._find_answer(image, entry)
            if before is not None:
                return before
            canvas = self._store.open_canvas(image)
            message = draw(canvas, {one.number or 0: one for one in self._classes.list_classes()})
            if rev is not None:
                self._check_conflict(image, canvas, entry, rev)
            committed = self._store.commit(image, canvas, entry)
        self._tell(image, entry, committed)
        return Answer(committed, message)

    def undo(self, image: int, entry: Entry) -> Answer:
        """Take back the last step; where somebody of another name made it, that is said."""
        with self.get_lock(image):
            author = self._store.find_last_author(image)
            answer = self._travel(image, entry, self._store.undo)
        if answer.committed.dirty is None or not author or author == entry.who:
            return answer
        return replace(answer, message=f"This was done by {author}. Redo brings it back.")

    def redo(self, image: int, entry: Entry) -> Answer:
        """Do again what was taken back last."""
        return self._travel(image, entry, self._store.redo)

    def take_over(self, image: int, canvas: Canvas, entry: Entry, *, is_first: bool) -> None:
        """Keep what files say; the caller holds the lock. What is read first cannot be undone."""
        before = self._catalogue.get(image)
        committed = self._store.commit(image, canvas, entry, as_step=not is_first)
        was_written = is_first or before["written_rev"] == before["rev"]
        self._catalogue.note_read(image, committed.rev if was_written else before["written_rev"])
        self._tell(image, entry, committed)

    def tell_state(self, image: int) -> None:
        """Tell all pages of an image whose labels did not change, but its state."""
        row = self._catalogue.get(image)
        told = {"id": image, "rev": row["rev"], "who": "", "client": None, "dirty": None}
        told |= {"can_undo": row["step"] > 0, "can_redo": row["step"] < row["steps"]}
        told |= {"kind": None, "state": self._describe_state(image)}
        self._events.publish("image", told)

    def tell_classes(self) -> None:
        """Tell all pages that the classes changed, and who else wants to know."""
        self._events.publish("classes", {"version": self._classes.version})
        for notify in self.on_classes:
            notify()

    def _travel(self, image: int, entry: Entry, travel: Callable[..., Committed]) -> Answer:
        self.check_writable()
        with self.get_lock(image):
            before = self._find_answer(image, entry)
            if before is not None:
                return before
            known = [one.number for one in self._classes.list_classes()]
            committed = travel(image, entry, classes=known)
        self._tell(image, entry, committed)
        return Answer(committed)

    def _find_answer(self, image: int, entry: Entry) -> Answer | None:
        found = None if entry.token is None else self._store.find_answer(image, entry.token)
        return None if found is None else Answer(Committed(**found))

    def _check_conflict(self, image: int, canvas: Canvas, entry: Entry, rev: int) -> None:
        others = self._store.list_changes_since(image, rev, client=entry.client)
        dirty = canvas.find_changed_box() if others else None
        if dirty is None:
            return
        meeting = [(box, who) for box, who in others if meet(box, dirty)]
        if meeting:
            now = int(self._catalogue.get(image)["rev"])
            box, who = meeting[-1]
            raise ConflictError(rev=now, dirty=box, who=who)

    def _tell(self, image: int, entry: Entry, committed: Committed) -> None:
        if committed.dirty is None:
            return
        told: dict[str, Any] = {
            "id": image,
            "rev": committed.rev,
            "state": self._describe_state(image),
            "kind": entry.kind,
            "who": entry.who,
            "client": entry.client,
            "dirty": committed.dirty,
            "can_undo": committed.can_undo,
            "can_redo": committed.can_redo,
        }
        self._events.publish("image", told)
        for notify in self.on_change:
            notify(image, committed.dirty)
