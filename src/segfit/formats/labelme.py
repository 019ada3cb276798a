"""LabelMe: a JSON file an image, whose shapes LabelMe and its kin can correct.

A region without holes is a polygon; one with holes is a mask, which LabelMe has since 5.3.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path, PurePath

import cv2
import numpy as np

from segfit.basics.files import FilePath
from segfit.formats.format import Format, Result
from segfit.formats.json_text import round_points, write_json
from segfit.formats.region_mask import mask_region
from segfit.result.regions import Region

VERSION = "5.5.0"
"""Of the form; LabelMe asks for one."""


def write_labelme(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write every region but the background's as a shape, in image coordinates.

    ``imagePath`` leads from the file to the image where it is known where that lies.
    """
    height, width = result.labels.shape
    content: dict[str, object] = {
        "version": VERSION,
        "flags": {},
        "shapes": [_describe(region) for region in result.regions],
        "imagePath": _point_to_image(result, Path(path)),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    write_json(content, path, force=force)


def _describe(region: Region) -> dict[str, object]:
    shape: dict[str, object] = {
        "label": region.name,
        "points": round_points(region.polygon[0]),
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }
    if len(region.polygon) > 1:
        mask = mask_region(region)
        height, width = mask.inside.shape
        first, last = (mask.left, mask.top), (mask.left + width - 1, mask.top + height - 1)
        data = cv2.imencode(".png", mask.inside.astype(np.uint8))[1]
        shape |= {
            "points": [list(first), list(last)],
            "shape_type": "mask",
            "mask": base64.b64encode(data.tobytes()).decode(),
        }
    return shape


def _point_to_image(result: Result, path: Path) -> str:
    if result.image_path is None:
        return result.image_name or ""
    image, folder = result.image_path.resolve(), path.resolve().parent
    if image.drive != folder.drive:  # on Windows, nothing leads from one to the other
        return image.as_posix()
    return PurePath(os.path.relpath(image, folder)).as_posix()


FORMAT = Format("labelme", "shapes to correct in LabelMe", ".json", write_labelme, folder="labelme")
