"""COCO's mask AP, by its own code: the area under precision over recall, over IoU 0.5 to 0.95."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segfit.basics.arrays import Float64Array, Int32Array
from segfit.basics.runs import find_equal_runs
from segfit.basics.show import show_briefly

AREAS = {"small": 1, "medium": 2, "large": 3}
"""COCO's ranges of an object's area, below 32² px, up to 96² px, and above, by their place."""


@dataclass(frozen=True, eq=False)
class ScoredObjects:
    """Objects of an image: (H, W) numbers from 1, and class and score of each in their order.

    ``numbers``: those that ``classes`` and ``scores`` are about; true objects have score 1.
    """

    grid: Int32Array
    numbers: Sequence[int]
    classes: Sequence[int]
    scores: Sequence[float]


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """True and predicted objects of an image, (H, W), as COCO's code wants them."""

    height: int
    width: int
    true: tuple[EncodedObject, ...]
    predicted: tuple[EncodedObject, ...]

    __repr__ = show_briefly


@dataclass(frozen=True)
class EncodedObject:
    """An object as run lengths, with its area in pixels."""

    runs: dict[str, Any]
    area_px: int
    label: int
    score: float


def encode_image(true: ScoredObjects, predicted: ScoredObjects) -> EncodedImage:
    """The objects of an image in little space."""
    height, width = true.grid.shape
    return EncodedImage(height, width, *(tuple(_encode(one)) for one in (true, predicted)))


def measure_coco(images: Sequence[EncodedImage], classes: Sequence[int]) -> dict[str, float]:
    """AP, AP at IoU 0.5 and at 0.75, and AP of small, medium and large objects.

    ``classes``: those whose mean is taken. A figure without a true object is NaN. COCO looks at the
    100 best objects of an image; here it looks at all.
    """
    if not any(one.true for one in images) or not any(one.predicted for one in images):
        value = 0.0 if any(one.true for one in images) else float("nan")
        return dict.fromkeys(("ap", "ap50", "ap75", *(f"ap_{name}" for name in AREAS)), value)
    precision = _run_coco(images, classes)  # (T, R, K, A, 1)
    figures = {
        "ap": _mean(precision[:, :, :, 0]),
        "ap50": _mean(precision[0, :, :, 0]),
        "ap75": _mean(precision[5, :, :, 0]),
    }
    return figures | {f"ap_{name}": _mean(precision[:, :, :, at]) for name, at in AREAS.items()}


def is_installed() -> bool:
    """Whether pycocotools is there, which is COCO's own code."""
    try:
        import pycocotools  # noqa: F401
    except ImportError:
        return False
    return True


def _run_coco(images: Sequence[EncodedImage], classes: Sequence[int]) -> Float64Array:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of calls that it has deprecated
        truth, found = COCO(), COCO()
        categories = [{"id": index, "name": str(index)} for index in classes]
        listed = [
            {"id": number, "height": one.height, "width": one.width}
            for number, one in enumerate(images, start=1)
        ]
        sides = (truth, [one.true for one in images]), (found, [one.predicted for one in images])
        for api, objects in sides:
            entries = list(_list_entries(objects))
            api.dataset = {"images": listed, "categories": categories, "annotations": entries}
            api.createIndex()
        run = COCOeval(truth, found, "segm")
        run.params.maxDets = [max(100, *(len(one.predicted) for one in images))]
        run.evaluate()
        run.accumulate()
    return np.asarray(run.eval["precision"])


def _list_entries(images: Sequence[Sequence[EncodedObject]]) -> Iterator[dict[str, Any]]:
    """The objects of all images as COCO's annotations, images and objects numbered from 1."""
    numbered = ((image, one) for image, objects in enumerate(images, start=1) for one in objects)
    for number, (image, one) in enumerate(numbered, start=1):
        yield {
            "id": number,
            "image_id": image,
            "category_id": one.label,
            "segmentation": one.runs,
            "area": one.area_px,
            "bbox": [0, 0, 1, 1],
            "iscrowd": 0,
            "score": one.score,
        }


def _encode(objects: ScoredObjects) -> Iterator[EncodedObject]:
    """Run lengths of objects, and their areas, by one look at the grid (H, W)."""
    from pycocotools import mask

    height, width = objects.grid.shape
    down = objects.grid.T.ravel()
    starts, lengths = find_equal_runs(down)
    ends = starts + lengths
    order = np.argsort(down[starts], kind="stable")
    firsts = np.searchsorted(down[starts], objects.numbers, sorter=order)
    lasts = np.searchsorted(down[starts], objects.numbers, sorter=order, side="right")
    columns = zip(firsts, lasts, objects.classes, objects.scores, strict=True)
    for first, last, label, score in columns:
        own = order[first:last]
        changes = np.stack([starts[own], ends[own]], axis=1).ravel()
        counts = np.diff(changes, prepend=0, append=down.size)
        runs = {"size": [height, width], "counts": counts.tolist()}
        area_px = int((ends[own] - starts[own]).sum())
        yield EncodedObject(mask.frPyObjects(runs, height, width), area_px, label, score)


def _mean(precision: Float64Array) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")
