"""Slides and maps with a layer of polygons beside them, as a layout of labelled data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import IGNORE
from segfit.datasets.image_search import name_images
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layers.choices import LayerChoices, read_choices
from segfit.datasets.layers.laid import LaidImage, describe_laid, lay
from segfit.datasets.layers.meanings import AREA_RANK, NAMED_AREAS, Meanings, find_meanings
from segfit.datasets.layers.opened import OpenRasters
from segfit.datasets.layers.pairs import FoundPairs, find_pairs
from segfit.datasets.layers.sources import LayeredImage, list_sources
from segfit.datasets.layout import Layout
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.errors import SegfitError

SPLITS = ("train", "val", "test")


def find_layered_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images with a layer beside them, and the windows of these in which labels are.

    The classes are those that occur, by the alphabet, or those that ``classes.json`` names. Layers
    that cannot be used are left out by name, or raise SegfitError where ``strict``, and where none
    is left. Also raises it for classes as ``find_meanings``.
    """
    found = find_pairs(root)
    if found is None:
        return None
    choices = read_choices(root if root.is_dir() else root.parent)
    rasters = OpenRasters()
    laid: dict[str, list[LaidImage]] = {split: [] for split in found.pairs}
    faulty: dict[str, list[Source]] = {split: [] for split in found.pairs}
    left_out: list[str] = []
    for split, pairs in found.pairs.items():
        for pair in pairs:
            try:
                laid[split].append(lay(pair, choices, rasters))
            except SegfitError as error:  # the scan names it
                if strict:
                    raise
                left_out.append(str(error))
                faulty[split].append(Source(pair.image.stem, _Refusal(str(error))))
    images = [image for of_split in laid.values() for image in of_split]
    if not images:
        others = f" (and {len(left_out) - 1} more such layers)" if len(left_out) > 1 else ""
        raise SegfitError(f"{left_out[0]}{others}")
    meanings = find_meanings(images, choices, root)
    names = dict(zip(images, name_images([image.path for image in images]), strict=True))
    base = 0 if choices.unlabelled == "background" else IGNORE
    layered = {
        split: [
            LayeredImage(image, names[image], meanings, rasters, base=base) for image in of_split
        ]
        for split, of_split in laid.items()
    }
    sources, side_px = list_sources(layered, is_split=found.is_split)
    count = sum(map(len, sources.values()))
    notes = [
        *_describe_found(images, meanings, choices, count, side_px),
        *describe_laid(images),
        *_describe_bare(found),
    ]
    splits = {
        split: (*sources.get(split, ()), *faulty.get(split, ()))
        for split in sorted({*sources, *faulty}, key=SPLITS.index)
    }
    return Finding(meanings.table, splits, notes=tuple(notes))


@dataclass(frozen=True)
class _Refusal:
    """What is read of an image that cannot be used."""

    reason: str

    def __call__(self) -> Reading:
        raise SegfitError(self.reason)


def _describe_found(
    images: Sequence[LaidImage],
    meanings: Meanings,
    choices: LayerChoices,
    count: int,
    side_px: int,
) -> Iterator[str]:
    total = sum(len(image.placed.polygons) for image in images)
    sources = sorted({image.layer.source for image in images})
    table = meanings.table
    yield (
        f"{count_noun(total, 'polygon')} over {count_noun(len(images), 'image')}, which are looked "
        f"at in {count_noun(count, 'window')} of up to {side_px} px."
    )
    classes = [name for place, name in enumerate(table.names) if place != table.background]
    objects = [table.names[place] for place in table.object_classes]
    told = f"; objects are told apart of {', '.join(objects)}" if objects else ""
    yield f"Classes of the polygons ({list_first(sources)}): {', '.join(classes)}{told}."
    if choices.unlabelled == "background":
        yield f"What no polygon covers is background, as {CLASS_FILE_NAME} says."
    elif meanings.has_areas:
        areas = [name for name, rank in meanings.rank_of.items() if rank == AREA_RANK]
        yield (
            f"What no polygon covers is background within areas ({', '.join(sorted(areas))}), and "
            "ignored elsewhere."
        )
    else:
        yield (
            "What no polygon covers is ignored: nothing says where all is labelled. To make it "
            f"background, draw areas, of a class called {NAMED_AREAS}, around what is, or write "
            f'{{"unlabelled": "background"}} to {CLASS_FILE_NAME}.'
        )


def _describe_bare(found: FoundPairs) -> Iterator[str]:
    if found.bare:
        names = list_first([path.name for path in found.bare])
        yield f"{count_noun(len(found.bare), 'image')} without a layer ({names}), left out."


LAYOUT = Layout(
    "ortho.gpkg, .fgb, .shp, .parquet or .geojson beside ortho.tif, a slide or a map",
    find_layered_images,
)
