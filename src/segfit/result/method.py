"""What a method is: an image goes in, a segmentation comes out, learned or classical."""

from __future__ import annotations

from typing import Protocol

from segfit.basics.arrays import UInt8Array
from segfit.classes import ClassTable
from segfit.formats.format import Content
from segfit.result.segmentation import Segmentation


class Method(Protocol):
    """Image in, segmentation out."""

    @property
    def classes(self) -> ClassTable:
        """The classes that the method tells apart."""
        ...

    @property
    def provides(self) -> frozenset[Content]:
        """What its results hold beside labels, which decides the formats they can be written in."""
        ...

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        ...
