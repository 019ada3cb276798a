"""Cellpose: ``a.tif`` with ``a_masks.tif`` or ``a_cp_masks.png`` beside it, which number cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from segfit.basics.arrays import UInt16Array
from segfit.basics.progress import OnProgress, map_in_threads
from segfit.basics.text import list_first
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding
from segfit.datasets.layout import Layout, find_splits
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.datasets.masks.codes import ValueCode
from segfit.datasets.masks.folders import make_finding
from segfit.datasets.masks.pairs import MaskPair, pair_by_name
from segfit.datasets.masks.reading import read_mask_values
from segfit.errors import SegfitError
from segfit.imaging.find import list_images

OWN_ENDING, USUAL_ENDING = "_cp_masks", "_masks"
PICKLES = "*_seg.npy"
LOOKED_AT = 20
"""So many masks are looked at to tell whether values number objects."""
SINGLE_SHARE = 0.9
"""Share of the values that are one connected piece, where they number objects."""


def find_cellpose_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images with numbered cells beside them; None where there are none.

    ``_cp_masks`` are always numbers of cells; ``_masks`` are where they look like it (see
    ``number_objects``) and no ``classes.json`` says otherwise. Raises SegfitError where there are
    only ``_seg.npy`` files.
    """
    splits = find_splits(root, is_split=_holds_cells)
    if not splits or (root / CLASS_FILE_NAME).is_file():
        return None
    pairs: dict[str, tuple[MaskPair, ...]] = {}
    problems: list[str] = []
    for split, folder in splits.items():
        files = {path.name.removesuffix(path.suffix): path for path in list_images(folder)}
        endings = (OWN_ENDING, USUAL_ENDING)
        masks = {stem: path for stem, path in files.items() if stem.endswith(endings)}
        plain = {_drop_ending(stem): path for stem, path in masks.items()}
        images = {
            stem: path
            for stem, path in files.items()
            if stem not in masks and not stem.endswith(("_flows", "_outlines", "_cp_output"))
        }
        pairing = pair_by_name(images, plain, where=folder)
        pairs[split] = pairing.pairs
        problems += pairing.problems
    paths = [pair.mask for of_split in pairs.values() for pair in of_split]
    if not paths:
        raise SegfitError(_refuse_pickles(splits))
    if not all(path.stem.endswith(OWN_ENDING) for path in paths) and not number_objects(paths):
        return None
    if problems and strict:
        raise SegfitError(problems[0])
    table = ClassTable.from_names(("background", "cell"), object_classes=(1,))
    note = (
        "Read as Cellpose's masks: 0 is background, every other value numbers a cell; if the "
        f"values are classes, name them in {CLASS_FILE_NAME}."
    )
    code = ValueCode(((0, 0),), object_class=1)
    return make_finding(table, pairs, code, [*(f"{one}." for one in problems), note])


def number_objects(paths: Sequence[Path]) -> bool:
    """Whether the values of masks number objects: nearly every value is one connected piece.

    In one mask at least there must be two. Some of the masks are looked at; those that cannot be
    read are left to the scan.
    """
    every = max(1, len(paths) // LOOKED_AT)
    counts = map_in_threads(_count_pieces, paths[::every])
    values = sum(values for values, _ in counts)
    single = sum(single for _, single in counts)
    most = max((values for values, _ in counts), default=0)
    return most > 1 and single >= SINGLE_SHARE * values


def _count_pieces(path: Path) -> tuple[int, int]:
    """How many values but 0 a mask has, and how many of them are one 8-connected piece."""
    try:
        grid = read_mask_values(path, by_color=False)
    except SegfitError:
        return 0, 0
    if grid.ndim != 2:
        return 0, 0
    values = [int(value) for value in np.unique(grid) if value]
    return len(values), sum(_is_single(grid, value) for value in values)


def _is_single(grid: UInt16Array, value: int) -> bool:
    of_value = (grid == value).view(np.uint8)
    return int(cv2.connectedComponents(of_value, connectivity=8)[0]) == 2


def _drop_ending(stem: str) -> str:
    return stem.removesuffix(OWN_ENDING if stem.endswith(OWN_ENDING) else USUAL_ENDING)


def _holds_cells(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    stems = {path.stem for path in list_images(folder)}
    endings = (OWN_ENDING, USUAL_ENDING)
    return any(stem.endswith(endings) for stem in stems) or any(folder.glob(PICKLES))


def _refuse_pickles(splits: dict[str, Path]) -> str:
    names = [path.name for folder in splits.values() for path in sorted(folder.glob(PICKLES))]
    return (
        f"{list_first([str(folder) for folder in splits.values()])} has Cellpose's labels as "
        f"_seg.npy files only ({list_first(names)}). They are Python pickles, which may run code "
        "when they are read, so segfit does not: save the masks in Cellpose (File > Save masks as "
        "PNG/tif), or with cellpose --savedir and --save_png"
    )


LAYOUT = Layout("a.tif beside a_masks.tif or a_cp_masks.png (Cellpose)", find_cellpose_images)
