"""Instances: PNG images whose pixels are numbers of objects."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from segfit.basics.files import FilePath, write_file
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.format import LACKING, Content, Format, Result
from segfit.formats.mask import encode_png

LARGEST_NUMBER = 65_535


def write_instances(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write the objects' numbers as a 16-bit grey PNG of the image's size: 0 is none.

    Raises ``SegfitError`` where no class has objects, and for more than 65,535.
    """
    if not result.classes.object_classes:
        raise SegfitError(f"format instances {LACKING[Content.OBJECTS]}")
    count = int(result.objects.max())
    if count > LARGEST_NUMBER:
        raise SegfitError(
            f"the image has {count} objects, and a 16-bit mask can number {LARGEST_NUMBER}: "
            "write coco, geojson or polygons, or leave small ones out with --min-area"
        )
    numbers = Image.fromarray(result.objects.astype(np.uint16))
    write_file(path, encode_png(numbers, describe_objects(result.classes)), force=force)


def describe_objects(classes: ClassTable) -> str:
    """The one class whose objects the values number, as ``classes.json`` has it.

    Empty where there is another one: its pixels are 0, as those of the background.
    """
    if len(classes) > 2 or classes.background is None:
        return ""
    background, (name,) = (
        classes.names[classes.background],
        (classes.names[index] for index in classes.foreground),
    )
    entries = [{"name": background, "value": 0}, {"name": name}]
    return json.dumps({"classes": entries, "instances": True}, ensure_ascii=False)


FORMAT = Format(
    "instances",
    "number of each pixel's object",
    "_instances.png",
    write_instances,
    needs=frozenset({Content.OBJECTS}),
)
