"""Roboflow's masks: ``train/``, ``valid/``, ``test/``, each with ``a.jpg``, ``a_mask.png`` and
``_classes.csv``, which names the values.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding
from segfit.datasets.layout import BACKGROUND_NAMES, Layout, find_splits, index_by_stem
from segfit.datasets.masks.codes import ValueCode
from segfit.datasets.masks.folders import make_finding
from segfit.datasets.masks.pairs import MaskPair, pair_by_name
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError

CLASS_FILE = "_classes.csv"
MASK_ENDING = "_mask"


def find_roboflow_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images that have a mask beside them; None without ``_classes.csv`` of values."""
    splits = find_splits(root, is_split=lambda folder: _numbers_classes(folder / CLASS_FILE))
    if not splits:
        return None
    values = {split: read_values(folder / CLASS_FILE) for split, folder in splits.items()}
    first, of_first = next(iter(values.items()))
    for split, of_split in values.items():
        if of_split != of_first:
            raise SegfitError(
                f"{root}: {CLASS_FILE} of {first} and of {split} name different classes "
                f"({', '.join(of_first.values())}; {', '.join(of_split.values())}): export anew"
            )
    pairs: dict[str, tuple[MaskPair, ...]] = {}
    problems: list[str] = []
    for split, folder in splits.items():
        files = index_by_stem(folder)
        masks = {stem: path for stem, path in files.items() if stem.endswith(MASK_ENDING)}
        images = {stem: path for stem, path in files.items() if stem not in masks}
        pairing = pair_by_name(images, masks, where=folder)
        pairs[split] = pairing.pairs
        problems += pairing.problems
    if problems and (strict or not any(pairs.values())):
        raise SegfitError(problems[0])
    table, code = name_values(of_first)
    listed = ", ".join(f"{name} = {value}" for value, name in of_first.items())
    note = f"{CLASS_FILE} names {len(of_first)} classes: {listed}."
    return make_finding(table, pairs, code, [*(f"{one}." for one in problems), note])


def read_values(path: Path) -> dict[int, str]:
    """Names by value: a table of two columns below a heading."""
    rows = list(csv.reader(read_text_file(path).splitlines()))[1:]
    names: dict[int, str] = {}
    for number, row in enumerate(rows, start=2):
        fields = [field.strip() for field in row]
        if not any(fields):
            continue
        if len(fields) != 2 or not fields[0].isdecimal() or not fields[1]:
            raise SegfitError(
                f"{path}, line {number}: expected a value and the name of its class, given "
                f"{', '.join(row)!r}"
            )
        names[int(fields[0])] = fields[1]
    return names


def name_values(names: Mapping[int, str]) -> tuple[ClassTable, ValueCode]:
    """The classes of named values; the background is the one that is called so."""
    backgrounds = [i for i, name in enumerate(names.values()) if name.lower() in BACKGROUND_NAMES]
    table = ClassTable.from_names(
        tuple(names.values()), background=backgrounds[0] if backgrounds else None
    )
    return table, ValueCode(tuple((value, index) for index, value in enumerate(names)))


def _numbers_classes(path: Path) -> bool:
    """Whether it is a table of values; Roboflow writes one of the same name for whole images."""
    if not path.is_file():
        return False
    heading = read_text_file(path).partition("\n")[0]
    return heading.lower().startswith("pixel")


LAYOUT = Layout("_classes.csv beside a.jpg and a_mask.png (Roboflow)", find_roboflow_images)
