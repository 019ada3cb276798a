"""What a training learns from: the labels as they were when it began, and what it holds out.

Labels change while a training runs, and one that is resumed has to find what it began with. So its
masks are copied, and its images are links, in the layout of ``segfit train``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.files import make_folder
from segfit.basics.text import count_noun, list_first
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from segfit.basics.progress import OnProgress
    from segfit.classes import ClassTable
    from segfit.datasets.masks.codes import MaskCode
    from segfit.datasets.masks.orientation import MaskOrientation
    from segfit.datasets.masks.pairs import MaskPair

CLASS_FILE_NAME = "classes.json"
HELD_OUT_SHARE = 0.2
"""Of the labelled images, those that no training learns from, so that models can be compared."""


@dataclass(frozen=True)
class LabelledFile:
    """An image with labels. ``class_pixels``: how many each class has. ``held_out``: by its folder,
    where the project's own folders say which images are for validation.
    """

    name: str
    image: Path
    mask: Path
    objects: Path | None
    class_pixels: tuple[int, ...]
    held_out: bool = False

    @property
    def shown(self) -> frozenset[int]:
        """The classes that it has."""
        return frozenset(index for index, pixels in enumerate(self.class_pixels) if pixels)


@dataclass(frozen=True)
class Labelled:
    """All labelled images of a folder.

    ``code``, ``orientation``: how masks say their classes, and lie. ``unreadable``: masks that
    could not be read, and why.
    """

    classes: ClassTable
    files: tuple[LabelledFile, ...]
    code: MaskCode
    orientation: MaskOrientation | None = None
    unreadable: tuple[str, ...] = ()

    def describe_lack(self) -> str | None:
        """What is missing for a training, in full sentences; None where nothing is."""
        names = self.classes.names
        shown = frozenset[int]().union(*(file.shown for file in self.files))
        if not self.files:
            return "Nothing is labelled yet: mark a few things in two images, then train."
        lacking = [name for index, name in enumerate(names) if index not in shown]
        if len(shown) < 2:
            return (
                f"Only {names[min(shown)]} is labelled so far: mark some of "
                f"{list_first(lacking, limit=3)}, too."
            )
        if len(self.files) < 2:
            return (
                f"Only {self.files[0].name} is labelled: label a second image. One is for "
                "learning, the other one for measuring what was learned."
            )
        return None

    def list_unlabelled(self) -> list[str]:
        """Names of the classes that no image shows."""
        shown = frozenset[int]().union(*(file.shown for file in self.files))
        return [name for index, name in enumerate(self.classes.names) if index not in shown]


def find_labelled(folder: Path, *, on_progress: OnProgress | None = None) -> Labelled:
    """The images of a folder that have labels in ``masks/``, paired as ``segfit train`` does.

    Raises ``SegfitError`` where ``classes.json`` is missing, names one class, or has a mistake.
    """
    from segfit.basics.progress import map_in_threads
    from segfit.datasets.masks.class_file import make_classes, read_class_file
    from segfit.datasets.masks.conventions import find_mask_folders, find_masks_within
    from segfit.datasets.masks.pairs import pair_by_name

    class_file = folder / CLASS_FILE_NAME
    if not class_file.is_file():
        raise SegfitError("no classes are named yet: name two at least, and label some of each")
    said = read_class_file(class_file)
    classes = make_classes(said, class_file)
    splits = find_masks_within(folder) or find_mask_folders(folder)
    pairs: list[tuple[MaskPair, bool]] = []
    for split, files in splits.items():
        place = f"{split}/" if len(splits) > 1 else ""
        for pair in pair_by_name(files.images, files.masks, where=files.where).pairs:
            named = replace(pair, name=place + pair.name, objects=files.objects.get(pair.name))
            if split != "test":
                pairs.append((named, split == "val"))
    counted = map_in_threads(
        lambda pair: _count_classes(pair[0].mask, classes.code, len(classes.table)),
        pairs,
        on_progress=on_progress,
    )
    found: list[LabelledFile] = []
    unreadable: list[str] = []
    for (pair, held_out), pixels in zip(pairs, counted, strict=True):
        if isinstance(pixels, str):
            unreadable.append(pixels)
        elif any(pixels):
            found.append(
                LabelledFile(pair.name, pair.image, pair.mask, pair.objects, pixels, held_out)
            )
    return Labelled(classes.table, tuple(found), classes.code, said.orientation, tuple(unreadable))


def _count_classes(mask: Path, code: MaskCode, count: int) -> tuple[int, ...] | str:
    from segfit.datasets.masks.codes import read_coded_mask

    try:
        labels = read_coded_mask(mask, code).labels
    except SegfitError as error:
        return str(error)
    return tuple(np.bincount(labels.ravel(), minlength=256)[:count].tolist())


def choose_held_out(
    files: Sequence[LabelledFile], *, before: Collection[str], learned: Collection[str]
) -> frozenset[str]:
    """Names of the images that are held out: a fifth, and those of ``before`` for good.

    New ones are those that show most classes which none held out shows, and without which every
    class of theirs is still learned; never one of ``learned``, which a model has seen, unless all
    have been. What remains equal is decided by their names. Where folders say which images are for
    validation, it is these.
    """
    said = frozenset(file.name for file in files if file.held_out)
    if said:
        return said
    held = {file.name for file in files if file.name in before}
    wanted = max(1, round(HELD_OUT_SHARE * len(files)))
    while len(held) < wanted:
        open_ones = [file for file in files if file.name not in held]
        unseen = [file for file in open_ones if file.name not in learned]
        if not unseen and held:
            break
        measured = frozenset[int]().union(*(file.shown for file in files if file.name in held))
        held.add(max(unseen or open_ones, key=lambda file: _rate(file, open_ones, measured)).name)
    return frozenset(held)


def _rate(
    file: LabelledFile, open_ones: Sequence[LabelledFile], measured: frozenset[int]
) -> tuple[int, int, bytes]:
    """By what the next image to hold out is chosen, the largest."""
    others = frozenset[int]().union(*(one.shown for one in open_ones if one is not file))
    lost = len(file.shown - others)
    return -lost, len(file.shown - measured), hashlib.sha256(file.name.encode()).digest()


def write_snapshot(
    folder: Path, files: Sequence[LabelledFile], held_out: Collection[str], target: Path
) -> None:
    """Lay out the labelled images of a folder as a data set of its own, in ``target``.

    Images are links where the disk has such, else copies; masks are copies.
    """
    make_folder(target)
    shutil.copyfile(folder / CLASS_FILE_NAME, target / CLASS_FILE_NAME)
    for file in files:
        split = target / ("val" if file.name in held_out else "train")
        _place(file.image, split / "images" / f"{file.name}{file.image.suffix}", _link)
        _place(file.mask, split / "masks" / f"{file.name}{file.mask.suffix}", shutil.copyfile)
        if file.objects is not None:
            path = split / "instances" / f"{file.name}{file.objects.suffix}"
            _place(file.objects, path, shutil.copyfile)


def _place(source: Path, target: Path, put: Callable[[Path, Path], object]) -> None:
    make_folder(target.parent)
    try:
        put(source.resolve(), target)
    except OSError as error:
        raise SegfitError(
            f"cannot prepare the training: {source.name} could not be copied ({error.strerror}); "
            "free some disk space, or check the file"
        ) from error


def _link(source: Path, target: Path) -> None:
    for link in (os.symlink, os.link):
        with suppress(OSError, NotImplementedError):
            link(source, target)
            return
    shutil.copyfile(source, target)


def describe_snapshot(files: Sequence[LabelledFile], held_out: Collection[str]) -> str:
    """How many images there are to learn from and to measure by."""
    learned = len(files) - len(held_out)
    return f"{count_noun(learned, 'image')} to learn from, {len(held_out)} to measure by"
