"""Pascal VOC and CVAT's "Segmentation mask": masks whose colors are classes and objects.

``JPEGImages/X.jpg`` has its classes in ``SegmentationClass/X.png`` and, where there is one, its
objects in ``SegmentationObject/X.png``: every color is one. ``labelmap.txt`` (CVAT) or
``class_names.txt`` (LabelMe's export) name the classes; ``ImageSets/Segmentation/*.txt`` list the
images of each split.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Int32Array
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable, Color
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, Layout, check_same_size, name_split
from segfit.datasets.masks.codes import (
    ColorCode,
    MaskCode,
    pack_colors,
    pack_mask,
)
from segfit.datasets.masks.conventions import list_deep
from segfit.datasets.masks.folders import find_classes, read_masked_image
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.pairs import MaskPair, pair_by_name
from segfit.datasets.masks.reading import read_mask_values
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError

IMAGES, OBJECTS, LISTS = "JPEGImages", "SegmentationObject", "ImageSets/Segmentation"
CLASS_FOLDERS = ("SegmentationClassPNG", "SegmentationClass")  # LabelMe keeps .npy in the second
VOID: Color = (224, 224, 192)
"""The line around objects, and what is too hard to tell: ignored."""
VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
_VOC_IMAGE = re.compile(r"\d{4}_\d{6}")


def find_voc_images(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the images that have a mask in ``SegmentationClass/``; None without such a folder.

    The folder may be the one above as well, as that of VOC is (``VOCdevkit/VOC2012``).
    """
    folder = next((f for f in (root, *root.glob("VOC20*")) if _find_masks(f) is not None), None)
    if folder is None:
        return None
    masks = _find_masks(folder) or folder
    if not (folder / IMAGES).is_dir():
        raise SegfitError(
            f"{folder} has {masks.name}/ but no {IMAGES}/: export it again with its images (in "
            f"CVAT: save images), or put them there under the names of their masks"
        )
    pairs, notes = _pair_images(folder, masks)
    splits, problems = share_out(pairs, read_lists(folder / LISTS))
    if strict and problems:
        raise SegfitError(problems[0])
    found = read_class_names(folder) or _name_by_images(pairs)
    classes = found or find_classes(folder, [pair.mask for pair in pairs], on_progress=on_progress)
    table = classes.table
    if any(pair.objects for pair in pairs):
        told_apart = tuple(index for index in range(len(table)) if index != table.background)
        table = replace(table, object_classes=told_apart)
    sources = {
        split: tuple(
            Source(pair.name, partial(read_voc_image, pair, classes.code), pair.image)
            for pair in of_split
        )
        for split, of_split in splits.items()
    }
    notes += [*(f"{problem}." for problem in problems), classes.note]
    return Finding(table, sources, notes=tuple(notes))


def read_voc_image(pair: MaskPair, code: MaskCode) -> Reading:
    """Read an image, its classes, and its objects: each color but black and void is one."""
    reading = read_masked_image(pair.image, pair.mask, code)
    if pair.objects is None:
        return reading
    objects = read_object_colors(pair.objects)
    check_same_size(reading.labels.shape, objects.shape, image_path=pair.image, mask=pair.objects)
    return replace(reading, objects=objects)


def read_object_colors(path: Path) -> Int32Array:
    """Number the colors of a mask from 1 (H, W); black and void are 0."""
    colors = pack_mask(read_mask_values(path, by_color=True))
    no_object = pack_colors(np.array([(0, 0, 0), VOID], np.uint8))
    found, of_pixel = np.unique(colors, return_inverse=True)
    is_object = ~np.isin(found, no_object)
    numbers = (np.cumsum(is_object) * is_object).astype(np.int32)
    return numbers[of_pixel.reshape(colors.shape)]


def read_class_names(folder: Path) -> MaskClasses | None:
    """The classes of ``labelmap.txt`` or ``class_names.txt``; None where there is neither."""
    for name, parse in (("labelmap.txt", parse_labelmap), ("class_names.txt", parse_names)):
        path = folder / name
        if path.is_file():
            classes = parse(path)
            objects = ", ".join(classes)
            note = f"{name} names {len(classes)} classes: {objects}; color #e0e0c0 is ignored."
            return name_colors(classes, note)
    return None


def parse_labelmap(path: Path) -> dict[str, Color]:
    """Names and colors of CVAT's ``labelmap.txt``: ``name:r,g,b:parts:actions`` in each line."""
    colors: dict[str, Color] = {}
    for number, line in enumerate(read_text_file(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        levels = rest.partition(":")[0].split(",")
        if not re.fullmatch(r"\s*\d{1,3}\s*", levels[0]) or len(levels) != 3:
            raise SegfitError(
                f"{path}, line {number}: expected a class as name:red,green,blue::, given {line!r}"
            )
        red, green, blue = (int(level) for level in levels)
        if name in colors or (red, green, blue) in colors.values():
            raise SegfitError(
                f"{path}, line {number}: {line!r} repeats a name or a color: give each class one "
                "of its own"
            )
        colors[name] = (red, green, blue)
    return colors


def parse_names(path: Path) -> dict[str, Color]:
    """Names of LabelMe's ``class_names.txt`` with VOC's colors, in their order."""
    names = [line.strip() for line in read_text_file(path).splitlines() if line.strip()]
    return dict(zip(names, make_voc_colors(len(names)), strict=True))


def make_voc_colors(count: int) -> list[Color]:
    """The colors that VOC gives to its classes: the bits of a number, dealt out to the channels.

    >>> make_voc_colors(3)
    [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
    """
    colors = []
    for number in range(count):
        levels = [0, 0, 0]
        for place in range(8):
            for channel in range(3):
                levels[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
        colors.append((levels[0], levels[1], levels[2]))
    return colors


def name_colors(colors: Mapping[str, Color], note: str) -> MaskClasses:
    """The classes of named colors, the background first; void is ignored unless it is a class."""
    ordered = sorted(colors, key=lambda name: name.lower() not in BACKGROUND_NAMES)
    has_background = bool(ordered) and ordered[0].lower() in BACKGROUND_NAMES
    table = ClassTable.from_names(
        tuple(ordered),
        background=0 if has_background else None,
        colors=tuple(colors[name] for name in ordered),
    )
    ignored = () if VOID in colors.values() else (VOID,)
    return MaskClasses(table, ColorCode(table.colors, ignored), note)


def read_lists(folder: Path) -> dict[str, list[str]]:
    """The lines of each list of images in a folder, by split.

    Lists of other names than those of splits, such as ``trainval`` and ``default``, count where
    there is no list of a split; they are "train".
    """
    files = sorted(folder.glob("*.txt"))
    lines = {
        path: [line.strip() for line in read_text_file(path).splitlines() if line.strip()]
        for path in files
    }
    splits = {name_split(path.stem): lines[path] for path in files if name_split(path.stem)}
    if splits:
        return {split: names for split, names in splits.items() if split}
    others = dict.fromkeys(line for path in files for line in lines[path])
    return {"train": list(others)} if others else {}


def share_out(
    pairs: Sequence[MaskPair], lists: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[MaskPair]], list[str]]:
    """The pairs of each split, and what is wrong with the lists; all are "train" without lists."""
    if not lists:
        return {"train": list(pairs)}, []
    by_name = {pair.name: pair for pair in pairs}
    splits: dict[str, list[MaskPair]] = {}
    missing: list[str] = []
    twice: list[str] = []
    taken: set[str] = set()
    for split, lines in lists.items():
        found = {line: _find_listed(line, by_name) for line in lines}
        missing += [line for line, name in found.items() if name is None]
        names = [name for name in found.values() if name is not None]
        twice += [name for name in names if name in taken]
        splits[split] = [by_name[name] for name in names if name not in taken]
        taken.update(names)
    unlisted = [name for name in by_name if name not in taken]
    problems = [
        f"{count_noun(len(names), 'image')} {what} ({list_first(names)}): {remedy}"
        for names, what, remedy in (
            (missing, f"of {LISTS} without an image or a mask", "add it, or take it off the list"),
            (twice, f"of {LISTS} in two splits", "the first split that lists it has it"),
            (unlisted, f"with a mask in no list of {LISTS}", "left out; add it to one"),
        )
        if names
    ]
    if not any(splits.values()):
        raise SegfitError("; ".join(problems))
    return splits, problems


def _find_listed(line: str, names: Collection[str]) -> str | None:
    """The image that a line of a list names: by its name, in quotes, or by the path of a file."""
    plain = line.strip('"')
    for name in (plain, Path(plain.split()[0]).with_suffix("").name):
        if name in names:
            return name
    return None


def _pair_images(folder: Path, masks: Path) -> tuple[list[MaskPair], list[str]]:
    """Pairs with their masks of objects; VOC has masks for a few of its images only."""
    images, labels = list_deep(folder / IMAGES), list_deep(masks)
    bare = [path.name for name, path in images.items() if name not in labels]
    pairing = pair_by_name(
        {name: path for name, path in images.items() if name in labels}, labels, where=folder
    )
    notes = [f"{problem}." for problem in pairing.problems]
    if bare:
        notes.append(
            f"{count_noun(len(bare), 'image')} of {IMAGES}/ without a mask in {masks.name}/, left "
            f"out ({list_first(bare)})."
        )
    if not pairing.pairs:
        raise SegfitError(f"{folder}: no image has a mask of the same name; {' '.join(notes)}")
    objects = list_deep(folder / OBJECTS)
    return [replace(pair, objects=objects.get(pair.name)) for pair in pairing.pairs], notes


def _find_masks(folder: Path) -> Path | None:
    return next((folder / name for name in CLASS_FOLDERS if (folder / name).is_dir()), None)


def _name_by_images(pairs: Sequence[MaskPair]) -> MaskClasses | None:
    """VOC's own classes, where the images are named as those of VOC are."""
    if not all(_VOC_IMAGE.fullmatch(pair.name) for pair in pairs):
        return None
    colors = dict(zip(VOC_NAMES, make_voc_colors(len(VOC_NAMES)), strict=True))
    note = (
        "The images are named as those of Pascal VOC: its 20 classes and background; void "
        "(#e0e0c0) is ignored."
    )
    return name_colors(colors, note)


LAYOUT = Layout("JPEGImages/ and SegmentationClass/ (Pascal VOC, CVAT)", find_voc_images)
