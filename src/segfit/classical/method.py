"""What classical methods share: settings as fields, an image in, a segmentation out.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict
from skimage.measure import label

from segfit.arrays import BoolArray, Float32Array, Int64Array, UInt8Array
from segfit.classes import FOREGROUND, REGIONS, ClassTable
from segfit.formats.format import Content
from segfit.imaging.read import check_size
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

FLAT_RANGE = 5.0
"""Range of the CIELAB units of a smoothed image below which it is of one color. Not a deviation:
a few small nuclei on a dark background have next to none."""


class ClassicalMethod(BaseModel, ABC):
    """A ``Method`` that learns nothing: its fields are its settings, with their units in names.

    ``purpose`` and ``fails``: what it is for and when it fails, in a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    purpose: ClassVar[str]
    fails: ClassVar[str]

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
        """As many as there may be clusters; no one is the background."""
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
    parts = np.asarray(label(numbers + 1 - numbers.min(), connectivity=1), np.int32)
    whole = np.ones(parts.shape, np.uint8)
    note = note or f"{parts.max()} regions"
    return Segmentation(image, LabelGrid(whole, parts), REGIONS, note=note)


def as_foreground(image: UInt8Array, mask: BoolArray, *, note: str = "") -> Segmentation:
    """A segmentation into background and foreground (H, W)."""
    return Segmentation(image, LabelGrid(mask.astype(np.uint8)), FOREGROUND, note=note)


def is_flat(image: UInt8Array) -> bool:
    """Whether an image's pixels are all alike, but for rounding and some noise."""
    return measure_range(image) < FLAT_RANGE


def describe_flat(image: UInt8Array) -> str:
    """What to say of a flat image."""
    return (
        f"one region: the image is flat (its colors differ by {measure_range(image):.1f} of "
        "100 CIELAB units); there is nothing to separate"
    )


def measure_range(image: UInt8Array) -> float:
    """Largest range of a CIELAB channel, smoothed by a pixel: noise of 1.5 stays below 5."""
    return float(np.ptp(smooth(to_lab(image), 1.0), axis=(0, 1)).max())


def to_lab(image: UInt8Array) -> Float32Array:
    """CIELAB of an image, (H, W, 3) float32: lightness from 0 to 100, two color axes."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def to_lightness(image: UInt8Array) -> Float32Array:
    """Lightness of an image, (H, W) float32, 0 to 100."""
    return np.ascontiguousarray(to_lab(image)[..., 0])


def smooth(planes: Float32Array, sigma_px: float) -> Float32Array:
    """Planes (H, W) or (H, W, 3) smoothed by a Gaussian; 0 leaves them as they are."""
    if sigma_px == 0:
        return planes
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma_px), np.float32)
