"""What a classical method is: settings as fields, an image in, a segmentation out.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from skimage.measure import label

from segfit.basics.arrays import BoolArray, Int64Array, UInt8Array
from segfit.classes import FOREGROUND, REGIONS, ClassTable
from segfit.classical.shared.flat import describe_flat, is_flat
from segfit.formats.format import Content
from segfit.imaging.read import check_size
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

Side = Literal["auto", "bright", "dark"]
"""Which side of a threshold is foreground."""


class ClassicalMethod(BaseModel, ABC):
    """A ``Method`` that learns nothing: its fields are its settings, with their units in names.

    ``name``: what ``--method`` names. ``place``: where it stands in lists: 0 the one that chooses,
    from 10 on by lightness, 20 colors, 30 textures, 40 borders and graphs, 50 hints; simple ones
    first. ``purpose`` and ``fails``: what it is for and when it fails, in a few words each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    place: ClassVar[int]
    purpose: ClassVar[str]
    fails: ClassVar[str]

    def __str__(self) -> str:
        return repr(self)

    @property
    @abstractmethod
    def classes(self) -> ClassTable:
        """The classes that the method tells apart."""

    @property
    def provides(self) -> frozenset[Content]:
        """Objects, where a class has any; never probabilities or edges."""
        return frozenset({Content.OBJECTS} if self.classes.object_classes else ())

    @abstractmethod
    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image."""


def put_in_order(kinds: Iterable[type]) -> list[type[ClassicalMethod]]:
    """Methods as people read lists of them. Raises ``TypeError`` for what is not a method."""
    methods = []
    for kind in kinds:
        if not issubclass(kind, ClassicalMethod):
            raise TypeError(f"{kind!r} is not a ClassicalMethod")
        methods.append(kind)
    return sorted(methods, key=lambda kind: (kind.place, kind.name))


class ForegroundMethod(ClassicalMethod):
    """A method that separates foreground and background."""

    @property
    def classes(self) -> ClassTable:
        """Background and foreground."""
        return FOREGROUND

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image; a flat one is background all over."""
        check_size(image, "the image")
        if is_flat(image):
            return as_foreground(image, np.zeros(image.shape[:2], bool), note=describe_flat(image))
        mask, note = self.separate(image)
        return as_foreground(image, mask, note=note)

    @abstractmethod
    def separate(self, image: UInt8Array) -> tuple[BoolArray, str]:
        """Foreground (H, W) of an image that is not flat, and what to say of it."""


class ClusterMethod(ClassicalMethod):
    """A method that gives every pixel to one of a few kinds, by how it looks."""

    @property
    @abstractmethod
    def most_clusters(self) -> int:
        """How many kinds there may be."""

    @property
    def classes(self) -> ClassTable:
        """As many as there may be clusters; none of them is the background."""
        names = tuple(f"cluster {number}" for number in range(1, self.most_clusters + 1))
        return ClassTable.from_names(names, background=None)

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image; clusters are numbered by their share of it, the largest first."""
        check_size(image, "the image")
        if is_flat(image):
            flat = np.zeros(image.shape[:2], np.uint8)
            return Segmentation(image, LabelGrid(flat), self.classes, note=describe_flat(image))
        clusters, note = self.cluster(image)
        _, inverse, counts = np.unique(clusters, return_inverse=True, return_counts=True)
        rank = np.argsort(np.argsort(-counts, kind="stable"), kind="stable").astype(np.uint8)
        labels = rank[inverse].reshape(clusters.shape)
        return Segmentation(image, LabelGrid(labels), self.classes, note=note)

    @abstractmethod
    def cluster(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Cluster of each pixel (H, W) of an image that is not flat, and what to say of it."""


class RegionMethod(ClassicalMethod):
    """A method that divides the image into regions, whatever they are."""

    @property
    def classes(self) -> ClassTable:
        """Background, which no pixel is, and region."""
        return REGIONS

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image; a flat one is one region."""
        check_size(image, "the image")
        if is_flat(image):
            one = np.zeros(image.shape[:2], np.int64)
            return as_regions(image, one, note=describe_flat(image))
        regions, note = self.divide(image)
        return as_regions(image, regions, note=note)

    @abstractmethod
    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Number of each pixel's region (H, W) in an image that is not flat, and what to say."""


def as_regions(image: UInt8Array, numbers: Int64Array, *, note: str = "") -> Segmentation:
    """A segmentation whose objects are the connected pieces of a grid of numbers (H, W)."""
    pieces = np.asarray(label(numbers + 1 - numbers.min(), connectivity=1), np.int32)
    whole = np.ones(pieces.shape, np.uint8)
    note = note or f"{pieces.max()} regions"
    return Segmentation(image, LabelGrid(whole, pieces), REGIONS, note=note)


def as_foreground(image: UInt8Array, mask: BoolArray, *, note: str = "") -> Segmentation:
    """A segmentation into background and foreground (H, W)."""
    return Segmentation(image, LabelGrid(mask.astype(np.uint8)), FOREGROUND, note=note)
