"""What masks mean: their classes, and how their pixels say these."""

from __future__ import annotations

from dataclasses import dataclass

from segfit.classes import ClassTable
from segfit.datasets.masks.codes import MaskCode
from segfit.datasets.masks.orientation import MaskOrientation


@dataclass(frozen=True)
class MaskClasses:
    """The classes of a set of masks and how their pixels say them.

    ``note``: how they were found, in full sentences. ``says_objects``: whether it was said which
    classes have objects, be it that none has. ``orientation``: how masks lie whose images are
    turned, where that was said.
    """

    table: ClassTable
    code: MaskCode
    note: str
    says_objects: bool = False
    orientation: MaskOrientation | None = None
