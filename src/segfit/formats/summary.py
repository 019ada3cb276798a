"""Summaries: what an image holds of every class, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from segfit.basics.files import FilePath, write_file
from segfit.basics.text import encode_text
from segfit.formats.format import Format, Result


def write_summary(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write ``summarise``'s figures as JSON, UTF-8."""
    text = json.dumps(summarise(result), indent=1, ensure_ascii=False)
    write_file(path, encode_text(text + "\n"), force=force)


def summarise(result: Result) -> dict[str, object]:
    """Image, model and size, and for every class its area, share, regions, mean probability.

    ``image`` and ``model`` are None where the result does not know them, and
    ``mean_probability`` where the method gives none or the class is absent. Areas in pixels.
    ``surprise``: above 1 for an image unlike those that the model has learned from, None where that
    is not known.
    """
    height, width = result.labels.shape
    classes = {}
    for entry in result.summary():
        figures = asdict(entry)
        classes[figures.pop("name")] = figures
    return {
        "image": result.image_name,
        "model": result.model_name,
        "width": width,
        "height": height,
        "surprise": result.surprise,
        "classes": classes,
    }


FORMAT = Format("json", "a summary", ".json", write_summary, saved_as=(".json",))
