"""ADE20K's scene parsing: ``images/training/X.jpg`` and ``annotations/training/X.png``.

``objectInfo150.txt`` numbers the classes from 1; 0 is everything else, which does not count.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding
from segfit.datasets.layout import Layout
from segfit.datasets.masks.codes import ValueCode
from segfit.datasets.masks.conventions import find_mask_folders
from segfit.datasets.masks.folders import make_finding
from segfit.datasets.masks.pairs import MaskPair, pair_by_name
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError

CLASS_FILE = "objectInfo150.txt"
CLASS_COUNT = 150
_IMAGE = re.compile(r"ADE_(train|val|test)_\d{8}")


def find_ade_images(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the images of ADE20K's scene parsing; None where nothing says that it is that.

    What says so is ``objectInfo150.txt``, or the names of all images. Raises SegfitError for the
    full set, whose ``_seg.png`` files code several thousand classes.
    """
    if any(path for depth in ("", "*/", "*/*/") for path in root.glob(depth + "ADE_*_seg.png")):
        raise SegfitError(
            f"{root} is the full ADE20K, whose _seg.png files code thousands of classes in two "
            "channels: give its scene parsing set of 150 classes (ADEChallengeData2016)"
        )
    if not (root / "annotations").is_dir() or not (root / "images").is_dir():
        return None
    splits = find_mask_folders(root)
    names = [name for files in splits.values() for name in files.images]
    if not splits or not (
        (root / CLASS_FILE).is_file() or (names and all(map(_IMAGE.fullmatch, names)))
    ):
        return None
    pairs: dict[str, tuple[MaskPair, ...]] = {}
    problems: list[str] = []
    for split, files in splits.items():
        pairing = pair_by_name(files.images, files.masks, where=files.where)
        pairs[split] = pairing.pairs
        problems += pairing.problems
    if problems and (strict or not any(pairs.values())):
        raise SegfitError(problems[0])
    classes = read_names(root / CLASS_FILE) if (root / CLASS_FILE).is_file() else None
    classes = classes or tuple(f"class_{number}" for number in range(1, CLASS_COUNT + 1))
    code = ValueCode(tuple((i + 1, i) for i in range(len(classes))), ignored=(0,))
    note = (
        f"Read as ADE20K's scene parsing: {len(classes)} classes, numbered from 1; 0, everything "
        "else, is ignored."
    )
    table = ClassTable.from_names(classes, background=None)
    return make_finding(table, pairs, code, [*(f"{one}." for one in problems), note])


def read_names(path: Path) -> tuple[str, ...]:
    """The names of ``objectInfo150.txt``, a table whose last column lists the words for a class."""
    rows = list(csv.DictReader(read_text_file(path).splitlines(), delimiter="\t"))
    names: list[str] = []
    for number, row in enumerate(rows, start=1):
        words = (row.get("Name") or "").split(",")[0].strip()
        if row.get("Idx") != str(number) or not words:
            raise SegfitError(
                f"{path}, line {number + 1}: expected class {number} in a column Idx and its words "
                f"in a column Name, with tabs between, given {list(row.values())}"
            )
        names.append(f"{words} {number}" if words in names else words)
    if not names:
        raise SegfitError(f"{path} names no classes: take the one that comes with the data")
    return tuple(names)


LAYOUT = Layout("images/training/ and annotations/training/ (ADE20K)", find_ade_images)
