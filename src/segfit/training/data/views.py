"""What the regression network learns from: images with labels, and where their borders are.

Shapes: ``H, W`` a view of an image; ``K`` classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.datasets import Dataset
from segfit.model.scaling import Scaling
from segfit.refinement.truth import Truth, read_truth
from segfit.training.data.augment import Augmentation, augment
from segfit.training.data.batches import WorkingImages, pick_index

LARGEST_VIEW_PX = 1 << 20
LARGEST_ZOOM = 1.2

AS_IT_IS = Scaling(kind="field", factor=1.0)


@dataclass(frozen=True, eq=False)
class View:
    """An image (H, W, 3) uint8 with its labels (H, W) uint8, and the truth of its borders.

    ``objects``: (H, W) int32, None where no class has any. First outlines are made from a
    classifier's scores of the image, or else from the labels.
    """

    image: UInt8Array
    labels: UInt8Array
    truth: Truth
    objects: Int32Array | None = None


DrawView = Callable[[int], View]
"""The view of a training step: it depends on nothing but the step."""


class LabelledViews:
    """Augmented views of a data set's images, at the images' own resolution."""

    def __init__(self, dataset: Dataset, augmentation: Augmentation, *, seed: int) -> None:
        self._images = WorkingImages(dataset, AS_IT_IS)
        self._class_count, self._seed = len(dataset.classes), seed
        zoom = min(LARGEST_ZOOM, augmentation.zoom)
        self._augmentation = augmentation.model_copy(update={"zoom": zoom})

    def __call__(self, step: int) -> View:
        """Draw the view of a step."""
        rng = np.random.default_rng((self._seed, step))
        index = pick_index(step, len(self._images), seed=self._seed)
        labelled = self._images.read(index, coarse=False)
        height, width = labelled.labels.shape
        shrink = min(1.0, math.sqrt(LARGEST_VIEW_PX / (height * width)))
        shape = max(1, round(height * shrink)), max(1, round(width * shrink))
        # A view that is smaller than its image may show any part of it.
        settings = self._augmentation.model_copy(update={"crop": shrink < 1})
        view = augment(labelled, crop_shape=shape, settings=settings, rng=rng)
        truth = read_truth(view.labels, self._class_count, objects=view.objects)
        return View(view.image, view.labels, truth, view.objects)
