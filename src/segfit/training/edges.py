"""What an edge detector learns: how many people would draw an edge here.

A segmentation network with one output. Shapes: ``B`` crops of a batch, ``h, w`` their size;
``H, W`` an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segfit.basics.arrays import UInt8Array
from segfit.classes import IGNORE
from segfit.datasets.drawn import DrawnImage, DrawnImages
from segfit.model.scaling import SIZE_MULTIPLE
from segfit.networks.classifier import Classifier
from segfit.training.data.ahead import Ahead
from segfit.training.data.augment import Augmentation, Labelled
from segfit.training.data.batches import Batch, Batches
from segfit.training.engine import Training
from segfit.training.events import EdgeRound
from segfit.training.inference import as_tensor
from segfit.training.optimizers import WEIGHT_DECAY, group_weights
from segfit.training.placement import ON_CPU, Placement
from segfit.training.schedule import make_schedule

FULL_SHARE = 250
"""What a share of 1 is in 8 bits; ``IGNORE`` lies above it."""
VALIDATED = 20
"""Images that a round validates on."""


class EdgeImages:
    """Images whose labels are shares of people, in 8 bits; all are kept in memory."""

    def __init__(self, images: DrawnImages) -> None:
        self._kept = [Labelled(drawn.image, draw_shares(drawn)) for drawn in images]

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, index: int, *, coarse: bool) -> Labelled:
        """An image with its shares; there are none at a coarser resolution."""
        assert not coarse
        return self._kept[index]


def draw_shares(drawn: DrawnImage) -> UInt8Array:
    """Share of the people who drew an edge within a pixel of each pixel, (H, W), in 8 bits."""
    around = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    near = [cv2.dilate(drawing.edges.view(np.uint8), around) for drawing in drawn.drawings]
    return np.asarray(np.mean(near, axis=0) * FULL_SHARE + 0.5, np.uint8)


class EdgeTraining(Training[Classifier, EdgeRound]):
    """Training of a network that finds edges.

    ``encoder_rate``: what the encoder's learning rate is multiplied by. ``budget_seconds``: wall
    clock; None where ``steps`` are given. ``placement``: where it computes.
    """

    round_type = EdgeRound
    largest_gradient = 5.0

    def __init__(
        self,
        network: Classifier,
        training: DrawnImages,
        validation: DrawnImages,
        *,
        augmentation: Augmentation,
        crop_px: tuple[int, int],
        batch: int,
        learning_rate: float,
        encoder_rate: float,
        seed: int,
        budget_seconds: float | None,
        steps: int | None = None,
        placement: Placement = ON_CPU,
    ) -> None:
        self.placement = placement
        network.to(placement.device)
        self.network, self.seed, self.peak_rate = network, seed, learning_rate
        groups = group_weights(network, learning_rate, encoder_rate=encoder_rate)
        self.optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)
        self.batches = Batches(
            EdgeImages(training),
            crop_px=crop_px,
            batch=batch,
            augmentation=augmentation,
            seed=seed,
        )
        self._ahead = Ahead(self._make_batch, threads=placement.loaders)
        chosen = np.linspace(0, len(validation) - 1, min(VALIDATED, len(validation)))
        self.validation = [
            Labelled(drawn.image, draw_shares(drawn))
            for drawn in (validation[index] for index in chosen.round().astype(int).tolist())
        ]
        self.schedule = make_schedule(steps, budget_seconds)

    def losses(self, step: int, *, coarse: bool) -> Iterator[Tensor]:
        """The loss of the step's batch."""
        batch = self._ahead(step, coarse).each(self.placement.send)
        with self.placement.autocast():
            loss = measure_edges(self.network, batch)
        yield loss

    def halve_batch(self) -> int | None:
        """See ``Training``."""
        self._ahead.forget()
        return self.batches.halve()

    def _make_batch(self, step: int, coarse: bool) -> Batch:
        return self.batches.make(step, coarse=coarse).each(self.placement.pin)

    def validate_round(self, network: Classifier, rounds: Sequence[EdgeRound]) -> Mapping[str, Any]:
        """The mean loss over the validation images."""
        losses = []
        with torch.inference_mode():
            for labelled in self.validation:
                height, width = (
                    side // SIZE_MULTIPLE * SIZE_MULTIPLE for side in labelled.labels.shape
                )
                image = as_tensor(labelled.image[None, :height, :width])
                labels = as_tensor(labelled.labels[None, :height, :width]).long()
                batch = Batch(image, labels, None).each(self.placement.send)
                losses.append(measure_edges(network, batch).item())
        return {"loss": float(np.mean(losses))}


def measure_edges(network: Classifier, batch: Batch) -> Tensor:
    """The loss of a network on a batch whose labels are shares."""
    logits, _, _ = network.score(batch.images)  # (B, 1, h/s, w/s)
    size = batch.labels.shape[-2:]
    logits = F.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)
    return share_loss(logits[:, 0], batch.labels)


def share_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy between probabilities and the shares of people, known pixels' mean.

    ``logits``: (B, h, w). ``shares``: (B, h, w) int64, in 8 bits, or ``IGNORE``.
    """
    known = (shares != IGNORE).float()
    target = torch.where(shares == IGNORE, 0, shares).float() / FULL_SHARE
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
