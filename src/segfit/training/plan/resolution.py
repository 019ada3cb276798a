"""At which size and brightness a network works, chosen from what the images look like."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.datasets import Dataset
from segfit.model.scaling import SIZE_MULTIPLE, Scaling

CELLS_PER_OBJECT = 2
"""Small objects keep at least this many cells of the score grid across."""
FIELD_CELLS_PER_OBJECT = 6
"""A field of view is shrunk only as far as leaves its objects this many cells, and enlarged until
the smaller of crowded ones have them."""
FRAME_LONG_SIDE_PX = 512
LARGEST_SIDE_PX = 1024
LARGEST_ENLARGEMENT = 1.5
LARGEST_SPECK_PX = 2
"""Objects no wider than that say nothing of how large objects are."""
SPECKS_SHARE = 0.01
"""Of a class's area; nor do its smallest objects that together hold so much: in an image taken with
more pixels, a speck is wider."""
MANY_OBJECTS, STEADY_SPREAD = 8, 0.4
"""Images of one size are fields of view where they hold so many objects, of so steady a size."""
CLEARLY_STEADIER = 0.8
CROP_AREA_PX = 512 * 384
PART_SIDE_PX = 256
"""Of a crop where a part says as much as the whole: of a field, and of an image that is mostly
background the part with foreground. A step then sees more images."""
SPARSE_SHARE = 0.1
"""Of the pixels: foreground that has less is in few places."""
CROP_MULTIPLE = 2 * SIZE_MULTIPLE
"""Halved for the coarse part of the training, a crop is still a multiple of 32."""
USUAL_STRIDE: Final = 4
FINE_STRIDE: Final = 2
LARGE_OBJECT_PX = 32
"""Touching objects of such a width, at working resolution, need no finer grid than others: at half
the cells across, their centres are nearer, and a step takes two thirds of the time."""
THIN_CELLS = 1.5
"""Where most classes' objects are narrower than so many of the usual cells, as cracks are, they get
twice as many a side."""
COARSE_WORK = 0.7
"""Below this share of the images' resolution, the score grid has twice as many cells a side."""
UNEVEN_LEVELS = 2.0
"""How many times as many grey levels the brightest images use, from which on exposures differ."""


def choose_scaling(training: Dataset, *, grouped: bool) -> tuple[Scaling, str]:
    """Tell framed images from fields of view, and find the resolution that objects need."""
    long_sides = [max(stats.height, stats.width) for stats in training.stats]
    width_px, class_name = _smallest_class_width(training)
    factor = _choose_factor(training, width_px, grouped=grouped)
    if _sizes_differ(long_sides) and _sizes_are_absolute(training):
        return (
            Scaling(kind="field", factor=factor),
            f"field of view at {factor:.0%} of its scale: images have {min(long_sides)} to "
            f"{max(long_sides)} px, their objects keep their size in pixels",
        )
    counts = statistics.median(stats.objects for stats in training.stats)
    spread = _measure_spread(training)
    if counts >= MANY_OBJECTS and spread < STEADY_SPREAD and not _sizes_differ(long_sides):
        return (
            Scaling(kind="field", factor=factor),
            f"field of view at {factor:.0%} of its scale: images have {counts:g} objects each, "
            f"whose size differs by {spread:.0%} from image to image, as if taken at one scale",
        )
    native_px = round(statistics.median(long_sides))
    wanted_px = max(min(native_px, FRAME_LONG_SIDE_PX), native_px * _needed_factor(width_px))
    long_side = round(min(wanted_px, native_px * LARGEST_ENLARGEMENT, LARGEST_SIDE_PX))
    shrunk = long_side / native_px
    stride = find_stride(training, shrunk, grouped=grouped)
    cells = width_px * shrunk / stride
    reason = (
        f"frame of {long_side} px (images have {native_px}): the narrowest class, {class_name}, "
        f"is {width_px:.0f} px wide, which leaves it {cells:.1f} cells of the score grid"
    )
    if cells < CELLS_PER_OBJECT:
        reason += f"; {CELLS_PER_OBJECT} are wanted, so expect it to be hard"
    return Scaling(kind="frame", long_side_px=long_side), reason


def find_stride(training: Dataset, shrunk: float, *, grouped: bool) -> Literal[2, 4]:
    """Working pixels per cell of the score grid.

    Fewer where images are shrunk to less than ``COARSE_WORK`` of themselves, where objects that
    touch are told apart (``grouped``) and are small, and where things are thin. ``shrunk``:
    working resolution as a share of the images' own.
    """
    crowded = grouped and measure_grouped(training) * shrunk < LARGE_OBJECT_PX
    thin = measure_usual_width(training) * shrunk < THIN_CELLS * USUAL_STRIDE
    return FINE_STRIDE if crowded or thin or shrunk < COARSE_WORK else USUAL_STRIDE


def measure_usual_width(training: Dataset) -> float:
    """Median over the classes of their objects' median widths, in pixels; infinite without any."""
    widths = list(_measure_widths(training).values())
    return statistics.median(widths) if widths else math.inf


def measure_grouped(training: Dataset) -> float:
    """Median width of the objects of classes that have objects, in pixels; 0 without any."""
    sides = _list_object_sides(training)
    return float(np.median(sides)) if sides else 0.0


def choose_stretch(training: Dataset) -> tuple[bool, str | None]:
    """Whether images differ so much in exposure that grey levels are spread out, and why."""
    ranges = [max(1, high - low) for low, high in (stats.levels for stats in training.stats)]
    few, many = np.quantile(ranges, (0.05, 0.95)).tolist()
    if many < UNEVEN_LEVELS * few:
        return False, None
    return True, (
        f"grey levels are spread out: images use {few:.0f} to {many:.0f} of 255 (all but a "
        "twentieth of them either way)"
    )


def choose_crop(training: Dataset, scaling: Scaling, *, sparse: bool) -> tuple[int, int]:
    """The usual image at working resolution, cut down to what a step can afford.

    ``sparse``: foreground is in few places, about which crops are laid.
    """
    sizes = [scaling.working_size(stats.height, stats.width) for stats in training.stats]
    height = statistics.median(size[0] for size in sizes)
    width = statistics.median(size[1] for size in sizes)
    in_parts = sparse or scaling.kind == "field"
    largest_px = PART_SIDE_PX**2 if in_parts else CROP_AREA_PX
    shrink = min(1.0, math.sqrt(largest_px / (height * width)))
    return _round_up(height * shrink), _round_up(width * shrink)


def has_sparse_foreground(training: Dataset, scaling: Scaling) -> bool:
    """Whether foreground is in few places, and a crop of a part shows more than its inside."""
    shrunk = measure_shrinkage(training, scaling)
    largest_px = max(measure_main_widths(training).values(), default=0.0) * shrunk
    return measure_foreground(training) < SPARSE_SHARE and largest_px < PART_SIDE_PX / 2


def measure_foreground(training: Dataset) -> float:
    """Share of the labelled pixels that are no background; 1 where no class is background."""
    background = training.classes.background
    if background is None:
        return 1.0
    return 1 - measure_shares(training).get(training.classes.names[background], 0.0)


def measure_shares(training: Dataset) -> dict[str, float]:
    """Share of the labelled pixels of every class that the images have."""
    totals = [sum(column) for column in zip(*(s.class_pixels for s in training.stats), strict=True)]
    named = zip(training.classes.names, totals, strict=True)
    return {name: total / sum(totals) for name, total in named if total}


def measure_shrinkage(training: Dataset, scaling: Scaling) -> float:
    """Working resolution as a share of the images' own, in the middle of them."""
    return statistics.median(
        scaling.working_size(stats.height, stats.width)[0] / stats.height
        for stats in training.stats
    )


def _measure_widths(training: Dataset) -> dict[str, float]:
    """Median width of each class's objects, in pixels; specks and the background do not count."""
    return {name: float(np.median(sides)) for name, sides in _list_sides(training)}


def measure_main_widths(training: Dataset) -> dict[str, float]:
    """Width of the object that each class's middle pixel lies in, in pixels.

    Hair is as large as a head of it, however many strands and brows there are beside. Specks and
    the background do not count.
    """
    widths: dict[str, float] = {}
    for name, sides in _list_sides(training):
        area_px = np.cumsum(sides**2)
        widths[name] = float(sides[np.searchsorted(area_px, area_px[-1] / 2)])
    return widths


def _list_sides(training: Dataset) -> Iterator[tuple[str, Float64Array]]:
    """Each class that has objects, the background left out, and their widths, rising."""
    for index, name in enumerate(training.classes.names):
        sides = np.sort([side for stats in training.stats for side in stats.object_sides_px[index]])
        objects = sides[sides > LARGEST_SPECK_PX]
        if len(objects) and index != training.classes.background:
            held = np.cumsum(objects**2)
            yield name, objects[held > SPECKS_SHARE * held[-1]]


def _choose_factor(training: Dataset, width_px: float, *, grouped: bool) -> float:
    """The scale of a field of view, whose narrowest class has objects of this width.

    ``grouped``: where objects are told apart, the smaller ones count, since many of them crowd.
    """
    factor = min(1.0, FIELD_CELLS_PER_OBJECT * USUAL_STRIDE / max(width_px, 1.0))
    if not grouped:
        return factor
    sides = _list_object_sides(training)
    small_px = float(np.quantile(sides, 0.25)) if sides else width_px
    needed = FIELD_CELLS_PER_OBJECT * FINE_STRIDE / max(small_px, 1.0)
    return round(min(LARGEST_ENLARGEMENT, max(factor, needed)), 2)


def _list_object_sides(training: Dataset) -> list[float]:
    """Widths of all objects of classes that have objects, in pixels; specks do not count."""
    return [
        side
        for stats in training.stats
        for index in training.classes.object_classes
        for side in stats.object_sides_px[index]
        if side > LARGEST_SPECK_PX
    ]


def _sizes_differ(long_sides: Sequence[int]) -> bool:
    return max(long_sides) > 1.5 * min(long_sides)


def _needed_factor(width_px: float) -> float:
    return CELLS_PER_OBJECT * USUAL_STRIDE / max(width_px, 1.0)


def _smallest_class_width(training: Dataset) -> tuple[float, str]:
    """Width of the class whose objects are smallest, in pixels, and its name."""
    widths = [(width, name) for name, width in _measure_widths(training).items()]
    return min(widths, default=(float(USUAL_STRIDE * CELLS_PER_OBJECT), "none"))


def _sizes_are_absolute(training: Dataset) -> bool:
    """Whether objects keep their size in pixels, not clearly rather relative to their image."""
    absolute = _measure_spread(training)
    return absolute == 0 or _measure_spread(training, relative=True) > CLEARLY_STEADIER * absolute


def _measure_spread(training: Dataset, *, relative: bool = False) -> float:
    """How much the median width of objects differs from image to image and class to class.

    Standard deviation of its logarithm, in pixels or ``relative`` to the longer side; 0 for one.
    """
    logarithms = []
    for stats in training.stats:
        for index, sides in enumerate(stats.object_sides_px):
            objects = [side for side in sides if side > LARGEST_SPECK_PX]
            if objects and index != training.classes.background:
                unit_px = max(stats.height, stats.width) if relative else 1
                logarithms.append(math.log(statistics.median(objects) / unit_px))
    return statistics.stdev(logarithms) if len(logarithms) > 1 else 0.0


def _round_up(length_px: float) -> int:
    return max(CROP_MULTIPLE, math.ceil(length_px / CROP_MULTIPLE - 0.25) * CROP_MULTIPLE)
