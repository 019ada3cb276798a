"""Class probabilities of every pixel as a 16-bit PNG for each class."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from segfit.basics.files import FilePath, check_writable, write_file
from segfit.classes import ClassTable
from segfit.formats.format import Content, Format, Result
from segfit.formats.probabilities import require_probabilities

_PNG_ONE = 65535
"""Value of a 16-bit pixel that stands for probability 1."""


def write_probabilities_png(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write a 16-bit grey PNG for each class, ``STEM_CLASS.png`` beside ``path`` ``STEM.png``.

    65535 stands for probability 1. Raises ``SegfitError`` where the method gives no probabilities.
    """
    probabilities = require_probabilities(result)
    paths = probability_png_paths(path, result.classes)
    for class_path in paths:
        check_writable(class_path, force=force)
    for class_path, plane in zip(paths, probabilities, strict=True):
        values = np.rint(plane * _PNG_ONE).astype(np.uint16)
        data = cv2.imencode(".png", values)[1]
        write_file(class_path, data.tobytes(), force=force)


def probability_png_paths(path: FilePath, classes: ClassTable) -> tuple[Path, ...]:
    """Path of every class's PNG; a class name's characters unfit for file names become ``_``.

    >>> table = ClassTable.from_names(("background", "left eye"))
    >>> [path.name for path in probability_png_paths("face.png", table)]
    ['face_background.png', 'face_left_eye.png']
    """
    path = Path(path)
    parts = [re.sub(r"[^\w.-]+", "_", name) for name in classes.names]
    # Some file systems take upper and lower case for the same.
    if len({part.casefold() for part in parts}) < len(parts):
        parts = [f"{index}_{part}" for index, part in enumerate(parts)]
    return tuple(path.with_name(f"{path.stem}_{part}{path.suffix}") for part in parts)


FORMAT = Format(
    "probabilities-png",
    "every class's probability, as 16-bit PNGs",
    ".png",
    write_probabilities_png,
    files=probability_png_paths,
    needs=frozenset({Content.SCORES}),
)
