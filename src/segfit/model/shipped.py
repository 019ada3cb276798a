"""The models that come with segfit, by their names."""

from __future__ import annotations

import os
from pathlib import Path

from segfit.errors import SegfitError
from segfit.model.archive import SUFFIX

SHIPPED_MODELS = Path(__file__).parents[1] / "models"


def list_shipped() -> dict[str, Path]:
    """Paths of the shipped models by their names, in alphabetical order."""
    return {path.stem: path for path in sorted(SHIPPED_MODELS.glob(f"*{SUFFIX}"))}


def find_model(model: str | os.PathLike[str]) -> Path:
    """Path of a shipped model by its name, or the path itself."""
    shipped = list_shipped()
    path = Path(model)
    # A folder of data may well be called like a model.
    if not path.is_file() and str(model) in shipped:
        return shipped[str(model)]
    if not path.exists():
        raise SegfitError(
            f"{model}: neither a file nor a shipped model; shipped are: "
            f"{', '.join(shipped) or 'none'}"
        )
    return path
