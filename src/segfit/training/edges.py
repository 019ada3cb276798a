"""Training of a segmentation network with one output: how many people would draw an edge here.

Shapes: ``B`` crops of a batch, ``h, w`` their size; ``H, W`` an image.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.arrays import UInt8Array
from segfit.classes import IGNORE
from segfit.datasets.drawn import DrawnImage, DrawnImages
from segfit.networks.classifier import Classifier
from segfit.training.classifier import group_weights
from segfit.training.data.augment import Augmentation, Labelled
from segfit.training.data.batches import Batch, Batches
from segfit.training.engine import FIRST_GUESS_STEPS, State, TrainingInRounds
from segfit.training.events import EdgeRound, OnEvent
from segfit.training.schedule import Pace

FULL_SHARE = 250
"""What a share of 1 is in 8 bits; ``IGNORE`` lies above it."""
LARGEST_GRADIENT = 5.0
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


class EdgeTraining(TrainingInRounds[EdgeRound]):
    """A training that can be stopped after any round, and resumed from its ``state``.

    ``encoder_rate``: what the encoder's learning rate is multiplied by. ``budget_seconds``: wall
    clock; None where ``steps`` are given.
    """

    round_type = EdgeRound
    network: Classifier
    averaged: Classifier

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
        steps: int = FIRST_GUESS_STEPS,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.seed, self.full_rate, self.schedule = seed, learning_rate, "cosine"
        self.network = network
        self.averaged = copy.deepcopy(network).eval()
        groups = group_weights(network, learning_rate, encoder_rate=encoder_rate)
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
        self.batches = Batches(
            EdgeImages(training),
            crop_px=crop_px,
            batch=batch,
            augmentation=augmentation,
            seed=seed,
        )
        chosen = np.linspace(0, len(validation) - 1, min(VALIDATED, len(validation)))
        self.validation = [
            Labelled(drawn.image, draw_shares(drawn))
            for drawn in (validation[index] for index in chosen.round().astype(int).tolist())
        ]
        self.pace = Pace(coarse_share=0.0, steps=steps, budget_seconds=budget_seconds)

    def run(self, *, on_event: OnEvent, save: Callable[[State], None]) -> Classifier:
        """Train to the end; ``save`` gets the state after every round. Returns the average."""
        started = time.perf_counter() - self.seconds
        self.run_rounds(started, on_event=on_event, save=save)
        return self.averaged

    def _learn(self) -> float:
        batch = self.batches.make(self.step, coarse=False)
        torch.manual_seed(self.seed * 1_000_003 + self.step)  # dropout, the same after a restart
        self.network.train()
        loss = self._measure(self.network, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self._average()
        return loss.item()

    def _measure(self, network: Classifier, batch: Batch) -> Tensor:
        logits, _, _ = network.score(batch.images)  # (B, 1, h/s, w/s)
        size = batch.labels.shape[-2:]
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)[:, 0]
        return share_loss(logits, batch.labels)

    def _validate(self) -> dict[str, Any]:
        losses = []
        with torch.inference_mode():
            for labelled in self.validation:
                height, width = (side // 32 * 32 for side in labelled.labels.shape)
                batch = Batch(
                    torch.from_numpy(labelled.image[None, :height, :width].copy()),
                    torch.from_numpy(labelled.labels[None, :height, :width]).long(),
                    None,
                )
                losses.append(self._measure(self.averaged, batch).item())
        return {"loss": float(np.mean(losses))}


def share_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy between probabilities and the shares of people, known pixels' mean.

    ``logits``: (B, h, w). ``shares``: (B, h, w) int64, in 8 bits, or ``IGNORE``.
    """
    known = (shares != IGNORE).float()
    target = torch.where(shares == IGNORE, 0, shares).float() / FULL_SHARE
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
