"""Folders of images and masks: ``images/`` and ``masks/``, in ``train/``, ``val/``, ``test/``.

Beside ``masks/``, which say the class of each pixel, ``instances/`` may say its object.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import (
    SPLIT_FOLDERS,
    Layout,
    check_same_size,
    find_splits,
    index_by_stem,
)
from segfit.datasets.masks.class_file import CLASS_FILE_NAME, MaskClasses, read_class_file
from segfit.datasets.masks.codes import MaskCode, read_coded_mask, read_mask_values
from segfit.datasets.masks.inference import infer_classes
from segfit.errors import SegfitError
from segfit.imaging.read import read_image

OBJECTS_FOLDER = "instances"


def holds_masks(folder: Path) -> bool:
    """Whether the folder has ``images/`` and ``masks/``."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def find_masked_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Pair ``images/X.*`` with ``masks/X.*`` and ``instances/X.*``, and find the classes.

    The classes come from ``classes.json`` in the folder (for a folder named ``train`` and the like,
    in the one above, too), or else from the masks. Where nothing says which of them have objects,
    and there are ``instances/``, all but the background have. None where there are no such folders.
    """
    splits = find_splits(root, is_split=holds_masks)
    if not splits:
        return None
    pairs: dict[str, list[tuple[Path, Path]]] = {}
    notes: list[str] = []
    for split, folder in splits.items():
        pairs[split], unpaired = pair_files(folder)
        if strict and unpaired:
            raise SegfitError(unpaired[0])
        notes += [f"{message}." for message in unpaired]
    if not any(pairs.values()):
        raise SegfitError(
            f"{root}: no image has a mask of the same name"
            + "".join(f"; {note.rstrip('.')}" for note in notes)
        )
    classes = _find_classes(root, pairs, on_progress=on_progress)
    objects, object_notes = _find_object_masks(splits, pairs, strict=strict)
    notes += object_notes
    table = classes.table
    if any(objects.values()) and not classes.says_objects:
        object_classes = tuple(index for index in range(len(table)) if index != table.background)
        table = replace(table, object_classes=object_classes)
    return Finding(
        table,
        {
            split: tuple(
                Source(
                    image.stem,
                    partial(
                        read_masked_image,
                        image,
                        mask,
                        classes.code,
                        objects=objects[split].get(image.stem),
                    ),
                )
                for image, mask in split_pairs
            )
            for split, split_pairs in pairs.items()
        },
        notes=(*notes, classes.note),
    )


def read_masked_image(
    image_path: Path, mask: Path, code: MaskCode, *, objects: Path | None = None
) -> Reading:
    """Read an image with its mask; SegfitError where they differ in size.

    ``objects``: the mask that numbers its objects, 0 for none.
    """
    decoded = read_coded_mask(mask, code)
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
        check_same_size(image.shape[:2], grid.shape, image_path=image_path, mask=objects)
        numbers = grid.astype(np.int32)
    return Reading(image, decoded.labels, numbers, snapped_px=decoded.snapped_px)


def pair_files(folder: Path) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Pair images and masks by stem; say which have no partner."""
    images = index_by_stem(folder / "images")
    masks = index_by_stem(folder / "masks")
    unpaired = [
        f"{count_noun(len(lonely), kind)} in {folder} without {missing} of the same name "
        f"({list_first(lonely)}): add it or rename the file"
        for kind, missing, lonely in (
            ("image", "a mask", [images[stem].name for stem in images if stem not in masks]),
            ("mask", "an image", [masks[stem].name for stem in masks if stem not in images]),
        )
        if lonely
    ]
    return [(images[stem], masks[stem]) for stem in images if stem in masks], unpaired


def _find_object_masks(
    splits: dict[str, Path], pairs: dict[str, list[tuple[Path, Path]]], *, strict: bool
) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """The masks that number objects, by split and stem; and which images have none."""
    objects: dict[str, dict[str, Path]] = {}
    notes: list[str] = []
    for split, folder in splits.items():
        numbered = folder / OBJECTS_FOLDER
        found = index_by_stem(numbered) if numbered.is_dir() else {}
        # segfit predict writes them as X_instances.png, beside X.png
        objects[split] = {stem.removesuffix("_instances"): path for stem, path in found.items()}
        lonely = [image.name for image, _ in pairs[split] if image.stem not in objects[split]]
        if objects[split] and lonely:
            problem = (
                f"{count_noun(len(lonely), 'image')} in {folder} without a mask of objects in "
                f"{OBJECTS_FOLDER}/ ({list_first(lonely)}): add it, or each connected region "
                "counts as an object"
            )
            if strict:
                raise SegfitError(problem)
            notes.append(f"{problem}.")
    return objects, notes


def _find_classes(
    root: Path, pairs: dict[str, list[tuple[Path, Path]]], *, on_progress: OnProgress | None
) -> MaskClasses:
    is_split = any(root.resolve().name in names for names in SPLIT_FOLDERS.values())
    for folder in (root, root.resolve().parent) if is_split else (root,):
        if (folder / CLASS_FILE_NAME).is_file():
            return read_class_file(folder / CLASS_FILE_NAME)
    masks = [mask for split_pairs in pairs.values() for _, mask in split_pairs]
    return infer_classes(masks, on_progress=on_progress)


LAYOUT = Layout(
    "images/ and masks/ (or train/, val/, test/ with these)",
    find_masked_images,
)
