"""Which images have a layer beside them, and which layers are to be read window by window."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.show import show_briefly
from segfit.basics.text import list_first
from segfit.datasets.layout import find_splits, list_folders, name_pair, name_split
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError
from segfit.imaging.find import IMAGE_SUFFIXES, OTHER_SUFFIXES
from segfit.imaging.raster.geo_windows import find_world_file
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.sample import SAMPLED_PX
from segfit.imaging.raster.slide_windows import SLIDE_SUFFIXES
from segfit.imaging.raster.zarr_windows import is_zarr

TABLES = (".gpkg", ".fgb", ".shp", ".parquet")
"""Suffixes of layers that nothing but a geographic information system writes."""
GEOJSON = ".geojson"
QUPATH = "_qupath"
"""Before the suffix of GeoJSON, where segfit wrote it."""
MAP_SUFFIXES = frozenset({".vrt", ".img", ".ecw", ".sid", ".asc", ".bil"})
IMAGES = IMAGE_SUFFIXES | OTHER_SUFFIXES | SLIDE_SUFFIXES | MAP_SUFFIXES
WHOLE = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif"})
"""Of images that are always decoded whole."""
MARKS = re.compile(r'"Region\*"|"Ignore\*"|"crs"\s*:\s*[{"]')
"""In GeoJSON that only makes sense over a slide or a map."""


@dataclass(frozen=True)
class Pair:
    """An image and the layer beside it."""

    image: Path
    layer: Path


@dataclass(frozen=True, eq=False)
class FoundPairs:
    """The pairs of each split, and the images without a layer.

    ``is_split``: whether the folders say the splits.
    """

    pairs: Mapping[str, tuple[Pair, ...]]
    bare: tuple[Path, ...]
    is_split: bool

    __repr__ = show_briefly


def find_pairs(root: Path) -> FoundPairs | None:
    """The pairs in a folder, in its splits, or in its subfolders; or that of a file.

    None where there is none, or where all are ordinary images with outlines in pixels. Raises
    SegfitError for an image with several layers, and a layer with several images.
    """
    if root.is_file():
        pairs = [pair for pair in _list_pairs(root.parent) if root in (pair.image, pair.layer)]
        found = {"train": pairs} if pairs else {}
        return _check(found, (), is_split=False)
    splits = find_splits(root, is_split=lambda folder: bool(_list_pairs(folder)))
    if splits and splits.get("train") != root:
        pairs_of = {split: _list_pairs(folder) for split, folder in splits.items()}
        bare = [path for folder in splits.values() for path in _list_bare(folder)]
        return _check(pairs_of, bare, is_split=True)
    folders = [root] if splits else [one for one in list_folders(root) if not name_split(one.name)]
    pairs = [pair for folder in folders for pair in _list_pairs(folder)]
    used = {pair.image.parent for pair in pairs}
    bare = [path for folder in folders if folder in used for path in _list_bare(folder)]
    return _check({"train": pairs} if pairs else {}, bare, is_split=False)


def find_lone_layer(root: Path) -> Path | None:
    """A layer, at a path or in a folder, that has no image beside it."""
    layers = [root] if root.is_file() else sorted(root.iterdir())
    alone = [path for path in layers if path.suffix.lower() in TABLES[:3] and path.is_file()]
    return next(iter(alone), None)


def _check(
    pairs: Mapping[str, list[Pair]], bare: list[Path] | tuple[Path, ...], *, is_split: bool
) -> FoundPairs | None:
    everything = [pair for of_split in pairs.values() for pair in of_split]
    if not any(_needs_windows(pair) for pair in everything):
        return None
    return FoundPairs(
        {split: tuple(of_split) for split, of_split in pairs.items()}, tuple(bare), is_split
    )


def _list_pairs(folder: Path) -> list[Pair]:
    """The pairs of a folder, by name."""
    if not folder.is_dir():
        return []
    layers: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if path.name.startswith(".") or suffix not in (*TABLES, GEOJSON):
            continue
        stem = name_pair(path)
        layers[stem.removesuffix(QUPATH) if suffix == GEOJSON else stem].append(path)
    if not layers:
        return []
    images: dict[str, list[Path]] = defaultdict(list)
    for path in _list_images(folder):
        images[name_pair(path)].append(path)
    found = []
    for stem in sorted(layers.keys() & images.keys()):
        for several, of_what in ((layers[stem], images[stem][0]), (images[stem], layers[stem][0])):
            if len(several) > 1:
                names = list_first([path.name for path in several])
                raise SegfitError(
                    f"{of_what} goes with several files ({names}): keep one of them, or rename the "
                    "others"
                )
        found.append(Pair(images[stem][0], layers[stem][0]))
    return found


def _list_bare(folder: Path) -> list[Path]:
    with_layer = {pair.image for pair in _list_pairs(folder)}
    return [path for path in _list_images(folder) if path not in with_layer]


def _list_images(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and (path.suffix.lower() in IMAGES or (path.is_dir() and is_zarr(path)))
    ]


def _needs_windows(pair: Pair) -> bool:
    """Whether an image lies on the map, is a slide, or is large; or its layer says such a thing.

    Other images with outlines in GeoJSON are read whole, as they always were.
    """
    if pair.layer.suffix.lower() != GEOJSON:
        return True
    suffix = pair.image.suffix.lower()
    if suffix in SLIDE_SUFFIXES | MAP_SUFFIXES or pair.image.is_dir():
        return True
    if find_world_file(pair.image) is not None or _has_marks(pair.layer):
        return True
    if suffix in WHOLE:
        return False
    try:
        with open_raster(pair.image) as raster:
            height, width = raster.shape
            return raster.placement is not None or height * width > SAMPLED_PX
    except SegfitError:  # whoever reads it says what is wrong
        return False


def _has_marks(layer: Path) -> bool:
    try:
        return MARKS.search(read_text_file(layer)) is not None
    except SegfitError:  # whoever reads it says what is wrong
        return False
