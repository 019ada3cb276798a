"""Class probabilities of every pixel: one ``.npz`` archive, or a 16-bit PNG per class.

Shapes: ``K`` classes; ``H, W`` the image.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segfit.arrays import Float16Array, Float32Array
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.files import FilePath, atomic_path, check_writable, write_file
from segfit.result.segmentation import Segmentation

_PNG_ONE = 65535
"""Value of a 16-bit pixel that stands for probability 1."""


@dataclass(frozen=True)
class ClassProbabilities:
    """``values``: (K, H, W) float16, 0 to 1. ``class_names``: K names in the same order."""

    values: Float16Array
    class_names: tuple[str, ...]


def write_probabilities_npz(
    segmentation: Segmentation, path: FilePath, *, force: bool = False
) -> None:
    """Write ``probabilities`` (K, H, W) float16 and ``class_names`` (K,) as a NumPy archive.

    Raises ``SegfitError`` where the method gives no probabilities.
    """
    probabilities = _require_probabilities(segmentation)
    with atomic_path(path, force=force) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            probabilities=probabilities.astype(np.float16),
            class_names=np.array(segmentation.classes.names),
        )


def read_probabilities_npz(path: FilePath) -> ClassProbabilities:
    """Read what ``write_probabilities_npz`` wrote; raises ``SegfitError`` for any other file."""
    try:
        # Given a name, np.load leaves the file open where the archive is damaged.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return ClassProbabilities(
                values=archive["probabilities"],
                class_names=tuple(str(name) for name in archive["class_names"]),
            )
    # A lone .npy array has no __enter__ (TypeError); the rest is a damaged or foreign archive.
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise SegfitError(
            f"cannot read {path}: {error}; expected an .npz archive of class probabilities as "
            "segfit writes it"
        ) from error


def write_probabilities_png(
    segmentation: Segmentation, path: FilePath, *, force: bool = False
) -> None:
    """Write a 16-bit grey PNG for each class, ``STEM_CLASS.png`` beside ``path`` ``STEM.png``.

    65535 stands for probability 1. Raises ``SegfitError`` where the method gives no probabilities.
    """
    probabilities = _require_probabilities(segmentation)
    paths = probability_png_paths(path, segmentation.classes)
    for class_path in paths:
        check_writable(class_path, force=force)
    for class_path, plane in zip(paths, probabilities, strict=True):
        values = np.rint(plane * _PNG_ONE).astype(np.uint16)
        data = cv2.imencode(".png", values)[1]
        write_file(class_path, data.tobytes(), force=force)


def read_probability_png(path: FilePath) -> Float32Array:
    """Read one class's probabilities, (H, W) float32; raises ``SegfitError`` for other files."""
    try:
        data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise SegfitError(f"cannot read {path}: {error.strerror}") from error
    values = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if values is None or values.dtype != np.uint16 or values.ndim != 2:
        raise SegfitError(f"{path} is not a 16-bit grey PNG, as segfit writes probabilities")
    return np.asarray(values / np.float32(_PNG_ONE), dtype=np.float32)


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


def _require_probabilities(segmentation: Segmentation) -> Float32Array:
    probabilities = segmentation.probabilities
    if probabilities is None:
        raise SegfitError(
            "this method gives labels without probabilities: write a mask, an overlay or JSON, or "
            "use a trained model"
        )
    return probabilities
