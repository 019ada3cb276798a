"""Class probabilities of every pixel as a NumPy archive.

Shapes: ``K`` classes; ``H, W`` the image.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segfit.arrays import Float16Array, Float32Array
from segfit.errors import SegfitError
from segfit.files import FilePath, atomic_path
from segfit.formats.format import Content, Format, Result


@dataclass(frozen=True)
class ClassProbabilities:
    """``values``: (K, H, W) float16, 0 to 1. ``class_names``: K names in the same order."""

    values: Float16Array
    class_names: tuple[str, ...]


def write_probabilities_npz(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write ``probabilities`` (K, H, W) float16 and ``class_names`` (K,) as a NumPy archive.

    Raises ``SegfitError`` where the method gives no probabilities.
    """
    probabilities = require_probabilities(result)
    with atomic_path(path, force=force) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            probabilities=probabilities.astype(np.float16),
            class_names=np.array(result.classes.names),
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


def require_probabilities(result: Result) -> Float32Array:
    """Probabilities (K, H, W) of a result; raises ``SegfitError`` where there are none."""
    probabilities = result.probabilities
    if probabilities is None:
        raise SegfitError(
            "this method gives labels without probabilities: write a mask, an overlay or JSON, or "
            "use a trained model"
        )
    return probabilities


FORMAT = Format(
    "probabilities-npz",
    "every class's probability, as a NumPy archive",
    ".npz",
    write_probabilities_npz,
    needs=frozenset({Content.SCORES}),
    saved_as=(".npz",),
)
