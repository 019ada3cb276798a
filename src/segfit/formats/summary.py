"""Summaries: what an image holds of every class, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from segfit.files import FilePath, write_file
from segfit.result.segmentation import Segmentation


def write_summary(segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
    """Write ``summarise``'s figures as JSON, UTF-8."""
    text = json.dumps(summarise(segmentation), indent=1, ensure_ascii=False)
    write_file(path, (text + "\n").encode(), force=force)


def summarise(segmentation: Segmentation) -> dict[str, object]:
    """Image, model and size, and for every class its area, share, regions, mean probability.

    ``image`` and ``model`` are None where the segmentation does not know them, and
    ``mean_probability`` where the method gives none or the class is absent. Areas in pixels.
    """
    height, width = segmentation.labels.shape
    classes = {}
    for entry in segmentation.summary():
        figures = asdict(entry)
        classes[figures.pop("name")] = figures
    return {
        "image": segmentation.image_name,
        "model": segmentation.model_name,
        "width": width,
        "height": height,
        "classes": classes,
    }
