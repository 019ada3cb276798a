"""``classes.json``: written where classes change, read where another program changed it.

One with a mistake is kept and said, and not overwritten until it is right again or gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.studio.folder.files_on_disk import KnownFiles, read_state
from segfit.studio.folder.label_code import (
    describe_classes,
    find_background,
    find_ignored,
    is_plain,
    merge_classes,
)
from segfit.studio.labels.class_editing import number_new_objects
from segfit.studio.labels.classes import ClassStore, StudioClass
from segfit.studio.labels.editing import Editor
from segfit.studio.labels.store import LabelStore
from segfit.studio.notes import Notes

if TYPE_CHECKING:
    from segfit.datasets.masks.class_file import ClassFile

CLASS_FILE_NAME = "classes.json"
KIND = "classes"
PROJECT = 0
"""In place of an image's number."""
SUBJECT = CLASS_FILE_NAME


class ClassFiles:
    """Keeps ``classes.json`` and the studio's classes alike."""

    def __init__(
        self,
        folder: Path,
        known: KnownFiles,
        classes: ClassStore,
        labels: LabelStore,
        editor: Editor,
        notes: Notes,
    ) -> None:
        self.path = folder / CLASS_FILE_NAME
        self._known, self._classes, self._labels = known, classes, labels
        self._editor, self._notes = editor, notes

    def check(self) -> None:
        """Read the file where another program changed it."""
        with self._editor.class_lock:
            if not self._known.has_changed(PROJECT, KIND, self.path):
                if not self.path.exists():
                    self._notes.drop(SUBJECT)
                return
            from segfit.datasets.masks.class_file import read_class_file  # which takes long

            state = read_state(self.path)
            before = self._classes.list_classes()
            try:
                self._known.check_inside(self.path)
                spec = read_class_file(self.path)
                merged = self._classes.replace(self._merge(spec))
            except SegfitError as error:
                problem = str(error) if str(self.path) in str(error) else f"{self.path}: {error}"
                self._notes.say(
                    SUBJECT,
                    "warning",
                    f"{problem}; the studio keeps its classes, and leaves the file as it is",
                )
                return
            self._known.note(PROJECT, KIND, state)
            self._notes.drop(SUBJECT)
            if find_ignored(merged) in (IGNORE, *spec.ignore):
                self._classes.written_version = self._classes.version
            value = find_background(spec)
            self._classes.background = next((c.number for c in merged if c.value == value), None)
            if self._editor.why_read_only is None:
                number_new_objects(before, merged, self._labels, self._editor, who="")
        self._editor.tell_classes()

    def write(self) -> None:
        """Write the file, unless there is one with a mistake."""
        self.check()
        with self._editor.class_lock:
            classes = self._classes.list_classes()
            if self._notes.find(SUBJECT) is not None or not classes:
                return
            version = self._classes.version
            if self._classes.written_version == version and self.path.is_file():
                return
            data = describe_classes(classes, self._classes.background)
            self._known.write(PROJECT, KIND, self.path, data)
            self._classes.written_version = version

    def _merge(self, spec: ClassFile) -> list[StudioClass]:
        if not is_plain(spec):
            raise SegfitError(
                f"{self.path} does not give every class a value of its own from 0 to 255"
            )
        merged = merge_classes(spec, self._classes.list_classes())
        kept = {one.number for one in merged}
        for one in self._classes.list_classes():
            assert one.number is not None
            if one.number not in kept and self._labels.list_images_with(one.number):
                raise SegfitError(f"{self.path} leaves out {one.name}, which has labels")
        return merged
