"""Slides and maps with a layer of polygons beside them, as a layout of labelled data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.image_search import name_images
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layers.choices import LayerChoices, read_choices
from segfit.datasets.layers.laid import LaidImage, describe_laid, lay
from segfit.datasets.layers.layer import Geometries
from segfit.datasets.layers.names import AREAS, fold_name, is_area, is_ignored
from segfit.datasets.layers.opened import OpenRasters
from segfit.datasets.layers.painted import PaintedRaster, PaintedWindow
from segfit.datasets.layers.pairs import FoundPairs, find_pairs
from segfit.datasets.layers.windows import (
    LARGEST_PX,
    LARGEST_SHARE,
    LEAST_WINDOWS,
    SMALLEST_PX,
    PlannedWindow,
    cut_boxes,
    find_patches,
    group_windows,
)
from segfit.datasets.layout import BACKGROUND_NAMES, Layout
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.errors import SegfitError
from segfit.imaging.raster.window import Window

AREA_RANK, CLASS_RANK, IGNORED_RANK = range(3)
"""In what order polygons are painted."""
SPLITS = ("train", "val", "test")
NAMED_AREAS = "Region*, Training or area"


@dataclass(frozen=True)
class Meanings:
    """What the names of polygons stand for.

    ``names``: of classes. ``label_of``: the class that polygons of a name have; ``rank_of``: when
    they are painted.
    """

    table: ClassTable
    label_of: Mapping[str, int]
    rank_of: Mapping[str, int]
    has_areas: bool


def find_layered_images(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the images with a layer beside them, and the windows of these in which labels are.

    The classes are those that occur, by the alphabet, or those that ``classes.json`` names. Layers
    that cannot be used are left out by name, or raise SegfitError where ``strict``, and where none
    is left. Also raises it where polygons are of classes that ``classes.json`` does not name, and
    where they are of a single class and nothing is background.
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
    meanings = _find_meanings(images, choices, root)
    names = dict(zip(images, name_images([image.path for image in images]), strict=True))
    plans = {
        split: [_Plan(image, names[image], meanings, choices, rasters) for image in of_split]
        for split, of_split in laid.items()
    }
    sources, side_px = _list_sources(plans, is_split=found.is_split)
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


def _find_meanings(images: Sequence[LaidImage], choices: LayerChoices, root: Path) -> Meanings:
    """What each name that occurs stands for; classes that ``classes.json`` names are just that."""
    occurring = sorted({str(name) for image in images for name in image.placed.names})
    given = [one.name for one in choices.classes]
    ignored = {
        name
        for name in occurring
        if name in choices.ignore or (name not in given and is_ignored(name))
    }
    rest = [name for name in occurring if name not in ignored]
    areas = {name for name in rest if name not in given and is_area(name)}
    grounds = {name for name in rest if name.casefold() in BACKGROUND_NAMES}
    classes = [name for name in rest if name not in areas | grounds]
    unknown = [name for name in classes if given and name not in given]
    if unknown:
        raise SegfitError(
            f"{root}: polygons are of classes that {CLASS_FILE_NAME} does not name "
            f"({list_first(unknown)}): add them to its classes, or to its ignore"
        )
    if given:
        classes = [name for name in given if name.casefold() not in BACKGROUND_NAMES]
    if not classes:
        raise SegfitError(
            f"{root}: no polygon is of a class, all are {list_first(sorted(occurring), limit=5)}: "
            "draw what is to be found"
        )
    said = choices.object_names
    drawn_as_objects = {
        str(name) for image in images for name in image.placed.names[image.placed.is_object]
    }
    object_names = {name for name in classes if said.get(name, name in drawn_as_objects)}
    is_background = choices.unlabelled == "background"
    has_background = bool(areas or grounds or object_names or is_background)
    if len(classes) == 1 and not (areas or grounds or is_background):
        raise SegfitError(
            f"{root}: all polygons are of one class, '{classes[0]}', and nothing is background: "
            f"draw an area within which all of it is labelled, of a class called {NAMED_AREAS}, or "
            f'write {{"unlabelled": "background"}} to {CLASS_FILE_NAME} there'
        )
    colors = {name: color for image in images for name, color in image.layer.colors.items()}
    colors |= choices.colors
    first = int(has_background)
    table = ClassTable.from_names(
        ("background",) * first + tuple(classes),
        background=0 if has_background else None,
        colors=(None,) * first + tuple(colors.get(name) for name in classes),
        object_classes=tuple(
            place for place, name in enumerate(classes, start=first) if name in object_names
        ),
    )
    label_of = {name: place for place, name in enumerate(classes, start=first)}
    label_of |= dict.fromkeys(areas | grounds, 0) | dict.fromkeys(ignored, IGNORE)
    rank_of = dict.fromkeys(label_of, CLASS_RANK)
    rank_of |= dict.fromkeys(areas, AREA_RANK) | dict.fromkeys(ignored, IGNORED_RANK)
    return Meanings(table, label_of, rank_of, bool(areas))


class _Plan:
    """Which windows of an image are looked at."""

    def __init__(
        self,
        image: LaidImage,
        name: str,
        meanings: Meanings,
        choices: LayerChoices,
        rasters: OpenRasters,
    ) -> None:
        names, polygons = image.placed.names, image.placed.polygons
        ranks = np.array([meanings.rank_of[one] for one in names], np.int64)
        is_ground = choices.unlabelled == "background"
        self.name = name
        self._shape = image.shape
        self._areas = polygons[ranks == AREA_RANK]
        self._area_splits = [AREAS[fold_name(one)] or "train" for one in names[ranks == AREA_RANK]]
        self._painted = PaintedRaster(
            image.path,
            rasters,
            polygons=polygons,
            ranks=ranks,
            labels=np.array([meanings.label_of[one] for one in names], np.int64),
            base=0 if is_ground else IGNORE,
        )
        self._boxes = find_patches(self._shape, self._areas, polygons[ranks == CLASS_RANK])

    def list_windows(self, side_px: int) -> list[PlannedWindow]:
        """The windows, of ``side_px`` at most, in which anything is labelled."""
        windows = cut_boxes(self._boxes, side_px=side_px)
        seen = self._painted.find_labelled([one.window for one in windows])
        return [windows[place] for place in seen]

    def find_split(self, window: Window) -> tuple[str, Geometries]:
        """The split whose areas cover most of a window, and the areas of others in it."""
        if set(self._area_splits) <= {"train"}:
            return "train", self._areas[:0]
        frame = shapely.box(window.left, window.top, window.right, window.bottom)
        covered = shapely.area(shapely.intersection(self._areas, frame))
        splits = np.array(self._area_splits)
        shares = {split: covered[splits == split].sum() for split in sorted(set(splits))}
        split = max(shares, key=shares.__getitem__) if any(shares.values()) else "train"
        return str(split), self._areas[(covered > 0) & (splits != split)]

    def open(self, window: Window, hidden: Geometries, group: str) -> Source:
        """A window as a labelled image."""
        height, width = self._shape
        is_whole = window == Window(0, 0, width, height)
        name = self.name if is_whole else f"{self.name}_{window.left}_{window.top}"
        return Source(name, PaintedWindow(self._painted, window, tuple(hidden)), group=group)


def _list_sources(
    plans: Mapping[str, Sequence[_Plan]], *, is_split: bool
) -> tuple[dict[str, tuple[Source, ...]], int]:
    """The windows of each split, and their sides at most.

    They are made smaller where a validation split would have to be taken of a few.
    """
    side_px = LARGEST_PX
    while True:
        sources = _list_windows(plans, side_px, is_split=is_split)
        enough = "val" in sources or len(sources.get("train", ())) >= LEAST_WINDOWS
        if enough or side_px <= SMALLEST_PX:
            return sources, side_px
        side_px //= 2


def _list_windows(
    plans: Mapping[str, Sequence[_Plan]], side_px: int, *, is_split: bool
) -> dict[str, tuple[Source, ...]]:
    windows = {plan: plan.list_windows(side_px) for of_split in plans.values() for plan in of_split}
    most = max(1, int(LARGEST_SHARE * sum(map(len, windows.values()))))
    sources: dict[str, list[Source]] = {}
    for split, of_split in plans.items():
        for plan in of_split:
            groups = group_windows(windows[plan], most=most)
            for planned, group in zip(windows[plan], groups, strict=True):
                own, hidden = plan.find_split(planned.window)
                if is_split:
                    own, hidden = split, hidden[:0]
                source = plan.open(planned.window, hidden, f"{plan.name} {group}")
                sources.setdefault(own, []).append(source)
    return {split: tuple(found) for split, found in sources.items()}


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
        f"{count_noun(total, 'polygon')} over {count_noun(len(images), 'large image')}: "
        f"{count_noun(count, 'window')} of up to {side_px} px hold labels."
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
