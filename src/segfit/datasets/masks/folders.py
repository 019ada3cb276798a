"""Folders of images and masks: ``images/`` and ``masks/``, in ``train/``, ``val/``, ``test/``.

``conventions`` has the other names that such folders and files go by. Beside ``masks/``, which say
the class of each pixel, ``instances/`` may say its object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.foreign import describe_foreign
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import Layout, check_same_size, name_split
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.datasets.masks.codes import MaskCode, read_coded_mask
from segfit.datasets.masks.conventions import (
    OBJECTS_FOLDER,
    MaskFolders,
    find_mask_folders,
    find_masks_within,
    find_neighbours,
)
from segfit.datasets.masks.finding import read_or_infer_classes
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.orientation import MaskOrientation, find_turns
from segfit.datasets.masks.pairs import MaskPair, pair_by_name
from segfit.datasets.masks.reading import read_mask_values
from segfit.datasets.masks.unused import describe_unused
from segfit.errors import SegfitError
from segfit.imaging.orientation import UPRIGHT, turn_upright
from segfit.imaging.read import read_image


def find_masked_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Pair ``images/X.*`` with ``masks/X.*`` and ``instances/X.*``, and find the classes.

    With ``classes.json`` beside ``masks/``, the images may lie in the folder itself.
    The classes come from ``classes.json`` in the folder (for a folder named ``train`` and the like,
    in the one above, too), or else from the masks. Where nothing says which of them have objects,
    and there are ``instances/``, all but the background have. None where there are no such folders.
    """
    splits = find_masks_within(root) or find_mask_folders(root)
    return _find_masked(root, splits, strict, on_progress) if splits else None


def find_neighbouring_masks(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Pair ``X.jpg`` with ``X_mask.png`` beside it, and find the classes; None without such."""
    splits = find_neighbours(root)
    return _find_masked(root, splits, strict, on_progress) if splits else None


def _find_masked(
    root: Path, splits: Mapping[str, MaskFolders], strict: bool, on_progress: OnProgress | None
) -> Finding:
    """``list_masked_images``, and what lies beside them and is not read."""
    finding = list_masked_images(root, splits, strict, on_progress)
    read = [
        path
        for files in splits.values()
        for paths in (files.images, files.masks, files.objects)
        for path in paths.values()
    ]
    return replace(finding, notes=(*finding.notes, *describe_unused(root, read)))


def list_masked_images(
    root: Path, splits: Mapping[str, MaskFolders], strict: bool, on_progress: OnProgress | None
) -> Finding:
    """Pair the images and masks of each split by name, and find the classes."""
    pairs: dict[str, list[MaskPair]] = {}
    notes: list[str] = []
    for split, files in splits.items():
        pairing = pair_by_name(files.images, files.masks, where=files.where)
        pairs[split], lacking = _add_objects(pairing.pairs, files)
        problems = [*pairing.problems, *lacking]
        if strict and problems:
            raise SegfitError(problems[0])
        notes += [f"{problem}." for problem in problems]
    if not any(pairs.values()):
        foreign = describe_foreign(root)
        reasons = [note.rstrip(".") for note in notes] + ([foreign] if foreign else [])
        raise SegfitError("; ".join([f"{root}: no image has a mask of the same name", *reasons]))
    every_pair = [pair for of_split in pairs.values() for pair in of_split]
    classes = find_classes(root, [pair.mask for pair in every_pair], on_progress=on_progress)
    table = classes.table
    if any(pair.objects for pair in every_pair) and not classes.says_objects:
        object_classes = tuple(index for index in range(len(table)) if index != table.background)
        table = replace(table, object_classes=object_classes)
    return make_finding(
        table, pairs, classes.code, (*notes, classes.note), orientation=classes.orientation
    )


def make_finding(
    table: ClassTable,
    pairs: Mapping[str, Iterable[MaskPair]],
    code: MaskCode,
    notes: Iterable[str] = (),
    *,
    orientation: MaskOrientation | None = None,
) -> Finding:
    """What is found where all masks, and those that number objects, are read by one code.

    ``orientation``: how the masks of turned images lie, where that was said.
    """
    pairs = {split: list(of_split) for split, of_split in pairs.items()}
    every_pair = [(pair.image, pair.mask) for of_split in pairs.values() for pair in of_split]
    turns = find_turns(every_pair, code, said=orientation)
    sources = {
        split: tuple(
            Source(
                pair.name,
                partial(
                    read_masked_image,
                    pair.image,
                    pair.mask,
                    code,
                    objects=pair.objects,
                    orientation=turns.of(pair.image),
                ),
            )
            for pair in of_split
        )
        for split, of_split in pairs.items()
    }
    return Finding(table, sources, notes=(*notes, *([turns.note] if turns.note else [])))


def read_masked_image(
    image_path: Path,
    mask: Path,
    code: MaskCode,
    *,
    objects: Path | None = None,
    orientation: int = UPRIGHT,
) -> Reading:
    """Read an image with its mask; SegfitError where they differ in size.

    ``objects``: the mask that numbers its objects, 0 for none. ``orientation``: the EXIF
    orientation by which masks are turned, see ``find_turns``.
    """
    decoded = read_coded_mask(mask, code).turn(orientation)
    image = read_image(image_path)
    check_same_size(image.shape[:2], decoded.labels.shape, image_path=image_path, mask=mask)
    numbers = decoded.objects
    if objects is not None:
        grid = read_mask_values(objects, by_color=False)
        if grid.ndim == 3:
            raise SegfitError(
                f"{objects} has colors; a mask of objects holds their numbers, 0 for none: save "
                "it as a 16-bit grey image"
            )
        numbers = np.ascontiguousarray(turn_upright(grid.astype(np.int32), orientation))
    if numbers is not None:
        check_same_size(image.shape[:2], numbers.shape, image_path=image_path, mask=objects or mask)
    return Reading(image, decoded.labels, numbers, snapped_px=decoded.snapped_px)


def find_classes(root: Path, masks: list[Path], *, on_progress: OnProgress | None) -> MaskClasses:
    """The classes of ``classes.json`` in the folder, or above a split's; else of the masks."""
    above = [root.resolve().parent] if name_split(root.resolve().name) else []
    files = [folder / CLASS_FILE_NAME for folder in (root, *above)]
    class_file = next((file for file in files if file.is_file()), None)
    return read_or_infer_classes(masks, class_file, on_progress=on_progress)


def _add_objects(pairs: Iterable[MaskPair], files: MaskFolders) -> tuple[list[MaskPair], list[str]]:
    """The pairs with the masks that number their objects, and which images have none."""
    numbered = [replace(pair, objects=files.objects.get(pair.name)) for pair in pairs]
    lonely = [pair.image.name for pair in numbered if pair.objects is None]
    if not files.objects or not lonely:
        return numbered, []
    return numbered, [
        f"{count_noun(len(lonely), 'image')} in {files.where} without a mask of objects in "
        f"{OBJECTS_FOLDER}/ ({list_first(lonely)}): add it, or each connected region counts as an "
        "object"
    ]


LAYOUT = Layout(
    "images/ and masks/ (or train/, val/, test/ with these; or images with masks/ and "
    "classes.json among them)",
    find_masked_images,
)
BESIDE = Layout("images with their masks beside them (a.jpg, a_mask.png)", find_neighbouring_masks)
