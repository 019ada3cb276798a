"""What a COCO file holds, as far as it is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from segfit.datasets.json_files import has_keys, read_json_file
from segfit.errors import SegfitError

NUMBER = re.compile(r"-?[0-9]{1,18}")


def _read_identity(given: object) -> object:
    """The number that a text or a float stands for: tools write ``"7"`` here and ``7`` there."""
    if isinstance(given, str) and NUMBER.fullmatch(given.strip()):
        return int(given)
    if isinstance(given, float) and given.is_integer():
        return int(given)
    return given


Identity = Annotated[int | str, BeforeValidator(_read_identity)]


class Annotation(BaseModel):
    """One object; ``segmentation`` is looked at when its image is read, so that one mistake does
    not cost the file. ``iscrowd`` may be null.
    """

    id: Identity | None = None
    image_id: Identity | None = None
    category_id: Identity | None = None
    segmentation: Any = None
    segments_info: Any = None
    iscrowd: int | None = None


class CocoImage(BaseModel):
    """One image."""

    id: Identity
    file_name: str
    height: int | None = None
    width: int | None = None


class Category(BaseModel):
    """One class."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Identity
    name: str
    supercategory: str | None = None
    isthing: int | None = None


class CocoFile(BaseModel):
    """What is read of a COCO file; its other fields are left alone."""

    images: list[CocoImage]
    annotations: list[Annotation]
    categories: list[Category]


def read_coco_file(path: Path) -> CocoFile:
    """Parse a COCO file; SegfitError names the file and the first wrong field.

    It also names one of COCO's panoptic files, whose outlines are in images of their own.
    """
    content = read_json_file(path, CocoFile, kind="COCO")
    if any(annotation.segments_info is not None for annotation in content.annotations):
        raise SegfitError(
            f"{path} is a panoptic COCO file, which holds no outlines: give the instances' file"
        )
    return content


def is_coco_file(path: Path) -> bool:
    """Whether a JSON file has COCO's keys."""
    return has_keys(path, "images", "annotations")


def names_classes(path: Path) -> bool:
    """Whether a COCO file has categories, which captions have not."""
    return has_keys(path, "categories")
