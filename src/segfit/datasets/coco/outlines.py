"""The pixels of COCO annotations: polygons and run lengths.

Shapes: ``H, W`` the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.datasets.painting import check_points
from segfit.errors import SegfitError


def decode_segmentation(segmentation: Any, *, height: int, width: int, where: str) -> BoolArray:
    """Pixels (H, W) of a segmentation, as pycocotools fills them; several pieces are united.

    Polygons are lists of x, y; one that is not in a list of its own, or whose points are pairs, is
    read, too. Run lengths are an object of ``size`` and ``counts``. Raises SegfitError, which
    begins with ``where``, for anything else, and for coordinates that no image has.
    """
    if not segmentation:
        raise SegfitError(
            f"{where} has no segmentation: outline the object, or delete the annotation"
        )
    if is_run_lengths(segmentation):
        return _decode_run_lengths(segmentation, height=height, width=width, where=where)
    polygons = [_read_polygon(polygon, where) for polygon in _list_polygons(segmentation)]
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            raise SegfitError(
                f"{where} has a polygon of {len(polygon)} numbers; a polygon is x, y of at least 3 "
                "points: correct or delete it"
            )
        check_points(np.reshape(polygon, (-1, 2)), height=height, width=width, where=where)
    mask_api = import_mask_api()
    united = mask_api.merge(mask_api.frPyObjects(polygons, height, width))
    return fill_runs(decode_counts(united["counts"].decode()), height=height, width=width)


def is_run_lengths(segmentation: Any) -> bool:
    """Whether a segmentation is run lengths and not polygons."""
    return isinstance(segmentation, dict)


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


def _list_polygons(segmentation: Any) -> list[Any]:
    """The polygons of a list that is one itself, by its numbers or its points, or holds some."""
    if not isinstance(segmentation, list):
        return [segmentation]
    pairs = [part for part in segmentation if isinstance(part, list) and len(part) == 2]
    is_one = not isinstance(segmentation[0], list) or (
        len(pairs) == len(segmentation) >= 3 and not isinstance(segmentation[0][0], list)
    )
    return [segmentation] if is_one else segmentation


def _read_polygon(polygon: Any, where: str) -> list[float]:
    """Its numbers: x, y, x, y, …"""
    try:
        return np.asarray(polygon, dtype=np.float64).ravel().tolist()
    except (ValueError, TypeError, OverflowError):
        raise SegfitError(
            f"{where} has a polygon that is not a list of numbers (given {str(polygon)[:60]}): "
            "correct or delete it"
        ) from None


def _decode_run_lengths(
    segmentation: dict[str, Any], *, height: int, width: int, where: str
) -> BoolArray:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        given = "×".join(map(str, size)) if isinstance(size, list) else "no"
        raise SegfitError(
            f"{where} is for {given} px but the image is {height}×{width}: export it again"
        )
    try:
        runs = decode_counts(counts)  # type: ignore[arg-type]  # whatever the file holds
        fits = runs.ndim == 1 and runs.min() >= 0 and runs.sum() == height * width
    except (AttributeError, ValueError, TypeError, OverflowError):
        fits = False
    if not fits:
        raise SegfitError(
            f"{where}: its run lengths do not add up to the image's pixels: export it again"
        )
    return fill_runs(runs, height=height, width=width)
