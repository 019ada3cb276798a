"""Cityscapes: ``leftImg8bit/train/city/X_leftImg8bit.png`` and ``gtFine/…/X_gtFine_labelIds.png``.

All may lie in one folder as well, and the tools of other street scenes write the same names. Beside
``labelIds`` (34 numbers), ``instanceIds`` tell objects apart; where there are only
``labelTrainIds`` (19 numbers), these are read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.progress import OnProgress
from segfit.basics.text import list_first
from segfit.classes import ClassTable, Color
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import SPLIT_FOLDERS, Layout, check_same_size, name_split
from segfit.datasets.masks.codes import ValueCode
from segfit.datasets.masks.folders import read_masked_image
from segfit.datasets.masks.pairs import MaskPair
from segfit.datasets.masks.reading import read_mask_values
from segfit.errors import SegfitError
from segfit.imaging.find import is_image_file

EVALUATED: dict[int, tuple[str, Color]] = {
    7: ("road", (128, 64, 128)),
    8: ("sidewalk", (244, 35, 232)),
    11: ("building", (70, 70, 70)),
    12: ("wall", (102, 102, 156)),
    13: ("fence", (190, 153, 153)),
    17: ("pole", (153, 153, 153)),
    19: ("traffic light", (250, 170, 30)),
    20: ("traffic sign", (220, 220, 0)),
    21: ("vegetation", (107, 142, 35)),
    22: ("terrain", (152, 251, 152)),
    23: ("sky", (70, 130, 180)),
    24: ("person", (220, 20, 60)),
    25: ("rider", (255, 0, 0)),
    26: ("car", (0, 0, 142)),
    27: ("truck", (0, 0, 70)),
    28: ("bus", (0, 60, 100)),
    31: ("train", (0, 80, 100)),
    32: ("motorcycle", (0, 0, 230)),
    33: ("bicycle", (119, 11, 32)),
}
"""The classes that count in its evaluation, by their number in ``labelIds``."""
IGNORED = {
    0: "unlabeled", 1: "ego vehicle", 2: "rectification border", 3: "out of roi", 4: "static",
    5: "dynamic", 6: "ground", 9: "parking", 10: "rail track", 14: "guard rail", 15: "bridge",
    16: "tunnel", 18: "polegroup", 29: "caravan", 30: "trailer",
}  # fmt: skip
FIRST_OBJECT_CLASS = 24
OBJECTS_PER_CLASS = 1000
"""An object's number in ``instanceIds`` is its class times this, and its own; less is no object."""
_LABEL_FILE = re.compile(r"(.+?)(_gt\w*?)?_(labelIds|labelTrainIds|instanceIds|color)")
_IMAGE_ENDING = re.compile(r"_(leftImg8bit|rgb_anon)$")
Key = tuple[str, str]  # split and name
_DEPTHS = ("", "*/", "*/*/", "*/*/*/")


def find_city_images(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the images with a file of ``labelIds`` or ``labelTrainIds``; None without such files."""
    kinds = ("labelIds", "labelTrainIds")
    kind = next((k for k in kinds if any(_glob(root, f"*_{k}.png"))), None)
    if kind is None:
        return None
    images, files = _index_files(root)
    splits: dict[str, list[MaskPair]] = defaultdict(list)
    problems = _describe_lonely(images, files[kind])
    if strict and problems:
        raise SegfitError(problems[0])
    objects = files["instanceIds"] if kind == "labelIds" else {}
    for (split, name), mask in files[kind].items():
        if (split, name) in images:
            pair = MaskPair(name, images[split, name], mask, objects.get((split, name)))
            splits[split].append(pair)
    if not splits:
        raise SegfitError(f"{root}: {problems[0]}")
    names, colors = zip(*EVALUATED.values(), strict=True)
    told_apart = [i for i, number in enumerate(EVALUATED) if number >= FIRST_OBJECT_CLASS]
    table = ClassTable.from_names(
        names,
        background=None,
        colors=colors,
        object_classes=tuple(told_apart) if objects else (),
    )
    values = EVALUATED if kind == "labelIds" else range(len(EVALUATED))
    code = ValueCode(
        tuple((value, index) for index, value in enumerate(values)),
        ignored=tuple(IGNORED) if kind == "labelIds" else (),
    )
    sources = {
        split: tuple(Source(p.name, partial(read_city_image, p, code)) for p in splits[split])
        for split in SPLIT_FOLDERS
        if split in splits
    }
    return Finding(table, sources, notes=(*(f"{one}." for one in problems), describe_classes(kind)))


def describe_classes(kind: str) -> str:
    """What the numbers of such files are taken for."""
    if kind == "labelTrainIds":
        return "Read as Cityscapes' labelTrainIds: 19 classes; 255 is ignored."
    return (
        "Read as Cityscapes' labelIds: the 19 classes of its evaluation; the others are ignored "
        f"({', '.join(IGNORED.values())})."
    )


def read_city_image(pair: MaskPair, code: ValueCode) -> Reading:
    """Read an image, its classes, and its objects where they are told apart."""
    reading = read_masked_image(pair.image, pair.mask, code)
    if pair.objects is None:
        return reading
    numbers = read_mask_values(pair.objects, by_color=False)
    check_same_size(reading.labels.shape, numbers.shape, image_path=pair.image, mask=pair.objects)
    objects = np.where(numbers >= OBJECTS_PER_CLASS, numbers, 0).astype(np.int32)
    return replace(reading, objects=objects)


def _glob(root: Path, pattern: str) -> Iterator[Path]:
    return (path for depth in _DEPTHS for path in root.glob(depth + pattern))


def _index_files(root: Path) -> tuple[dict[Key, Path], dict[str, dict[Key, Path]]]:
    """Images by split and name, and label files by kind first; of fine and coarse ones the fine.

    Raises SegfitError where two files of a split have one name.
    """
    images: dict[Key, Path] = {}
    files: dict[str, dict[Key, Path]] = defaultdict(dict)
    for path in sorted(_glob(root, "*")):
        if not is_image_file(path):
            continue
        label = _LABEL_FILE.fullmatch(path.stem)
        name = label[1] if label else _IMAGE_ENDING.sub("", path.stem)
        key = _find_split(path.relative_to(root)), name
        index = files[label[3]] if label else images
        before = index.get(key)
        if before is not None and ("Coarse" in path.name) == ("Coarse" in before.name):
            raise SegfitError(
                f"{root}: {before.relative_to(root)} and {path.relative_to(root)} share a name, by "
                "which images are paired with their labels: rename one"
            )
        if before is None or "Coarse" in before.name:
            index[key] = path
    return images, files


def _describe_lonely(images: dict[Key, Path], masks: dict[Key, Path]) -> list[str]:
    groups = {
        "image without a file of labels": [images[key].name for key in images if key not in masks],
        "file of labels without an image": [masks[key].name for key in masks if key not in images],
    }
    return [
        f"left out: {len(names)} × {what} ({list_first(names)})"
        for what, names in groups.items()
        if names
    ]


def _find_split(path: Path) -> str:
    return next((split for part in path.parts if (split := name_split(part))), "train")


LAYOUT = Layout("leftImg8bit/ and gtFine/ (Cityscapes)", find_city_images)
