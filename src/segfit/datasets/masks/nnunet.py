"""nnU-Net's raw data: ``imagesTr/X_0000.png``, ``labelsTr/X.png`` and ``dataset.json``; 2-D."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from segfit.basics.arrays import UInt8Array
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.json_files import read_json_file
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, Layout, check_same_size, index_by_stem
from segfit.datasets.masks.codes import ValueCode, read_coded_mask
from segfit.errors import SegfitError
from segfit.imaging.files import decode_values, open_image_file
from segfit.imaging.read import read_image

DATA_FILE = "dataset.json"
FOLDERS = {"train": ("imagesTr", "labelsTr"), "test": ("imagesTs", "labelsTs")}
VOLUME_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".b2nd")
IGNORE_NAME = "ignore"
RGB_CHANNELS = 3


class DataFile(BaseModel):
    """What is read of ``dataset.json``: classes by name (version 2) or by value (version 1)."""

    labels: dict[str, Any]


def find_nnunet_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the cases with labels; None without ``imagesTr/`` and ``labelsTr/``.

    Raises SegfitError for volumes, for regions of several labels, and for a number of channels
    that is neither one nor three.
    """
    if not all((root / name).is_dir() for name in FOLDERS["train"]):
        return None
    _refuse_volumes(root / FOLDERS["train"][0])
    if not (root / DATA_FILE).is_file():
        raise SegfitError(f"{root} has imagesTr/ and labelsTr/ but no {DATA_FILE}: add it")
    table, code = name_labels(read_json_file(root / DATA_FILE, DataFile, kind="nnU-Net"), root)
    sources: dict[str, tuple[Source, ...]] = {}
    problems: list[str] = []
    for split, (images_name, labels_name) in FOLDERS.items():
        if not (root / labels_name).is_dir() or not (root / images_name).is_dir():
            continue
        cases = list_cases(root / images_name)
        labels = index_by_stem(root / labels_name)
        problems += _describe_lonely(cases, labels, root / images_name)
        sources[split] = tuple(
            Source(case, partial(read_case, channels, labels[case], code))
            for case, channels in cases.items()
            if case in labels
        )
    if problems and (strict or not any(sources.values())):
        raise SegfitError(problems[0])
    ignored = f"; {IGNORE_NAME} = {code.ignored[0]} is ignored" if code.ignored else ""
    note = f"{DATA_FILE} names {len(table)} classes: {', '.join(table.names)}{ignored}."
    return Finding(table, sources, notes=(*(f"{one}." for one in problems), note))


def name_labels(content: DataFile, root: Path) -> tuple[ClassTable, ValueCode]:
    """The classes of ``dataset.json``, by value; the label called "ignore" is none."""
    values: dict[int, str] = {}
    for key, value in content.labels.items():
        name, number = (value, key) if key.isdecimal() else (key, value)
        if isinstance(number, list):
            raise SegfitError(
                f"{root / DATA_FILE}: labels: '{name}' is a region of several labels, and segfit "
                "gives each pixel one class: give each class one number"
            )
        if not str(number).isdecimal() or not isinstance(name, str):
            raise SegfitError(
                f"{root / DATA_FILE}: labels: expected names with numbers, given {name!r}: "
                f"{number!r}"
            )
        values[int(number)] = name
    ignored = tuple(number for number, name in values.items() if name.lower() == IGNORE_NAME)
    kept = {number: values[number] for number in sorted(values) if number not in ignored}
    first = next(iter(kept.values()), "")
    background = 0 if first.lower() in BACKGROUND_NAMES or 0 in kept else None
    table = ClassTable.from_names(tuple(kept.values()), background=background)
    code = ValueCode(tuple((number, i) for i, number in enumerate(kept)), ignored=ignored)
    return table, code


def list_cases(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each case, ``X_0000.png``, ``X_0001.png``, …, in the order of their channels."""
    cases: dict[str, list[Path]] = defaultdict(list)
    for stem, path in index_by_stem(folder).items():
        case, _, channel = stem.rpartition("_")
        if case and channel.isdecimal() and len(channel) == 4:
            cases[case].append(path)
    counts = {case: len(paths) for case, paths in cases.items()}
    odd = [case for case, count in counts.items() if count not in (1, RGB_CHANNELS)]
    if odd:
        raise SegfitError(
            f"{folder}: {count_noun(len(odd), 'case')} with {counts[odd[0]]} channels "
            f"({list_first(odd)}); one or three are read: leave one or three files a case, "
            "numbered from 0000"
        )
    return {case: tuple(paths) for case, paths in cases.items()}


def read_case(channels: tuple[Path, ...], mask: Path, code: ValueCode) -> Reading:
    """Read a case's image, whose channels may lie in files of their own, and its labels."""
    image = read_image(channels[0]) if len(channels) == 1 else read_channels(channels)
    decoded = read_coded_mask(mask, code)
    check_same_size(image.shape[:2], decoded.labels.shape, image_path=channels[0], mask=mask)
    return Reading(image, decoded.labels)


def read_channels(paths: tuple[Path, ...]) -> UInt8Array:
    """Read grey files of one size as the channels of an image (H, W, 3), scaled as one."""
    planes: list[NDArray[Any]] = []
    for path in paths:
        plane = decode_values(open_image_file(path), palette_as_colors=True)
        if plane.ndim == 3 and (plane == plane[..., :1]).all():
            plane = plane[..., 0]
        if plane.ndim != 2 or plane.shape != (planes or [plane])[0].shape:
            raise SegfitError(
                f"{path} is {'×'.join(map(str, plane.shape))}, but the channels of a case are grey "
                "images of one size: correct it"
            )
        planes.append(plane)
    return read_image(np.stack(planes, axis=-1))


def _refuse_volumes(folder: Path) -> None:
    volumes = [path.name for path in sorted(folder.iterdir()) if path.name.endswith(VOLUME_ENDINGS)]
    if volumes:
        raise SegfitError(
            f"{folder} holds volumes ({list_first(volumes)}); segfit segments 2-D images: save the "
            "slices as PNG or TIFF, with their labels under the same names"
        )


def _describe_lonely(
    cases: dict[str, tuple[Path, ...]], labels: dict[str, Path], folder: Path
) -> list[str]:
    groups = {
        "without labels": [case for case in cases if case not in labels],
        "with labels but no image": [case for case in labels if case not in cases],
    }
    return [
        f"{count_noun(len(names), 'case')} in {folder} {what}, left out ({list_first(names)}); an "
        "image is CASE_0000.png, its labels CASE.png"
        for what, names in groups.items()
        if names
    ]


LAYOUT = Layout("imagesTr/, labelsTr/ and dataset.json (nnU-Net, 2-D)", find_nnunet_images)
