"""VGG Image Annotator (VIA 1 and 2): a JSON file of regions by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, RootModel, field_validator, model_validator

from segfit.basics.arrays import BoolArray
from segfit.basics.geometry import fill_polygon
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.image_search import ImageSearch, describe_missing, name_images
from segfit.datasets.json_files import has_keys, load_values, read_json_file
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, Layout, find_splits
from segfit.datasets.painting import PaintedObject, check_points, fill_ellipse, paint_readable
from segfit.errors import SegfitError
from segfit.imaging.read import read_image

PROJECT_KEY = "_via_img_metadata"
VERSION_3_KEYS = ("project", "attribute", "metadata", "view")
CLASS_ATTRIBUTES = ("class", "label", "category")
"""An attribute of such a name says the class, whatever others there are."""
ONLY_CLASS = "object"


class ViaRegion(BaseModel):
    """A region: its shape, and what is said of it."""

    shape_attributes: dict[str, Any]
    region_attributes: dict[str, Any] = {}


class ViaImage(BaseModel):
    """An image; VIA 1 numbers its regions, VIA 2 lists them."""

    filename: str
    regions: list[ViaRegion]

    @field_validator("regions", mode="before")
    @classmethod
    def list_regions(cls, given: Any) -> Any:
        """The regions of a table, in their order."""
        return list(given.values()) if isinstance(given, dict) else given


class ViaFile(RootModel[dict[str, ViaImage]]):
    """The images of a file, by name and size."""

    @model_validator(mode="before")
    @classmethod
    def take_images(cls, given: Any) -> Any:
        """The images of a saved project, which has settings as well."""
        return given.get(PROJECT_KEY, given) if isinstance(given, dict) else given


def find_via_images(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the images of a VIA file, or of those in a folder or its splits; None without one."""
    if root.is_file():
        files = {"train": root} if _is_via_file(root) else {}
    else:
        splits = find_splits(root, is_split=lambda folder: bool(_list_via_files(folder)))
        files = {split: _find_file(folder) for split, folder in splits.items()}
    if not files:
        return None
    contents = {
        split: read_json_file(file, ViaFile, kind="VIA").root for split, file in files.items()
    }
    regions = [
        region
        for images in contents.values()
        for image in images.values()
        for region in image.regions
    ]
    attribute = choose_attribute(regions, next(iter(files.values())))
    labels = {label for region in regions if (label := name_class(region, attribute)) is not None}
    names = sorted(label for label in labels if label.lower() not in BACKGROUND_NAMES)
    table = ClassTable.from_names(
        ("background", *names), object_classes=tuple(range(1, len(names) + 1))
    )
    class_of = {label: names.index(label) + 1 if label in names else 0 for label in labels}
    sources: dict[str, tuple[Source, ...]] = {}
    notes: list[str] = []
    for split, file in files.items():
        images = list(contents[split].values())
        sources[split], missing = _list_sources(file, images, attribute, class_of)
        if missing and (strict or not sources[split]):
            raise SegfitError(describe_missing(missing, file))
        notes += [f"{describe_missing(missing, file)}."] if missing else []
    bare = [i.filename for images in contents.values() for i in images.values() if not i.regions]
    if bare:
        notes.append(
            f"{count_noun(len(bare), 'image')} without regions ({list_first(bare)}), taken as "
            "background throughout."
        )
    lines = sum(region.shape_attributes.get("name") == "polyline" for region in regions)
    if lines:
        notes.append(f"{count_noun(lines, 'polyline')} closed, and read as outlines.")
    said = f"by their attribute '{attribute}'" if attribute else "which have no attributes"
    notes.append(f"Classes of VIA's regions, {said}: {', '.join(names)}; the rest is background.")
    return Finding(table, sources, notes=tuple(notes))


def choose_attribute(regions: Sequence[ViaRegion], file: Path) -> str | None:
    """The attribute that says the class: the only one that is filled in anywhere, or of that name.

    None where the regions have no attributes at all: then they are of one class. Raises SegfitError
    where several could say it, and where none is filled in.
    """
    if not regions:
        raise SegfitError(f"{file} has no regions: outline some objects")
    named = {name for region in regions for name in region.region_attributes}
    filled = Counter(
        name
        for region in regions
        for name, value in region.region_attributes.items()
        if list_values(value)
    )
    if not named:
        return None
    listed = ", ".join(f"'{name}' {filled[name]} times" for name in sorted(named))
    if not filled:
        raise SegfitError(
            f"{file}: {count_noun(len(regions), 'region')}, but no attribute is filled in "
            f"({listed}): say the class of each, or delete the attributes"
        )
    meant = [name for name in filled if name.lower() in CLASS_ATTRIBUTES]
    if len(filled) > 1 and len(meant) != 1:
        raise SegfitError(
            f"{file}: several attributes could be the class of a region ({listed}): call the one "
            "that is 'class', or delete the others"
        )
    return meant[0] if len(meant) == 1 else next(iter(filled))


def list_values(value: Any) -> list[str]:
    """What an attribute says: a text, or the boxes that are ticked."""
    if isinstance(value, dict):
        return [str(key) for key, ticked in value.items() if ticked]
    text = str(value).strip()
    return [text] if text else []


def name_class(region: ViaRegion, attribute: str | None) -> str | None:
    """The class of a region; None where the attribute is empty, or says several things."""
    if attribute is None:
        return ONLY_CLASS
    values = list_values(region.region_attributes.get(attribute, ""))
    return values[0] if len(values) == 1 else None


def read_via_image(
    path: Path, content: ViaImage, attribute: str | None, class_of: Mapping[str, int]
) -> Reading:
    """Read an image and paint its regions in their order."""
    image = read_image(path)
    height, width = image.shape[:2]

    def fill(index: int) -> PaintedObject:
        region = content.regions[index]
        where = f"{content.filename}: region {index + 1}"
        label = name_class(region, attribute)
        if label is None:
            raise SegfitError(f"{where}: '{attribute}' does not say one class: give it one")
        mask = fill_shape(region.shape_attributes, height=height, width=width, where=where)
        return PaintedObject(mask, class_of[label], index + 1)

    return paint_readable(image, len(content.regions), fill)


def fill_shape(shape: Mapping[str, Any], *, height: int, width: int, where: str) -> BoolArray:
    """Pixels (H, W) of a region's shape; SegfitError, which begins with ``where``, for others."""
    name = shape.get("name")
    try:
        if name in ("polygon", "polyline"):
            points = np.array([shape["all_points_x"], shape["all_points_y"]], np.float64).T
        elif name == "rect":
            x, y = float(shape["x"]), float(shape["y"])
            x_end, y_end = x + float(shape["width"]), y + float(shape["height"])
            points = np.array([(x, y), (x_end, y), (x_end, y_end), (x, y_end)])
        elif name in ("circle", "ellipse"):
            center = np.array([shape["cx"], shape["cy"]], np.float64)
            keys = ("r", "r") if name == "circle" else ("rx", "ry")
            radii = np.array([shape[key] for key in keys], np.float64)
            reach = np.array([center - radii.max(), center + radii.max()])
            check_points(reach, height=height, width=width, where=where)
            turned = float(shape.get("theta", 0))
            return fill_ellipse(center, radii, turned, height=height, width=width)
        else:
            raise SegfitError(
                f"{where} is a {name}; polygons, polylines, rectangles, circles and ellipses are "
                "read: draw it as one of these or delete it"
            )
    except (KeyError, TypeError, ValueError) as error:
        raise SegfitError(
            f"{where} cannot be read ({type(error).__name__}: {error}): export it again"
        ) from None
    if len(points) < 3:
        raise SegfitError(f"{where} has {count_noun(len(points), 'point')} and needs 3")
    check_points(points, height=height, width=width, where=where)
    return fill_polygon([points], height=height, width=width)


def _list_sources(
    file: Path,
    images: Sequence[ViaImage],
    attribute: str | None,
    class_of: Mapping[str, int],
) -> tuple[tuple[Source, ...], list[str]]:
    """What reads each image that is found, and those that are not."""
    search = ImageSearch(file)
    found = [(image, search.find(image.filename)) for image in images]
    missing = [image.filename for image, path in found if path is None]
    kept = [(image, path) for image, path in found if path is not None]
    names = name_images([path for _, path in kept])
    return tuple(
        Source(name, partial(read_via_image, path, image, attribute, class_of), path)
        for name, (image, path) in zip(names, kept, strict=True)
    ), missing


def _find_file(folder: Path) -> Path:
    files = _list_via_files(folder)
    if len(files) > 1:
        raise SegfitError(
            f"{folder} holds {len(files)} VIA files ({list_first([file.name for file in files])}): "
            "give the one that you mean"
        )
    return files[0]


def _list_via_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.json")) if _is_via_file(file)]


def _is_via_file(path: Path) -> bool:
    """Whether a file is VIA's; SegfitError for one of VIA 3, which is a format of its own."""
    if path.suffix.lower() != ".json":
        return False
    if has_keys(path, *VERSION_3_KEYS):
        raise SegfitError(
            f"{path} is a project of VIA 3, which is not read: draw in VIA 2, or export COCO"
        )
    if has_keys(path, PROJECT_KEY):
        return True
    content = load_values(path)
    return bool(content) and all(
        isinstance(value, dict) and {"filename", "regions"} <= value.keys() for value in content
    )


LAYOUT = Layout("a .json file of VIA", find_via_images)
