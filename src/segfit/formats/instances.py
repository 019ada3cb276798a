"""Instances: PNG images whose pixels are numbers of objects."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.files import FilePath, write_file
from segfit.errors import SegfitError
from segfit.formats.format import LACKING, Content, Format, Result

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
    data = cv2.imencode(".png", result.objects.astype(np.uint16))[1]
    write_file(path, data.tobytes(), force=force)


FORMAT = Format(
    "instances",
    "number of each pixel's object",
    "_instances.png",
    write_instances,
    needs=frozenset({Content.OBJECTS}),
)
