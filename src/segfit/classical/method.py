"""What classical methods share: settings as fields, a picture in, a segmentation out.

Shapes: ``H, W`` a picture (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from skimage.measure import label

from segfit.classes import FOREGROUND, REGIONS, ClassTable
from segfit.imaging.read import check_size
from segfit.result.segmentation import Segmentation

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

FLAT_RANGE = 5.0
"""Range of the CIELAB units of a smoothed picture below which it is of one colour. Not a deviation:
a few small nuclei on a dark ground have next to none."""


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

    @abstractmethod
    def __call__(self, picture: Picture, /) -> Segmentation:
        """Segment a picture."""


class ForegroundMethod(ClassicalMethod):
    """A method that parts foreground and background."""

    @property
    def classes(self) -> ClassTable:
        """Background and foreground."""
        return FOREGROUND

    def __call__(self, picture: Picture, /) -> Segmentation:
        """Segment a picture; a flat one is background all over."""
        check_size(picture, "the picture")
        if is_flat(picture):
            return as_foreground(
                picture, np.zeros(picture.shape[:2], bool), note=describe_flat(picture)
            )
        mask, note = self.part(picture)
        return as_foreground(picture, mask, note=note)

    @abstractmethod
    def part(self, picture: Picture) -> tuple[NDArray[np.bool_], str]:
        """Foreground (H, W) of a picture that is not flat, and what to say of it."""


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

    def __call__(self, picture: Picture, /) -> Segmentation:
        """Segment a picture; clusters are numbered by their share of it, the largest first."""
        check_size(picture, "the picture")
        if is_flat(picture):
            flat = np.zeros(picture.shape[:2], np.uint8)
            return Segmentation(picture, flat, self.classes, note=describe_flat(picture))
        clusters, note = self.cluster(picture)
        _, inverse, counts = np.unique(clusters, return_inverse=True, return_counts=True)
        rank = np.argsort(np.argsort(-counts, kind="stable"), kind="stable").astype(np.uint8)
        labels = rank[inverse].reshape(clusters.shape)
        return Segmentation(picture, labels, self.classes, note=note)

    @abstractmethod
    def cluster(self, picture: Picture) -> tuple[Numbers, str]:
        """Cluster of each pixel (H, W) of a picture that is not flat, and what to say of it."""


class RegionMethod(ClassicalMethod):
    """A method that divides the picture into regions, whatever they are."""

    @property
    def classes(self) -> ClassTable:
        """Background, which no pixel is, and region."""
        return REGIONS

    def __call__(self, picture: Picture, /) -> Segmentation:
        """Segment a picture; a flat one is one region."""
        check_size(picture, "the picture")
        if is_flat(picture):
            one = np.zeros(picture.shape[:2], np.int64)
            return as_regions(picture, one, note=describe_flat(picture))
        regions, note = self.divide(picture)
        return as_regions(picture, regions, note=note)

    @abstractmethod
    def divide(self, picture: Picture) -> tuple[Numbers, str]:
        """Number of each pixel's region (H, W) in a picture that is not flat, and what to say."""


def as_regions(picture: Picture, numbers: Numbers, *, note: str = "") -> Segmentation:
    """A segmentation whose objects are the connected parts of a grid of numbers (H, W)."""
    parts = np.asarray(label(numbers + 1 - numbers.min(), connectivity=1), np.int32)
    whole = np.ones(parts.shape, np.uint8)
    note = note or f"{parts.max()} regions"
    return Segmentation(picture, whole, REGIONS, objects=parts, note=note)


def as_foreground(picture: Picture, mask: NDArray[np.bool_], *, note: str = "") -> Segmentation:
    """A segmentation into background and foreground (H, W)."""
    return Segmentation(picture, mask.astype(np.uint8), FOREGROUND, note=note)


def is_flat(picture: Picture) -> bool:
    """Whether a picture's pixels are all alike, but for rounding and some noise."""
    return measure_range(picture) < FLAT_RANGE


def describe_flat(picture: Picture) -> str:
    """What to say of a flat picture."""
    return (
        f"one region: the picture is flat (its colours differ by {measure_range(picture):.1f} of "
        "100 CIELAB units); there is nothing to part"
    )


def measure_range(picture: Picture) -> float:
    """Largest range of a CIELAB channel, smoothed by a pixel: noise of 1.5 stays below 5."""
    return float(np.ptp(smooth(to_lab(picture), 1.0), axis=(0, 1)).max())


def to_lab(picture: Picture) -> Floats:
    """CIELAB of a picture, (H, W, 3) float32: lightness from 0 to 100, two colour axes."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def to_lightness(picture: Picture) -> Floats:
    """Lightness of a picture, (H, W) float32, 0 to 100."""
    return np.ascontiguousarray(to_lab(picture)[..., 0])


def smooth(planes: Floats, sigma_px: float) -> Floats:
    """Planes (H, W) or (H, W, 3) smoothed by a Gaussian; 0 leaves them as they are."""
    if sigma_px == 0:
        return planes
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma_px), np.float32)
