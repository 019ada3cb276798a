"""Results of segfit as layers of napari: masks of classes, numbers of objects, stacks of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segfit.datasets.masks.embedded import read_embedded_text
from segfit.errors import SegfitError
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS
from segfit.imaging.tiff import find_series, open_tiff
from segfit.napari.classes import CLASSES, color_classes, parse_classes

LayerData = tuple[Any, dict[str, Any], str]
"""Values, what napari's layer is made with, and its kind."""
Paths = str | Sequence[str]
TIFF_SUFFIXES = (".tif", ".tiff")
SOFTWARE = 305
OURS = "segfit"


def find_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """What reads these files, if all of them are results of segfit; None else."""
    return read_labels if all(map(_is_ours, _list_paths(path))) else None


def read_labels(path: Paths) -> list[LayerData]:
    """A layer of labels for each file, in pixels, as napari's own reader gives the image.

    Raises ``SegfitError`` for a damaged file, and for one larger than 256 megapixels.
    """
    return [
        _read_tiff(one) if one.suffix.lower() in TIFF_SUFFIXES else _read_png(one)
        for one in _list_paths(path)
    ]


def _list_paths(path: Paths) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(one) for one in path]


def _is_ours(path: Path) -> bool:
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return read_embedded_text(path) is not None
    try:
        with open_tiff(str(path), path) as file:
            return bool(file.pages.first.tags.valueof(SOFTWARE) == OURS)
    except (OSError, SegfitError):
        return False


def _read_png(path: Path) -> LayerData:
    with Image.open(path) as image:
        values = np.asarray(image)
    options = {"name": path.stem, **_describe(read_embedded_text(path), path, values)}
    return values, options, "labels"


def _read_tiff(path: Path) -> LayerData:
    with open_tiff(str(path), path) as file:
        series = find_series(str(path), file)
        megapixels = series.size / 1e6
        if megapixels > DEFAULT_MAX_MEGAPIXELS:
            raise SegfitError(
                f"{path} has {megapixels:.0f} megapixels, more than {DEFAULT_MAX_MEGAPIXELS}: open "
                "it with napari's own reader"
            )
        values = np.asarray(series.asarray())
    return values, {"name": path.name.split(".")[0]}, "labels"


def _describe(text: str | None, path: Path, values: Any) -> dict[str, Any]:
    """What is known of a mask's classes; colors where its values are classes."""
    if text is None:
        return {}
    described: dict[str, Any] = {"metadata": {CLASSES: text}}
    if values.dtype == np.uint8:
        described["colormap"] = color_classes(parse_classes(text, path))
    return described
