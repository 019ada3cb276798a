"""Training images → batches: the batch of a step depends on nothing but the seed and the step.

Shapes: ``B`` crops of a batch, ``h, w`` their size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segfit.basics.arrays import Int32Array, Int64Array, UInt8Array
from segfit.datasets import Dataset
from segfit.imaging.pyramid import Pyramid
from segfit.model.scaling import Scaling
from segfit.training.data.augment import Augmentation, Labelled, augment, find_foreground
from segfit.training.data.parts import mark_parts
from segfit.training.distributed import ALONE, Team

CACHE_BYTES = 2 << 30
COARSE_FACTOR = 0.5


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops to learn from: ``images`` (B, h, w, 3) uint8, ``labels`` (B, h, w) int64, and the
    ``objects`` (B, h, w) int32, None where no class has any; negative where only parts of them are
    labelled, see ``mark_parts``.
    """

    images: Tensor
    labels: Tensor
    objects: Int32Array | None

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same with its tensors changed."""
        return replace(self, images=change(self.images), labels=change(self.labels))


class Images(Protocol):
    """What batches are made of."""

    def __len__(self) -> int: ...

    def read(self, index: int, *, coarse: bool) -> Labelled:
        """An image with its labels and objects; ``coarse``: at half the working resolution."""
        ...


class WorkingImages:
    """Labelled images at working resolution, and at half of it; kept while memory allows.

    Several threads may read at once.
    """

    def __init__(self, dataset: Dataset, scaling: Scaling) -> None:
        self._dataset, self._scaling = dataset, scaling
        self._keeping = Lock()
        self._kept: dict[tuple[int, bool], Labelled] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, index: int, *, coarse: bool) -> Labelled:
        """An image with its labels and objects; ``coarse``: at half the working resolution."""
        key = (index, coarse)
        if key in self._kept:
            return self._kept[key]
        view = self._shrink(self.read(index, coarse=False)) if coarse else self._load(index)
        grids = (view.image, view.labels, view.objects)
        size = sum(grid.nbytes for grid in grids if grid is not None)
        with self._keeping:
            if key not in self._kept and self._kept_bytes + size <= CACHE_BYTES:
                self._kept[key] = view
                self._kept_bytes += size
        return view

    def _load(self, index: int) -> Labelled:
        example = self._dataset[index]
        working = self._scaling.prepare(Pyramid(example.image))
        return resize_truth(working, example.labels, example.objects)

    def _shrink(self, labelled: Labelled) -> Labelled:
        height, width = (max(1, round(side * COARSE_FACTOR)) for side in labelled.labels.shape)
        half = Pyramid(labelled.image).resize(height, width)
        return resize_truth(half, labelled.labels, labelled.objects)


def resize_truth(image: UInt8Array, labels: UInt8Array, objects: Int32Array | None) -> Labelled:
    """An image with labels and objects of its size, which are made from larger ones."""

    def resize(grid: NDArray[Any]) -> NDArray[Any]:
        size = image.shape[1::-1]
        return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST_EXACT))

    return Labelled(image, resize(labels), None if objects is None else resize(objects))


class Batches:
    """Augmented batches, one per step; of several processes' batches, the own share.

    ``oversampling``: share of the crops that are laid about a pixel which is no ``background``,
    wherever the image has any; the others lie anywhere.
    """

    def __init__(
        self,
        images: Images,
        *,
        crop_px: tuple[int, int],
        batch: int,
        augmentation: Augmentation,
        seed: int,
        background: int | None = None,
        oversampling: float = 0.0,
        team: Team = ALONE,
    ) -> None:
        self._images, self._seed, self._team = images, seed, team
        self._background, self._oversampling = background, oversampling
        self._crop_px, self._batch, self._augmentation = crop_px, batch, augmentation

    def make(self, step: int, *, coarse: bool) -> Batch:
        """The batch of a step.

        A ``coarse`` one has twice as many crops at half the resolution. On the processor it is made
        when it is asked for: a thread that made it ahead would bring a second team of threads onto
        the same cores.
        """
        size = self._batch * 2 if coarse else self._batch
        factor = COARSE_FACTOR if coarse else 1.0
        crop_shape = (int(self._crop_px[0] * factor), int(self._crop_px[1] * factor))
        views = []
        # A coarse batch takes two steps' worth of the order; it may repeat, not skip.
        for slot in self._team.share(size):
            position = step * self._batch + slot
            index = pick_index(position, len(self._images), seed=self._seed)
            labelled = mark_parts(self._images.read(index, coarse=coarse))
            rng = np.random.default_rng((self._seed, step, slot))
            views.append(
                augment(
                    labelled,
                    crop_shape=crop_shape,
                    settings=self._augmentation,
                    rng=rng,
                    shown=self._choose_shown(labelled, rng),
                )
            )
        objects = [view.objects for view in views if view.objects is not None]
        return Batch(
            images=torch.from_numpy(np.stack([view.image for view in views])),
            labels=torch.from_numpy(np.stack([view.labels for view in views])).long(),
            objects=np.stack(objects) if objects else None,
        )

    def _choose_shown(self, labelled: Labelled, rng: np.random.Generator) -> tuple[int, int] | None:
        """A pixel that a crop is laid about, None for a crop anywhere."""
        if self._background is None or self._oversampling == 0:
            return None
        if rng.random() >= self._oversampling:
            return None
        return find_foreground(labelled.labels, self._background, rng)

    def halve(self) -> int | None:
        """Take half as many crops from now on; returns how many, None where there is but one."""
        if self._batch == 1:
            return None
        self._batch //= 2
        return self._batch


def pick_index(position: int, count: int, *, seed: int) -> int:
    """Index of an image out of ``count``: every one once per epoch, in a new order each."""
    epoch, place = divmod(position, count)
    return int(_order_epoch(epoch, count, seed=seed)[place])


@lru_cache(maxsize=2)  # a batch may end one epoch and begin the next
def _order_epoch(epoch: int, count: int, *, seed: int) -> Int64Array:
    return np.random.default_rng((seed, epoch)).permutation(count)
