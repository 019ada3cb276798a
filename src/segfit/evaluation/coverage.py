"""Whether outlines are within the errors that they claim, by class and by kind of border.

Of a standard error that says what it should, 68 % of the points are within one and 95 % within two.

Shapes: ``H, W`` an image; ``K`` classes, in the data's order; ``V`` points of outlines that have a
true border of their two classes near; ``G`` groups of points: all, those beside each class, and
those of each kind of border.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

import cv2
import numpy as np

from segfit.basics.arrays import (
    BoolArray,
    Float64Array,
    Int32Array,
    Int64Array,
    IntpArray,
    UInt8Array,
)
from segfit.basics.show import show_briefly
from segfit.evaluation.examples import make_lookup
from segfit.imaging.sampling import sample_bilinear
from segfit.metrics.figures import or_none
from segfit.partition import Partition
from segfit.refinement.outlines import Walk
from segfit.refinement.truth import measure_distances, read_truth

NEAR_PX, SPACING_PX = 4.0, 0.5
"""How far to either side of an outline the image says what kind of border it is, and how finely."""
SMOOTHING_PX = 0.5
FAINT_LEVELS = 16.0
"""Less contrast of grey levels across a border is faint."""
SHARP_PX = 3.5
"""A change of grey level that takes more pixels than that is blurred."""


class BorderKind(StrEnum):
    """What the image shows where an outline lies; ``WITHIN``: between two objects of one class."""

    SHARP = "sharp borders"
    BLURRED = "blurred borders"
    FAINT = "faint borders"
    WITHIN = "between objects of a class"


@dataclass(frozen=True)
class GroupCoverage:
    """Of some points: how many, shares within one and two of their errors, mean sizes in pixels.

    ``off_px``: how far off they are, ``claimed_px``: their standard errors. NaN of no points.
    """

    points: int
    within_one: float
    within_two: float
    off_px: float
    claimed_px: float

    def to_dict(self) -> dict[str, object]:
        """The figures as what JSON can hold."""
        shares = {field.name: or_none(getattr(self, field.name)) for field in fields(self)}
        return {**shares, "points": self.points}


@dataclass(frozen=True, eq=False)
class CoverageCounts:
    """Points of outlines in each group, (G,) each; add them up over images.

    ``within``: (2, G) of which so many are within one and within two of their errors. ``off_px``,
    ``claimed_px``: sums.
    """

    points: Int64Array
    within: Int64Array
    off_px: Float64Array
    claimed_px: Float64Array

    __repr__ = show_briefly

    def __add__(self, other: CoverageCounts) -> CoverageCounts:
        return CoverageCounts(
            self.points + other.points,
            self.within + other.within,
            self.off_px + other.off_px,
            self.claimed_px + other.claimed_px,
        )

    @property
    def groups(self) -> tuple[GroupCoverage, ...]:
        """Of every group of points, (G,)."""
        return tuple(self._describe(group) for group in range(len(self.points)))

    @property
    def all(self) -> GroupCoverage:
        """Of all points."""
        return self.groups[0]

    @property
    def classes(self) -> tuple[GroupCoverage, ...]:
        """Of the points beside each class, (K,)."""
        return self.groups[1 : 1 + self._class_count]

    @property
    def kinds(self) -> dict[BorderKind, GroupCoverage]:
        """Of the points of each kind of border."""
        return dict(zip(BorderKind, self.groups[1 + self._class_count :], strict=True))

    @property
    def _class_count(self) -> int:
        return len(self.points) - 1 - len(BorderKind)

    def _describe(self, group: int) -> GroupCoverage:
        count = int(self.points[group])
        sums = (*self.within[:, group].tolist(), self.off_px[group], self.claimed_px[group])
        return GroupCoverage(count, *(float(one) / count if count else np.nan for one in sums))

    def to_dict(self, class_names: tuple[str, ...]) -> dict[str, object]:
        """The figures as what JSON can hold."""
        of_classes = zip(class_names, self.classes, strict=True)
        return {
            **self.all.to_dict(),
            "classes": {name: one.to_dict() for name, one in of_classes},
            "kinds": {kind.value: one.to_dict() for kind, one in self.kinds.items()},
        }


def count_coverage(
    outlines: Partition,
    image: UInt8Array,
    labels: UInt8Array,
    objects: Int32Array | None,
    order: IntpArray,
) -> CoverageCounts:
    """Compare refined outlines of an image (H, W, 3) with its true labels and objects, (H, W) each.

    ``order``: (K,) the labels' index of each class of the outlines. Points that have no true border
    of their two classes within 16 px are left out, and so are those on the image's edge.
    """
    truth = read_truth(make_lookup(np.argsort(order))[labels], len(order), objects=objects)
    walk, distances_px = measure_distances(outlines, truth)
    assert outlines.error_px is not None
    claimed_px = outlines.error_px[walk.of_partition]
    known = np.flatnonzero(np.isfinite(distances_px) & np.isfinite(claimed_px))
    off_px, claimed_px = np.abs(distances_px[known]), claimed_px[known]
    walk = walk.choose(known)
    sides = outlines.labels[outlines.sides[outlines.arc_of_point[walk.of_partition]]]  # (V, 2)
    is_within_class = sides[:, 0] == sides[:, 1]
    members = [
        np.ones(len(known), np.bool_),
        *((order[sides] == index).any(axis=1) for index in range(len(order))),
        *tell_kinds(walk, image, is_within_class),
    ]
    groups = np.stack(members).astype(np.int64)  # (G, V)
    hits = np.stack([off_px <= claimed_px, off_px <= 2 * claimed_px]).astype(np.int64)
    sums_px = np.stack([off_px, claimed_px]) @ groups.T.astype(np.float64)
    return CoverageCounts(groups.sum(axis=1), hits @ groups.T, sums_px[0], sums_px[1])


def no_coverage(class_count: int) -> CoverageCounts:
    """Counts of no image, to add others to."""
    groups = 1 + class_count + len(BorderKind)
    points, within = np.zeros(groups, np.int64), np.zeros((2, groups), np.int64)
    return CoverageCounts(points, within, np.zeros(groups), np.zeros(groups))


def tell_kinds(walk: Walk, image: UInt8Array, is_within_class: BoolArray) -> list[BoolArray]:
    """Which points of outlines over an image (H, W, 3) lie on a border of each kind, (V,) each.

    By what the image shows there, so that nobody need know where the border truly is.
    ``is_within_class``: (V,) which of them lie between two objects of one class.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), SMOOTHING_PX), np.float32)
    count = 2 * round(NEAR_PX / SPACING_PX) + 1
    strips = walk.place_strips(count, step_px=SPACING_PX)
    levels = sample_bilinear(grey[..., None], strips)[..., 0]  # (V, count)
    contrast = np.ptp(levels, axis=1)
    steepest = np.abs(np.diff(levels, axis=1)).max(axis=1) / SPACING_PX
    is_faint = contrast < FAINT_LEVELS
    is_sharp = contrast < SHARP_PX * steepest
    return [
        ~is_within_class & ~is_faint & is_sharp,
        ~is_within_class & ~is_faint & ~is_sharp,
        ~is_within_class & is_faint,
        is_within_class,
    ]
