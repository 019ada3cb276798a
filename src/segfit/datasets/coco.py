"""COCO annotation files: polygons and run lengths, one file for many images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.json_files import has_keys, read_json_file
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, SPLIT_FOLDERS, Layout, find_splits
from segfit.datasets.painting import PaintedObject, paint_objects
from segfit.errors import SegfitError
from segfit.imaging.read import read_image

Identity = int | str


class RunLengths(BaseModel):
    """A mask as run lengths: a compressed string or plain counts, for (height, width)."""

    size: tuple[int, int]
    counts: str | list[int]


class Annotation(BaseModel):
    """One object."""

    id: Identity | None = None
    image_id: Identity
    category_id: Identity
    segmentation: list[list[float]] | RunLengths | None = None
    iscrowd: int = 0


class CocoImage(BaseModel):
    """One image."""

    id: Identity
    file_name: str
    height: int | None = None
    width: int | None = None


class Category(BaseModel):
    """One class."""

    id: Identity
    name: str
    isthing: int = 1


class CocoFile(BaseModel):
    """What is read of a COCO file; its other fields are left alone."""

    images: list[CocoImage]
    annotations: list[Annotation]
    categories: list[Category]


def find_annotated_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images of the COCO files in ``annotations/``; None where there are no such files."""
    files = find_annotation_files(root)
    return find_coco_images(files, strict=strict) if files else None


def find_lone_files(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the images of a COCO file, or of those in a folder or its splits; None without one."""
    if root.suffix.lower() == ".json" and root.is_file():
        return find_coco_images({"train": root}, strict=strict)
    splits = find_splits(root, is_split=_holds_coco)
    files = {split: _find_coco_file(folder) for split, folder in splits.items()}
    return find_coco_images(files, strict=strict) if files else None


def find_annotation_files(root: Path) -> dict[str, Path]:
    """The COCO files of ``annotations/*.json`` by split: "train", "val" or "test" is in their name.

    A single file is "train" whatever its name. Empty where there is none.
    """
    files = sorted((root / "annotations").glob("*.json"))
    if len(files) == 1 and _find_split(files[0]) is None:
        return {"train": files[0]}
    splits: dict[str, Path] = {}
    for file in files:
        split = _find_split(file)
        if split is None or split in splits:
            other = f" beside {splits[split].name}" if split else ""
            raise SegfitError(
                f"{file}: cannot tell which split this is{other}; each split has one file with "
                "train, val or test in its name: rename or move the others, or give one file"
            )
        splits[split] = file
    return splits


def find_coco_images(files: Mapping[str, Path], *, strict: bool) -> Finding:
    """Read COCO files and find their images; the categories, by id, follow the background."""
    contents = {split: read_coco_file(file) for split, file in files.items()}
    if any(isinstance(a.segmentation, list) for c in contents.values() for a in c.annotations):
        import_mask_api()  # say at once that it is missing, not once per image
    table, class_of = _collect_classes(contents)
    splits: dict[str, tuple[Source, ...]] = {}
    notes: list[str] = []
    for split, content in contents.items():
        splits[split], split_notes = _collect_sources(
            content, files[split], class_of, strict=strict
        )
        notes += split_notes
    notes.append(f"Classes of the COCO file: {', '.join(table.names)}.")
    return Finding(table, splits, notes=tuple(notes))


def read_coco_file(path: Path) -> CocoFile:
    """Parse a COCO file; SegfitError names the file and the first wrong field."""
    return read_json_file(path, CocoFile, kind="COCO")


def is_coco_file(path: Path) -> bool:
    """Whether a JSON file has COCO's keys."""
    return has_keys(path, "images", "annotations")


def read_coco_image(
    path: Path,
    entry: CocoImage,
    annotations: tuple[Annotation, ...],
    class_of: Mapping[Identity, int],
) -> Reading:
    """Read an image and paint its annotations in their order; crowds become ignored pixels."""
    image = read_image(path)
    height, width = image.shape[:2]
    if (entry.height or height, entry.width or width) != (height, width):
        raise SegfitError(
            f"{path}: annotated at {entry.height}×{entry.width} but the image is {height}×{width}: "
            "resize the image, or annotate it again"
        )
    return paint_objects(
        image,
        (
            PaintedObject(
                decode_segmentation(annotation, height=height, width=width, path=path),
                IGNORE if annotation.iscrowd else class_of[annotation.category_id],
                number,
            )
            for number, annotation in enumerate(annotations, start=1)
        ),
    )


def decode_segmentation(
    annotation: Annotation, *, height: int, width: int, path: Path
) -> BoolArray:
    """Pixels (H, W) of an annotation, as pycocotools fills them; several pieces are united."""
    where = f"{path}: annotation {annotation.id}"
    segmentation = annotation.segmentation
    if not segmentation:
        raise SegfitError(
            f"{where} has no segmentation: outline the object, or delete the annotation"
        )
    if isinstance(segmentation, RunLengths):
        if segmentation.size != (height, width):
            raise SegfitError(
                f"{where} is for {segmentation.size[0]}×{segmentation.size[1]} px but the image is "
                f"{height}×{width}: export it again"
            )
        runs = decode_counts(segmentation.counts)
        if runs.sum() != height * width or runs.min() < 0:
            raise SegfitError(
                f"{where}: its run lengths do not add up to the image's pixels: export it again"
            )
        return fill_runs(runs, height=height, width=width)
    for polygon in segmentation:
        if len(polygon) < 6 or len(polygon) % 2:
            raise SegfitError(
                f"{where} has a polygon of {len(polygon)} numbers; a polygon is x, y of at least 3 "
                "points: correct or delete it"
            )
    mask_api = import_mask_api()
    united = mask_api.merge(mask_api.frPyObjects(segmentation, height, width))
    return fill_runs(decode_counts(united["counts"].decode()), height=height, width=width)


def decode_counts(counts: str | list[int]) -> Int64Array:
    """Run lengths, of 0 and 1 in turn, from plain counts or from COCO's compressed string.

    The string holds five bits a character, lowest first, as differences to the run before last
    (pycocotools, ``rleFrString``; its own ``decode`` raises a NumPy deprecation warning).
    """
    if isinstance(counts, list):
        return np.array(counts, dtype=np.int64)
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts.encode():
        bits = character - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            value -= (bits & 0x10) << (shift - 4)  # the sign, extended
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return np.array(runs, dtype=np.int64)


def fill_runs(runs: Int64Array, *, height: int, width: int) -> BoolArray:
    """Pixels (H, W) of run lengths, which go down the columns."""
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def import_mask_api() -> Any:
    """Import pycocotools, or say how to install it."""
    try:
        from pycocotools import mask
    except ImportError:
        raise SegfitError(
            'reading COCO files needs pycocotools: pip install "segfit[train]"'
        ) from None
    return mask


def _holds_coco(folder: Path) -> bool:
    return folder.is_dir() and any(is_coco_file(file) for file in folder.glob("*.json"))


def _find_coco_file(folder: Path) -> Path:
    files = [file for file in sorted(folder.glob("*.json")) if is_coco_file(file)]
    if len(files) > 1:
        raise SegfitError(
            f"{folder} holds {len(files)} COCO files ({', '.join(file.name for file in files)}): "
            "give the one that you mean"
        )
    return files[0]


def _find_split(file: Path) -> str | None:
    for split, names in SPLIT_FOLDERS.items():
        if any(name in file.stem.lower() for name in names):
            return split
    return None


def _collect_classes(
    contents: Mapping[str, CocoFile],
) -> tuple[ClassTable, dict[Identity, int]]:
    categories: dict[Identity, str] = {}
    stuff: set[Identity] = set()
    for content in contents.values():
        for category in content.categories:
            if categories.setdefault(category.id, category.name) != category.name:
                raise SegfitError(
                    f"category {category.id} is '{categories[category.id]}' in one file and "
                    f"'{category.name}' in another: make the files agree"
                )
            if not category.isthing:
                stuff.add(category.id)
    ordered = sorted(categories, key=lambda identity: (isinstance(identity, str), identity))
    objects = [key for key in ordered if categories[key].lower() not in BACKGROUND_NAMES]
    object_classes = [number for number, key in enumerate(objects, start=1) if key not in stuff]
    names = ("background", *(categories[key] for key in objects))
    table = ClassTable.from_names(names, object_classes=tuple(object_classes))
    return table, {key: objects.index(key) + 1 if key in objects else 0 for key in ordered}


def _collect_sources(
    content: CocoFile, file: Path, class_of: Mapping[Identity, int], *, strict: bool
) -> tuple[tuple[Source, ...], list[str]]:
    annotations: dict[Identity, list[Annotation]] = defaultdict(list)
    for annotation in content.annotations:
        if annotation.category_id not in class_of:
            raise SegfitError(
                f"{file}: annotation {annotation.id} has category {annotation.category_id}, which "
                "is not among the categories: add it there"
            )
        annotations[annotation.image_id].append(annotation)
    search = _ImageSearch(file.parent)
    found = [(image, search.find(image.file_name)) for image in content.images]
    missing = [image.file_name for image, path in found if path is None]
    problems = []
    if missing:
        problems.append(
            f"{count_noun(len(missing), 'image')} of {file.name} not found near {file.parent} "
            f"({list_first(missing)}): put them beside the file or in images/"
        )
    known = {image.id for image in content.images}
    strays = sum(len(group) for key, group in annotations.items() if key not in known)
    if strays:
        problems.append(
            f"{count_noun(strays, 'annotation')} of {file.name} belong to no image in the file"
        )
    if problems and (strict or len(missing) == len(found)):
        raise SegfitError(problems[0])
    names = _name_images([path for _, path in found if path is not None])
    sources = tuple(
        Source(
            names[path],
            partial(read_coco_image, path, image, tuple(annotations[image.id]), dict(class_of)),
        )
        for image, path in found
        if path is not None
    )
    notes = [f"{problem}." for problem in problems]
    bare = [names[path] for image, path in found if path and not annotations[image.id]]
    if bare:
        notes.append(
            f"{count_noun(len(bare), 'image')} of {file.name} without annotations "
            f"({list_first(bare)}), taken as background throughout."
        )
    return sources, notes


def _name_images(paths: Sequence[Path]) -> dict[Path, str]:
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return dict(zip(paths, stems, strict=True))
    return {path: path.as_posix() for path in paths}


class _ImageSearch:
    """Finds images near an annotation file: by path, else by name anywhere in its data folder."""

    def __init__(self, folder: Path) -> None:
        resolved = folder.resolve()
        bases = (folder, resolved.parent, resolved.parent.parent)
        self._bases = [base / sub for base in bases for sub in ("", "images")]
        self._root = resolved.parent if resolved.name == "annotations" else folder
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, file_name: str) -> Path | None:
        relative = Path(file_name.replace("\\", "/"))
        for tail in (relative, Path(relative.name)):
            for base in self._bases:
                if (base / tail).is_file():
                    return base / tail
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for path in self._root.rglob("*"):
                self._by_name[path.name].append(path)
        matches = self._by_name.get(relative.name, [])
        if len(matches) > 1:
            raise SegfitError(
                f"{file_name}: {len(matches)} files of this name under {self._root} "
                f"({list_first([str(match) for match in matches])}): give file_name with its folder"
            )
        return matches[0] if matches else None


IN_ANNOTATIONS = Layout("annotations/*.json (COCO)", find_annotated_images)
LAYOUT = Layout("a COCO .json file", find_lone_files)
