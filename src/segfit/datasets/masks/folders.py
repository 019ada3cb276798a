"""Folders of images and masks: ``images/`` and ``masks/``, in ``train/``, ``val/``, ``test/``.

Beside ``masks/``, which say the class of each pixel, ``instances/`` may say its object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.masks.class_file import CLASS_FILE_NAME, MaskClasses, read_class_file
from segfit.datasets.masks.codes import MaskCode, read_coded_mask, read_mask_values
from segfit.datasets.masks.inference import infer_classes
from segfit.errors import SegfitError
from segfit.imaging.find import list_images
from segfit.imaging.read import read_image
from segfit.progress import OnProgress
from segfit.text import count_noun, list_first

OBJECTS_FOLDER = "instances"
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def find_splits(root: Path, *, is_split: Callable[[Path], bool]) -> dict[str, Path]:
    """The splits that a folder holds; a folder that is a split itself is "train"."""
    if is_split(root):
        return {"train": root}
    return {
        split: root / name
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if is_split(root / name)
    }


def holds_masks(folder: Path) -> bool:
    """Whether the folder has ``images/`` and ``masks/``."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def find_masked_images(
    splits: dict[str, Path], *, root: Path, strict: bool, on_progress: OnProgress | None
) -> Finding:
    """Pair ``images/X.*`` with ``masks/X.*`` and ``instances/X.*``, and find the classes.

    The classes come from ``classes.json`` in the folder (for a folder named ``train`` and the like,
    in the one above, too), or else from the masks. Where nothing says which of them have objects,
    and there are ``instances/``, all but the background have.
    """
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
    objects: dict[str, dict[str, Path]] = {}
    for split, folder in splits.items():
        objects[split] = _index_objects(folder)
        lonely = [image.name for image, _ in pairs[split] if image.stem not in objects[split]]
        if objects[split] and lonely:
            problem = (
                f"{count_noun(len(lonely), 'image')} in {folder} without a mask of objects in "
                f"{OBJECTS_FOLDER}/ ({list_first(lonely)}): add it, or their connected regions are "
                "objects"
            )
            if strict:
                raise SegfitError(problem)
            notes.append(f"{problem}.")
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


def check_same_size(
    image: tuple[int, ...], labels: tuple[int, ...], *, image_path: Path, mask: Path
) -> None:
    """Raise SegfitError unless image and labels have the same (height, width)."""
    if image != labels:
        raise SegfitError(
            f"{mask}: mask is {labels[0]}×{labels[1]} but its image ({image_path.name}) is "
            f"{image[0]}×{image[1]}: resize one of them"
        )


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


def _index_objects(folder: Path) -> dict[str, Path]:
    objects = folder / OBJECTS_FOLDER
    return index_by_stem(objects) if objects.is_dir() else {}


def index_by_stem(folder: Path) -> dict[str, Path]:
    """A folder's images by stem; SegfitError where two share one."""
    found: dict[str, Path] = {}
    for path in list_images(folder):
        if path.stem in found:
            raise SegfitError(
                f"{folder}: {found[path.stem].name} and {path.name} share a name; image and mask "
                "are paired by it: rename one"
            )
        found[path.stem] = path
    return found


def _find_classes(
    root: Path, pairs: dict[str, list[tuple[Path, Path]]], *, on_progress: OnProgress | None
) -> MaskClasses:
    is_split = any(root.resolve().name in names for names in SPLIT_FOLDERS.values())
    for folder in (root, root.resolve().parent) if is_split else (root,):
        if (folder / CLASS_FILE_NAME).is_file():
            return read_class_file(folder / CLASS_FILE_NAME)
    masks = [mask for split_pairs in pairs.values() for _, mask in split_pairs]
    return infer_classes(masks, on_progress=on_progress)
