"""Class probabilities of every pixel as a NumPy archive.

Shapes: ``K`` classes; ``H, W`` the image.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import Float32Array
from segfit.basics.files import FilePath, atomic_path
from segfit.errors import SegfitError
from segfit.formats.format import Content, Format, Result


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
