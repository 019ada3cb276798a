"""Where COCO files lie, and which split each of them is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.basics.text import list_first
from segfit.datasets.coco.classes import collect_classes
from segfit.datasets.coco.content import is_coco_file, names_classes, read_coco_file
from segfit.datasets.coco.outlines import import_mask_api, is_run_lengths
from segfit.datasets.coco.sources import collect_sources
from segfit.datasets.labelled import Finding
from segfit.datasets.layout import SPLIT_FOLDERS, Layout, find_splits
from segfit.errors import SegfitError

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
PREFERRED = "instances"
"""What COCO itself calls the file of outlines, beside those of captions and keypoints."""


def find_annotated_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images of the COCO files in ``annotations/``; None where there are no such files."""
    folder = root / "annotations"
    files = [file for file in _list_json(folder) if is_coco_file(file)]
    return find_coco_images(_sort_into_splits(files), strict=strict) if files else None


def find_lone_files(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the images of a COCO file, or of those in a folder or its splits; None without one."""
    if root.suffix.lower() == ".json" and root.is_file():
        return find_coco_images({"train": [root]}, strict=strict)
    splits = find_splits(root, is_split=lambda folder: any(map(is_coco_file, _list_json(folder))))
    files = {split: list(filter(is_coco_file, _list_json(f))) for split, f in splits.items()}
    if splits.get("train") == root:
        files = dict(_sort_into_splits(files["train"]))
    return find_coco_images(files, strict=strict) if files else None


def find_coco_images(files: Mapping[str, Sequence[Path]], *, strict: bool) -> Finding:
    """Read the COCO files of each split and find their images.

    Several files of a split are joined, such as one for each image; an image that two of them name
    is an error.
    """
    chosen = {split: _choose_outlines(of_split) for split, of_split in files.items()}
    contents = {file: read_coco_file(file) for group in chosen.values() for file in group}
    if any(
        annotation.segmentation and not is_run_lengths(annotation.segmentation)
        for content in contents.values()
        for annotation in content.annotations
    ):
        import_mask_api()  # say at once that it is missing, not once per image
    classes = collect_classes(contents)
    notes: list[str] = []
    splits = {}
    for split, of_split in chosen.items():
        read = {file: contents[file] for file in of_split}
        splits[split], split_notes = collect_sources(read, classes, strict=strict)
        notes += split_notes
        left = [file.name for file in files[split] if file not in of_split]
        if left:
            notes.append(f"Files that are not of outlines were left out ({list_first(left)}).")
    return Finding(classes.table, splits, notes=(*notes, *classes.notes))


def name_split_of(file: Path) -> str | None:
    """The split that a word of a file's name says; None where none does, or several do.

    >>> name_split_of(Path("instances_val2017.json"))
    'val'
    >>> name_split_of(Path("retrieval_test.json"))
    'test'
    """
    words = {word.lower() for word in WORD.findall(file.stem)}
    named = [split for split, names in SPLIT_FOLDERS.items() if words & set(names)]
    return named[0] if len(named) == 1 else None


def _list_json(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".json")


def _sort_into_splits(files: Sequence[Path]) -> dict[str, list[Path]]:
    """By the words of their names; all are "train" where none has such a word.

    Raises SegfitError where some have and others have not.
    """
    files = _choose_outlines(files)
    split_of = {file: name_split_of(file) for file in files}
    if not any(split_of.values()):
        return {"train": list(files)}
    unclear = [file.name for file, split in split_of.items() if split is None]
    if unclear:
        raise SegfitError(
            f"{files[0].parent}: cannot tell which split {list_first(unclear)} is; beside others "
            "with train, val or test in their names, each file needs one of these words: rename it "
            "or move it away, or give one file"
        )
    return {
        split: of_split
        for split in SPLIT_FOLDERS
        if (of_split := [file for file in files if split_of[file] == split])
    }


def _choose_outlines(files: Sequence[Path]) -> list[Path]:
    """Those that can hold outlines: with categories, and COCO's own ``instances_…`` if any."""
    naming = [file for file in files if names_classes(file)] or list(files)
    return [file for file in naming if file.name.startswith(PREFERRED)] or naming


IN_ANNOTATIONS = Layout("annotations/*.json (COCO)", find_annotated_images)
LAYOUT = Layout("a COCO .json file", find_lone_files)
