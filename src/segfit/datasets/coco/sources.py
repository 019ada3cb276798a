"""The images of COCO files, each with what was drawn in it.

Shapes: ``H, W`` the image.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.basics.text import count_noun, list_first
from segfit.classes import IGNORE
from segfit.datasets.coco.classes import CocoClasses
from segfit.datasets.coco.content import Annotation, CocoFile, CocoImage, Identity
from segfit.datasets.coco.crowds import CrowdRule, find_crowd_rule
from segfit.datasets.coco.outlines import decode_segmentation
from segfit.datasets.image_search import ImageSearch, describe_missing, name_images
from segfit.datasets.labelled import Reading, Source
from segfit.datasets.painting import PaintedObject, paint_readable
from segfit.errors import SegfitError
from segfit.imaging.read import read_image


@dataclass(frozen=True)
class AnnotatedImage:
    """An image's file, its size as the COCO file has it, and its annotations in their order."""

    path: Path
    file: Path
    height: int | None
    width: int | None
    annotations: tuple[Annotation, ...]
    class_of: Mapping[Identity, int]
    crowd_rule: CrowdRule


def collect_sources(
    contents: Mapping[Path, CocoFile], classes: CocoClasses, *, strict: bool
) -> tuple[tuple[Source, ...], list[str]]:
    """The images of the files of one split, and notes on what is wrong with them.

    Raises SegfitError where two files name the same image, where no image is found, and for the
    first mistake where ``strict``.
    """
    images: dict[Path, AnnotatedImage] = {}
    notes: list[str] = []
    for file, content in contents.items():
        found, problems, file_notes = _find_images(content, file, classes.of_file[file])
        if problems and (strict or not found):
            raise SegfitError(problems[0])
        notes += [*(f"{problem}." for problem in problems), *file_notes]
        for image in found:
            other = images.setdefault(image.path.resolve(), image)
            if other is not image:
                raise SegfitError(
                    f"{other.file.name} and {file.name} both annotate {image.path}: give one of "
                    "them, or join them"
                )
    paths = [image.path for image in images.values()]
    names = dict(zip(paths, name_images(paths), strict=True))
    bare = [names[image.path] for image in images.values() if not image.annotations]
    if bare:
        of_file = f" of {next(iter(contents)).name}" if len(contents) == 1 else ""
        notes.append(
            f"{count_noun(len(bare), 'image')}{of_file} without annotations ({list_first(bare)}), "
            "taken as background throughout."
        )
    sources = (
        Source(names[one.path], partial(read_coco_image, one), one.path) for one in images.values()
    )
    return tuple(sources), notes


def read_coco_image(entry: AnnotatedImage) -> Reading:
    """Read an image and paint its annotations in their order; crowds become ignored pixels."""
    image = read_image(entry.path)
    height, width = image.shape[:2]
    if (entry.height or height, entry.width or width) != (height, width):
        raise SegfitError(
            f"{entry.path}: annotated at {entry.height}×{entry.width} but the image is "
            f"{height}×{width}: resize the image, or annotate it again"
        )

    def fill(annotation: Annotation) -> BoolArray:
        where = _name_annotation(entry, annotation)
        return decode_segmentation(annotation.segmentation, height=height, width=width, where=where)

    crowds = _find_crowds(entry, fill)

    def paint(index: int) -> PaintedObject:
        annotation = entry.annotations[index]
        class_index = IGNORE if index in crowds else _find_class(entry, annotation)
        return PaintedObject(fill(annotation), class_index, index + 1)

    reading = paint_readable(image, len(entry.annotations), paint)
    marked = sum(bool(annotation.iscrowd) for annotation in entry.annotations)
    return replace(reading, crowds=len(crowds), crowd_objects=marked - len(crowds))


def _find_class(entry: AnnotatedImage, annotation: Annotation) -> int:
    category = annotation.category_id
    if category is None or category not in entry.class_of:
        raise SegfitError(
            f"{_name_annotation(entry, annotation)} has category {category}, which is not among "
            "the categories: add it there"
        )
    return entry.class_of[category]


def _name_annotation(entry: AnnotatedImage, annotation: Annotation) -> str:
    return f"{entry.file.name}: annotation {annotation.id} of {entry.path.name}"


def _find_crowds(entry: AnnotatedImage, fill: Callable[[Annotation], BoolArray]) -> set[int]:
    """Which of the annotations that are marked as crowds are some, by their places."""
    if not any(annotation.iscrowd for annotation in entry.annotations):
        return set()
    masks: dict[int, BoolArray] = {}
    for index, annotation in enumerate(entry.annotations):
        with suppress(SegfitError):  # is said where it is painted
            masks[index] = fill(annotation)
    marked = {index for index in masks if entry.annotations[index].iscrowd}
    others = np.any([masks[index] for index in masks if index not in marked], axis=0)
    return {
        index
        for index in marked
        if entry.crowd_rule.is_crowd(entry.annotations[index], masks[index], others)
    }


def _find_images(
    content: CocoFile, file: Path, class_of: Mapping[Identity, int]
) -> tuple[list[AnnotatedImage], list[str], list[str]]:
    """The images of a file, what is wrong with it, and what to say of it."""
    search = ImageSearch(file)
    entries, problems = _drop_shared_ids(content.images, file)
    annotations, annotation_problems = _group(content, file)
    found: dict[Path, list[CocoImage]] = defaultdict(list)
    missing: list[str] = []
    for entry in entries:
        path = search.find(entry.file_name)
        if path is None:
            missing.append(entry.file_name)
        else:
            found[path].append(entry)
    if missing:
        problems.append(describe_missing(missing, file))
    rule = find_crowd_rule(
        content.annotations, {category.id: category.name for category in content.categories}
    )
    images = [
        AnnotatedImage(
            path=path,
            file=file,
            height=next((one.height for one in group if one.height), None),
            width=next((one.width for one in group if one.width), None),
            annotations=tuple(
                one for key in dict.fromkeys(e.id for e in group) for one in annotations[key]
            ),
            class_of=class_of,
            crowd_rule=rule,
        )
        for path, group in found.items()
    ]
    notes = _describe_repeats(content, file, found)
    return images, [*problems, *annotation_problems], notes


def _drop_shared_ids(images: Sequence[CocoImage], file: Path) -> tuple[list[CocoImage], list[str]]:
    """The images without those that share an id with another, since nobody knows whose its
    annotations are.
    """
    names: dict[Identity, list[str]] = defaultdict(list)
    for image in images:
        if image.file_name not in names[image.id]:
            names[image.id].append(image.file_name)
    shared = {key: group for key, group in names.items() if len(group) > 1}
    if not shared:
        return list(images), []
    key, group = next(iter(shared.items()))
    count = sum(map(len, shared.values()))
    return [image for image in images if image.id not in shared], [
        f"{count_noun(count, 'image')} of {file.name} share an id with another image (id {key}: "
        f"{list_first(group)}), so that nobody knows whose the annotations are: number the images "
        "anew"
    ]


def _group(
    content: CocoFile, file: Path
) -> tuple[dict[Identity | None, list[Annotation]], list[str]]:
    """The annotations by image, without those of no image, which are said."""
    known = {image.id for image in content.images}
    groups: dict[Identity | None, list[Annotation]] = defaultdict(list)
    strays: list[str] = []
    for annotation in content.annotations:
        if annotation.image_id in known:
            groups[annotation.image_id].append(annotation)
        else:
            strays.append(str(annotation.id))
    if not strays:
        return groups, []
    return groups, [
        f"{count_noun(len(strays), 'annotation')} of {file.name} belong to no image in the file "
        f"({list_first(strays)})"
    ]


def _describe_repeats(
    content: CocoFile, file: Path, found: Mapping[Path, Sequence[CocoImage]]
) -> list[str]:
    """Notes on images with several ids, and on annotations that share one."""
    notes = []
    several = [path.name for path, group in found.items() if len({one.id for one in group}) > 1]
    if several:
        notes.append(
            f"{count_noun(len(several), 'image')} of {file.name} under more than one id "
            f"({list_first(several)}): the annotations of all of them are its."
        )
    counts = Counter(one.id for one in content.annotations if one.id is not None)
    repeated = [str(key) for key, count in counts.items() if count > 1]
    if repeated:
        notes.append(
            f"{count_noun(len(repeated), 'annotation id')} of {file.name} given more than once "
            f"({list_first(repeated)}): each annotation is an object of its own."
        )
    return notes
