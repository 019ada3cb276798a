"""What may follow any method: noise removed, outlines smoothed or refined."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classes import ClassTable
from segfit.classification.decision import Decision
from segfit.formats.format import Content
from segfit.imaging.channels import AS_READ
from segfit.partition import LabelGrid, dissolve_small_regions, merge_small_regions
from segfit.refinement.outlines import USUAL_CELL_PX
from segfit.refiner import Refiner
from segfit.result.method import Method
from segfit.result.regions import FindBoxes, OrientedBox
from segfit.result.segmentation import Segmentation


@dataclass(frozen=True)
class FinishedMethod:
    """A method whose result is cleaned and refined: a ``Method``.

    ``min_area_px``: smaller regions, holes among them, go to a neighbour. ``smoothing``: rounds,
    see ``smooth_arcs``. ``refiner``: moves outlines to where the image has its edges, and says
    how far off they may be; ``off_by_px``: how far off they are before, about.
    """

    method: Method
    min_area_px: float = 0.0
    smoothing: int = 0
    refiner: Refiner | None = None
    off_by_px: float = USUAL_CELL_PX

    def __post_init__(self) -> None:
        Decision(min_area_px=self.min_area_px)  # raises SegfitError for an area that cannot be

    @property
    def classes(self) -> ClassTable:
        """The method's classes."""
        return self.method.classes

    @property
    def provides(self) -> frozenset[Content]:
        """What the method provides, as far as refining keeps it."""
        kept = self.method.provides
        return kept - {Content.SCORES} if self.refiner is not None else kept

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        found = remove_noise(self.method(image), self.min_area_px)
        if self.refiner is not None:
            refined = self.refiner(
                found.labels,
                image,
                classes=self.classes,
                objects=found.grid.objects,
                cell_px=self.off_by_px,
                channels=AS_READ,
            )
            found = replace(refined, note=found.note, edges=found.edges)
        return found.smooth(self.smoothing) if self.smoothing else found


def remove_noise(segmentation: Segmentation, min_area_px: float) -> Segmentation:
    """Give regions of fewer pixels to the neighbour with the longest border: specks and holes.

    An opening and a closing by area, which leaves the outlines of all others as they are, and their
    errors and boxes, too. Raises ``SegfitError`` for an area that cannot be: below 0, infinite,
    or NaN.
    """
    Decision(min_area_px=min_area_px)
    source = segmentation.source
    if min_area_px == 0:
        return segmentation
    if isinstance(source, LabelGrid):
        return replace(segmentation, source=merge_small_regions(source, min_area_px))
    cleaned, numbers = dissolve_small_regions(
        source, min_area_px, apart=segmentation.classes.object_classes
    )
    find_boxes = segmentation.find_boxes
    if find_boxes is not None:
        find_boxes = KeptBoxes(find_boxes, numbers)
    return replace(segmentation, source=cleaned, find_boxes=find_boxes)


@dataclass(frozen=True, eq=False)
class KeptBoxes:
    """Boxes that a network moved, of the regions that took in no other one.

    ``numbers``: of the regions that had the boxes, in the new partition.
    """

    find_boxes: FindBoxes
    numbers: Int64Array

    def __call__(self) -> dict[int, OrientedBox]:
        """Boxes by the new numbers."""
        alone = np.bincount(self.numbers)[self.numbers] == 1
        boxes = self.find_boxes()
        return {int(self.numbers[region]): boxes[region] for region in boxes if alone[region]}
