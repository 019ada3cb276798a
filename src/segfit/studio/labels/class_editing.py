"""Classes replaced by a person, and the labels of those that were left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from segfit.errors import SegfitError
from segfit.studio.labels.blocks import Canvas, Key
from segfit.studio.labels.classes import ClassStore, StudioClass, check_classes, choose_color
from segfit.studio.labels.editing import Editor
from segfit.studio.labels.objects import number_pieces
from segfit.studio.labels.operations import drop_class
from segfit.studio.labels.store import Entry, LabelStore
from segfit.studio.refusals import OldVersionError
from segfit.studio.schema import ClassesIn


class ClassEditor:
    """Replaces the classes of a project."""

    def __init__(self, classes: ClassStore, labels: LabelStore, editor: Editor) -> None:
        self._classes, self._labels, self._editor = classes, labels, editor

    def replace(self, given: ClassesIn, *, who: str) -> None:
        """Replace all classes.

        Raises ``OldVersionError`` where somebody else did meanwhile, and ``SegfitError`` for
        classes that cannot be, and for one that is left out and has labels, unless these are
        dropped.
        """
        self._editor.check_writable()
        with self._editor.class_lock:
            if given.version != self._classes.version:
                raise OldVersionError(
                    "the classes were changed meanwhile: look at them, then change them again"
                )
            before = {one.number: one for one in self._classes.list_classes()}
            taken = [one.color for one in given.classes if one.color is not None]
            after: list[StudioClass] = []
            for one in given.classes:
                if one.index is not None and one.index not in before:
                    raise SegfitError(f"there is no class {one.index}: give null for a new one")
                color = one.color
                if color is None:
                    color = choose_color(taken)
                    taken.append(color)
                known = before.get(one.index)
                after.append(
                    StudioClass(
                        number=one.index,
                        name=one.name.strip(),
                        color=color.lower(),
                        key=one.key,
                        has_objects=one.has_objects,
                        value=None if known is None else known.value,
                    )
                )
            check_classes(after)  # before any label is dropped
            left_out = set(before) - {one.number for one in after}
            self._drop_labels(left_out, before, given, who)
            after = self._classes.replace(after)
            number_new_objects(before.values(), after, self._labels, self._editor, who=who)
        self._editor.tell_classes()

    def _drop_labels(
        self,
        left_out: set[int | None],
        before: Mapping[int | None, StudioClass],
        given: ClassesIn,
        who: str,
    ) -> None:
        for number in sorted(one for one in left_out if one is not None):
            images = self._labels.list_images_with(number)
            if images and not given.drop_labels:
                raise SegfitError(
                    f"{before[number].name} has labels in {len(images)} image(s): keep it, or "
                    "remove it with its labels (drop_labels)"
                )
            for image in images:
                entry = Entry("drop class", {"class": number}, who)
                draw = partial(_drop, keys=self._labels.list_blocks(image), number=number)
                self._editor.operate(image, entry, draw, rev=None)


def number_new_objects(
    before: Iterable[StudioClass],
    after: Iterable[StudioClass],
    labels: LabelStore,
    editor: Editor,
    *,
    who: str,
) -> None:
    """Make objects of the regions of classes that had none before, each of what is connected."""
    had_none = {one.number for one in before if not one.has_objects}
    for one in after:
        if one.number is None or one.number not in had_none or not one.has_objects:
            continue
        for image in labels.list_images_with(one.number):
            entry = Entry("number objects", {"class": one.number}, who)
            draw = partial(_number, keys=labels.list_blocks(image), number=one.number)
            editor.operate(image, entry, draw, rev=None)


def _number(canvas: Canvas, classes: object, *, keys: list[Key], number: int) -> None:
    number_pieces(canvas, keys, number)


def _drop(canvas: Canvas, classes: object, *, keys: list[Key], number: int) -> None:
    drop_class(canvas, keys, number)
