"""Images with their layers laid over them, and what of that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun, list_first
from segfit.datasets.layers.choices import LayerChoices
from segfit.datasets.layers.geojson_files import read_geojson
from segfit.datasets.layers.layer import DrawnLayer
from segfit.datasets.layers.opened import OpenRasters
from segfit.datasets.layers.pairs import GEOJSON, Pair
from segfit.datasets.layers.placing import PlacedLayer, place_layer
from segfit.datasets.layers.table_files import read_ogr, read_parquet
from segfit.imaging.scale import Scale

ALIKE = 1.1
"""Pixels whose sizes differ by no more than this factor count as equal."""


@dataclass(frozen=True, eq=False)
class LaidImage:
    """An image, what is drawn over it, and what of the image is to be told.

    ``shape``: (height, width). ``scale``: the size of a pixel, where the image says it. ``layer``:
    all of the layer but its polygons.
    """

    path: Path
    shape: tuple[int, int]
    scale: Scale | None
    layer: DrawnLayer
    placed: PlacedLayer
    notes: tuple[str, ...] = ()

    __repr__ = show_briefly


def lay(pair: Pair, choices: LayerChoices, rasters: OpenRasters) -> LaidImage:
    """Open an image, and lay its layer over it.

    Raises SegfitError where either cannot be read, and as ``place_layer``.
    """
    with rasters.borrow(pair.image) as raster:
        suffix = pair.layer.suffix.lower()
        if suffix == GEOJSON:
            layer = read_geojson(pair.layer, choices, is_on_map=raster.placement is not None)
        elif suffix == ".parquet":
            layer = read_parquet(pair.layer, choices)
        else:
            layer = read_ogr(pair.layer, choices)
        placed = place_layer(layer, raster)
        told = replace(layer, polygons=layer.polygons[:0])  # they are in ``placed``
        return LaidImage(pair.image, raster.shape, raster.scale, told, placed, raster.notes)


def describe_laid(images: Sequence[LaidImage]) -> Iterator[str]:
    """What was converted, mended and left out, a sentence each."""
    moved: dict[str, list[str]] = {}
    faults: Counter[str] = Counter()
    faulty: dict[str, list[str]] = {}
    for image in images:
        yield from (f"{note}." for note in image.notes)
        if image.placed.note:
            moved.setdefault(image.placed.note, []).append(image.layer.file.name)
        own = {f"polygon/{fault}": count for fault, count in image.placed.faults.items()}
        own |= {f"feature/{kind}, left out": count for kind, count in image.layer.left_out.items()}
        faults += Counter(own)
        for fault in own:
            faulty.setdefault(fault, []).append(image.layer.file.name)
    for note, names in moved.items():
        is_system = "→" in note
        yield (
            f"Coordinates were transformed, {note}: {list_first(names)}."
            if is_system
            else f"{note}."
        )
    for fault, count in sorted(faults.items()):
        noun, _, what = fault.partition("/")
        yield f"{count_noun(count, noun)} {what}, in {list_first(faulty[fault])}."
    yield from _compare_scales(images)


def _compare_scales(images: Sequence[LaidImage]) -> Iterator[str]:
    sizes: dict[str, dict[str, float]] = {}
    for image in images:
        if image.scale is not None:
            of_unit = sizes.setdefault(image.scale.unit, {})
            of_unit[image.path.name] = image.scale.unit_per_px
    for unit, by_name in sizes.items():
        low, high = min(by_name, key=by_name.__getitem__), max(by_name, key=by_name.__getitem__)
        if by_name[high] > ALIKE * by_name[low]:
            yield (
                f"Pixels are not of one size, {by_name[low]:g} {unit} in {low} and "
                f"{by_name[high]:g} {unit} in {high}: objects are looked at by pixels, so resample "
                "the images to one size where they are to look alike."
            )
