"""Labels made wrong on purpose: some pixels of a data set get another class.

Shapes: ``H, W`` an image; ``K`` classes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.classes import IGNORE
from segfit.datasets import Dataset
from segfit.datasets.labelled import Reading, Source

BLOB_SIGMA_PX = 8.0

DrawMask = Callable[[tuple[int, int], int, float, np.random.Generator], UInt8Array]
"""Draws class shifts (H, W) uint8 for a shape, K and a share: 0 keeps a pixel's class."""


def draw_pixel_shifts(
    shape: tuple[int, int], class_count: int, share: float, rng: np.random.Generator
) -> UInt8Array:
    """Each pixel on its own, with probability ``share``, gets a shift of 1 to K − 1."""
    shifts = rng.integers(1, class_count, shape, dtype=np.uint8)
    return np.where(rng.random(shape) < share, shifts, np.uint8(0))


def draw_blob_shifts(
    shape: tuple[int, int], class_count: int, share: float, rng: np.random.Generator
) -> UInt8Array:
    """Blobs that cover ``share`` of the image; one shift for all pixels of a blob.

    Neighbouring pixels then agree on what is wrong, which smoothing alone does not mend.
    """
    field = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), BLOB_SIGMA_PX)
    inside = (field > np.quantile(field, 1 - share)).astype(np.uint8)
    count, blobs = cv2.connectedComponents(inside, connectivity=4)
    shift_of_blob = rng.integers(1, class_count, count, dtype=np.uint8)
    shift_of_blob[0] = 0  # outside all blobs
    return np.asarray(shift_of_blob[blobs], dtype=np.uint8)


NOISES: dict[str, DrawMask] = {"pixels": draw_pixel_shifts, "blobs": draw_blob_shifts}


def corrupt_labels(labels: UInt8Array, *, shifts: UInt8Array, class_count: int) -> UInt8Array:
    """Move labels (H, W) on by ``shifts``, round in a circle of K; ignored pixels stay so."""
    moved = (labels.astype(np.int64) + shifts) % class_count
    return np.where(labels == IGNORE, labels, moved).astype(np.uint8)


def corrupt_dataset(dataset: Dataset, *, noise: str, share: float, seed: int) -> Dataset:
    """The same images with wrong labels, the same ones at every reading.

    The measures stay those of the true labels, so that a plan made from them stays the same.
    """
    return Dataset(
        dataset.classes,
        [
            Source(name, partial(read_corrupted, dataset, index, NOISES[noise], share, seed))
            for index, name in enumerate(dataset.names)
        ],
        stats=dataset.stats,
    )


def read_corrupted(
    dataset: Dataset, index: int, draw_shifts: DrawMask, share: float, seed: int
) -> Reading:
    """Read one image and make its labels wrong."""
    example = dataset[index]
    rng = np.random.default_rng((seed, index))
    class_count = len(dataset.classes)
    height, width = example.labels.shape
    shifts = draw_shifts((height, width), class_count, share, rng)
    wrong = corrupt_labels(example.labels, shifts=shifts, class_count=class_count)
    return Reading(example.image, wrong)
