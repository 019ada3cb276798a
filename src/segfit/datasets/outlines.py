"""The outlines that segfit writes of an image, beside it: polygons JSON, GeoJSON, SVG.

A file is called like its image, ``X_polygons.json``, ``X.geojson`` or ``X.svg`` beside ``X.jpg``.
GeoJSON of QuPath, whose coordinates are pixels, too, is read as well, also as ``X_qupath.geojson``.
That of maps, slides and other large images is not, see ``layers``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from segfit.basics.geometry import Ring, fill_window
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, Layout, find_splits
from segfit.datasets.masks.embedded import read_embedded_text
from segfit.datasets.painting import PaintedObject, check_points, paint_readable
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError
from segfit.imaging.find import list_images
from segfit.imaging.read import read_image

RINGS = re.compile(r"M([^MZ]*)Z")


@dataclass(frozen=True)
class Outline:
    """An outline by its class; ``order`` of the class where it is known, ``is_object`` whether it
    is one object. ``rings``: as they are written. ``fault``: why it cannot be used, if so.
    """

    name: str
    order: int | None
    is_object: bool
    rings: Any
    fault: str | None = None


def parse_polygons(text: str) -> list[Outline]:
    """The regions of ``X_polygons.json``."""
    regions = json.loads(text)["regions"]
    return [_describe(region, region["polygon"]) for region in regions]


def parse_geojson(text: str) -> list[Outline]:
    """The polygons of a feature collection, or of QuPath's list of features."""
    content = json.loads(text)
    features = content if isinstance(content, list) else content["features"]
    return [_describe_feature(feature) for feature in features]


def _describe_feature(feature: Mapping[str, Any]) -> Outline:
    geometry, properties = feature["geometry"], feature["properties"]
    rings = geometry["coordinates"]
    if geometry["type"] == "MultiPolygon":
        rings = [ring for polygon in rings for ring in polygon]
    elif geometry["type"] != "Polygon":
        return Outline("", None, False, rings, f"is a {geometry['type']}, which has no area")
    if "class" not in properties:
        properties = {"class": (properties.get("classification") or {}).get("name"), "object": 1}
    if properties["class"] is None:
        return Outline("", None, False, rings, "has no class")
    return _describe(properties, rings)


def parse_svg(text: str) -> list[Outline]:
    """The paths that name their class, as segfit's do."""
    outlines = []
    for path in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}path"):
        known = {key.removeprefix("data-"): value for key, value in path.attrib.items()}
        rings = [
            [[float(value) for value in point.split(",")] for point in ring.split()]
            for ring in RINGS.findall(path.attrib["d"])
        ]
        outlines.append(_describe(known, rings))
    return outlines


PARSERS: Mapping[str, Callable[[str], list[Outline]]] = {
    "_polygons.json": parse_polygons,
    "_qupath.geojson": parse_geojson,
    ".geojson": parse_geojson,
    ".svg": parse_svg,
}


def read_outlines(path: Path) -> list[Outline]:
    """The outlines of a file; SegfitError for one that holds something else."""
    parse = next(parse for ending, parse in PARSERS.items() if path.name.endswith(ending))
    text = read_text_file(path)
    try:
        return parse(text)
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError) as error:
        raise SegfitError(
            f"{path} holds no outlines with their classes ({type(error).__name__}: {error}): write "
            "it again, or move it away"
        ) from None


def find_outlined_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images that have a file of outlines beside them; None where there is none.

    The classes are those that occur, in the order of the model's where it is known, else of the
    alphabet. Raises SegfitError for a folder with two kinds of files of outlines.
    """
    splits = find_splits(root, is_split=lambda folder: bool(_list_outlines(folder)))
    if not splits:
        return None
    files = {split: _list_outlines(folder) for split, folder in splits.items()}
    outlines: list[Outline] = []
    reasons: list[str] = []
    for file in (file for of_split in files.values() for file in of_split.values()):
        try:
            read = read_outlines(file)
        except SegfitError as error:  # the scan names it
            if strict:
                raise
            reasons.append(str(error))
            continue
        outlines += [one for one in read if one.fault is None]
        reasons += [f"{file}: an outline {one.fault}" for one in read if one.fault is not None]
    order = {one.name: -1 if one.order is None else one.order for one in outlines}
    grounds = {name for name in order if name.lower() in BACKGROUND_NAMES}
    names = sorted(order.keys() - grounds, key=lambda name: (order[name], name))
    objects = {one.name for one in outlines if one.is_object}
    if not names:
        why = f" ({reasons[0]})" if reasons else ""
        raise SegfitError(f"{root}: no file of outlines has an outline of a class{why}: draw some")
    table = ClassTable.from_names(
        ("background", *names),
        object_classes=tuple(k for k, name in enumerate(names, start=1) if name in objects),
    )
    class_of = {name: k for k, name in enumerate(names, start=1)} | dict.fromkeys(grounds, 0)
    notes = [f"Classes of the outlines: {', '.join(names)}; the rest is background."]
    sources: dict[str, tuple[Source, ...]] = {}
    for split, folder in splits.items():
        images = _index_images(folder)
        pairs = {stem: file for stem, file in files[split].items() if stem in images}
        bare = [path.name for stem, path in images.items() if stem not in pairs]
        if bare:
            notes.append(
                f"{count_noun(len(bare), 'image')} in {folder} without outlines "
                f"({list_first(bare)}), left out."
            )
        sources[split] = tuple(
            Source(stem, partial(read_outlined_image, images[stem], file, class_of))
            for stem, file in pairs.items()
        )
    return Finding(table, sources, notes=tuple(notes))


def read_outlined_image(image_path: Path, file: Path, class_of: Mapping[str, int]) -> Reading:
    """Read an image and fill its outlines, by the even-odd rule, in their order."""
    image = read_image(image_path)
    height, width = image.shape[:2]
    outlines = read_outlines(file)

    def fill(index: int) -> PaintedObject:
        fault = outlines[index].fault
        if fault is not None:
            raise SegfitError(f"{file}: outline {index + 1} {fault}: delete or correct it")
        where = f"{file}: outline {index + 1} ('{outlines[index].name}')"
        rings = [_read_ring(ring, where) for ring in outlines[index].rings]
        for ring in rings:
            check_points(ring, height=height, width=width, where=where)
        mask, corner = fill_window(rings, height=height, width=width)
        return PaintedObject(mask, class_of[outlines[index].name], index + 1, corner)

    return paint_readable(image, len(outlines), fill)


def _describe(known: Mapping[str, Any], rings: Any) -> Outline:
    label = known.get("label")
    is_object = known.get("object") is not None
    return Outline(str(known["class"]), None if label is None else int(label), is_object, rings)


def _read_ring(ring: Any, where: str) -> Ring:
    try:
        return np.array([point[:2] for point in ring], dtype=np.float64).reshape(-1, 2)
    except (ValueError, TypeError, OverflowError):
        raise SegfitError(f"{where} has points that are not pairs of numbers: delete it") from None


def _list_images(folder: Path) -> list[Path]:
    """The images of a folder without segfit's masks, which are called like their images."""
    return [path for path in list_images(folder) if read_embedded_text(path) is None]


def _index_images(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _list_images(folder):
        if found.setdefault(path.stem, path) != path:
            raise SegfitError(
                f"{folder}: {found[path.stem].name} and {path.name} share a name, by which images "
                "are paired with their outlines: rename one"
            )
    return found


def _list_outlines(folder: Path) -> dict[str, Path]:
    """Files of outlines by the stem of their image, of those that have an image beside them."""
    if not folder.is_dir():
        return {}
    stems = {image.stem for image in _list_images(folder)}
    kinds: dict[str, dict[str, Path]] = {}
    for ending in PARSERS:
        named = {path.name.removesuffix(ending): path for path in sorted(folder.glob(f"*{ending}"))}
        found = {stem: path for stem, path in named.items() if stem in stems}
        if found:
            kinds[ending] = found
    if len(kinds) > 1:
        examples = [next(iter(found.values())).name for found in kinds.values()]
        raise SegfitError(
            f"{folder} has outlines of several kinds ({list_first(examples)}): keep one of them"
        )
    return next(iter(kinds.values()), {})


LAYOUT = Layout("X.geojson, X.svg or X_polygons.json beside X.jpg", find_outlined_images)
