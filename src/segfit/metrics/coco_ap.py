"""COCO's mask AP, by its own code: the area under precision over recall, over IoU 0.5 to 0.95."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segfit.basics.arrays import Float64Array, Int32Array
from segfit.basics.runs import find_equal_runs

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


@dataclass(eq=False)
class CocoTally:
    """True and predicted objects of many images, as COCO's code wants them."""

    images: list[dict[str, Any]] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)
    most_per_image: int = 0

    def add(self, true: ScoredObjects, predicted: ScoredObjects) -> None:
        """Add an image."""
        height, width = true.grid.shape
        image = len(self.images) + 1
        self.images.append({"id": image, "height": height, "width": width})
        for objects, entries in ((true, self.truth), (predicted, self.found)):
            encoded = _encode(objects.grid, objects.numbers)
            for (runs, area), label, score in zip(
                encoded, objects.classes, objects.scores, strict=True
            ):
                entries.append(
                    {
                        "id": len(entries) + 1,
                        "image_id": image,
                        "category_id": label,
                        "segmentation": runs,
                        "area": area,
                        "bbox": [0, 0, 1, 1],
                        "iscrowd": 0,
                        "score": score,
                    }
                )
        self.most_per_image = max(self.most_per_image, len(predicted.numbers))

    def measure(self, classes: Sequence[int]) -> dict[str, float]:
        """AP, AP at IoU 0.5 and at 0.75, and AP of small, medium and large objects.

        ``classes``: those whose mean is taken. A figure without a true object is NaN. COCO looks at
        the 100 best objects of an image; here it looks at all.
        """
        if not self.truth or not self.found:
            value = 0.0 if self.truth else float("nan")
            return dict.fromkeys(("ap", "ap50", "ap75", *(f"ap_{name}" for name in AREAS)), value)
        precision = _run_coco(self, classes)  # (T, R, K, A, 1)
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


def _run_coco(tally: CocoTally, classes: Sequence[int]) -> Float64Array:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of calls that it has deprecated
        truth, found = COCO(), COCO()
        categories = [{"id": index, "name": str(index)} for index in classes]
        for api, entries in ((truth, tally.truth), (found, tally.found)):
            api.dataset = {"images": tally.images, "categories": categories, "annotations": entries}
            api.createIndex()
        run = COCOeval(truth, found, "segm")
        run.params.maxDets = [max(100, tally.most_per_image)]
        run.evaluate()
        run.accumulate()
    return np.asarray(run.eval["precision"])


def _encode(grid: Int32Array, numbers: Sequence[int]) -> Iterator[tuple[dict[str, Any], int]]:
    """Run lengths of objects, and their areas, by one look at the grid (H, W)."""
    from pycocotools import mask

    height, width = grid.shape
    down = grid.T.ravel()
    starts, lengths = find_equal_runs(down)
    ends = starts + lengths
    order = np.argsort(down[starts], kind="stable")
    firsts = np.searchsorted(down[starts], numbers, sorter=order)
    lasts = np.searchsorted(down[starts], numbers, sorter=order, side="right")
    for first, last in zip(firsts, lasts, strict=True):
        own = order[first:last]
        changes = np.stack([starts[own], ends[own]], axis=1).ravel()
        counts = np.diff(changes, prepend=0, append=down.size)
        runs = {"size": [height, width], "counts": counts.tolist()}
        yield mask.frPyObjects(runs, height, width), int((ends[own] - starts[own]).sum())


def _mean(precision: Float64Array) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")
