"""Training pictures → batches: the batch of a step depends on nothing but the seed and the step.

Shapes: ``B`` crops of a batch, ``h, w`` their size.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segfit.classify import Scaling
from segfit.datasets import Dataset
from segfit.pyramid import Pyramid
from segfit.training.augment import Augmentation, augment

CACHE_BYTES = 2 << 30
COARSE_FACTOR = 0.5

View = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class WorkingPictures:
    """Labelled pictures at working resolution, and at half of it; kept while memory allows."""

    def __init__(self, dataset: Dataset, scaling: Scaling) -> None:
        self._dataset, self._scaling = dataset, scaling
        self._kept: dict[tuple[int, bool], View] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, index: int, *, coarse: bool) -> View:
        """Picture (H, W, 3) and labels (H, W), both uint8."""
        key = (index, coarse)
        if key not in self._kept:
            view = self._shrink(*self.read(index, coarse=False)) if coarse else self._load(index)
            size = view[0].nbytes + view[1].nbytes
            if self._kept_bytes + size > CACHE_BYTES:
                return view
            self._kept[key] = view
            self._kept_bytes += size
        return self._kept[key]

    def _load(self, index: int) -> View:
        example = self._dataset[index]
        height, width = self._scaling.working_size(*example.labels.shape)
        return self._resize(example.picture, example.labels, height, width)

    def _shrink(self, picture: NDArray[np.uint8], labels: NDArray[np.uint8]) -> View:
        height, width = (max(1, round(side * COARSE_FACTOR)) for side in labels.shape)
        return self._resize(picture, labels, height, width)

    @staticmethod
    def _resize(
        picture: NDArray[np.uint8], labels: NDArray[np.uint8], height: int, width: int
    ) -> View:
        resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return Pyramid(picture).resize(height, width), np.asarray(resized, dtype=np.uint8)


class Batches:
    """Augmented batches, one per step."""

    def __init__(
        self,
        pictures: WorkingPictures,
        *,
        crop_px: tuple[int, int],
        batch: int,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self._pictures, self._seed = pictures, seed
        self._crop_px, self._batch, self._augmentation = crop_px, batch, augmentation

    def make(self, step: int, *, coarse: bool) -> tuple[Tensor, Tensor]:
        """The batch of a step: pictures (B, h, w, 3) uint8 and labels (B, h, w) int64.

        A ``coarse`` one has twice as many crops at half the resolution. It is made when it is asked
        for: a thread that made it ahead would bring a second team of threads onto the same cores.
        """
        size = self._batch * 2 if coarse else self._batch
        factor = COARSE_FACTOR if coarse else 1.0
        crop_shape = (int(self._crop_px[0] * factor), int(self._crop_px[1] * factor))
        views = []
        # A coarse batch takes two steps' worth of the order; it may repeat, not skip.
        for slot in range(size):
            position = step * self._batch + slot
            index = pick_index(position, len(self._pictures), seed=self._seed)
            picture, labels = self._pictures.read(index, coarse=coarse)
            rng = np.random.default_rng((self._seed, step, slot))
            views.append(
                augment(
                    picture, labels, crop_shape=crop_shape, settings=self._augmentation, rng=rng
                )
            )
        return (
            torch.from_numpy(np.stack([view[0] for view in views])),
            torch.from_numpy(np.stack([view[1] for view in views])).long(),
        )


def pick_index(position: int, count: int, *, seed: int) -> int:
    """Index of a picture out of ``count``: every one once per epoch, in a new order each."""
    epoch, place = divmod(position, count)
    return int(np.random.default_rng((seed, epoch)).permutation(count)[place])
