"""The StarDist way on our encoder and decoder: object probability and 32 radial distances.

Schmidt et al., MICCAI 2018: every cell of an object predicts how likely it is its middle and how
far the object's border is along 32 directions; of overlapping polygons the likeliest stays.

Shapes: ``h, w`` a crop; ``s`` the output stride; ``R`` rays; ``C`` candidates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.basics.arrays import Float32Array, Int32Array, UInt8Array
from segfit.classes import IGNORE
from segfit.classification.classify import pad_image
from segfit.datasets import LabelledData
from segfit.datasets.stats import measure_depth
from segfit.imaging.pyramid import Pyramid
from segfit.networks.blocks import separable_conv
from segfit.networks.classifier import Classifier
from segfit.training.classifier import ClassifierTraining
from segfit.training.events import ClassifierRound
from segfit.training.optimizers import make_optimizer
from segfit.training.plan.plan import Plan
from segfit.training.torch_state import use_seed

RAYS = 32
ANGLES = np.arange(RAYS) * (2 * np.pi / RAYS)
DIRECTIONS = np.stack([np.cos(ANGLES), np.sin(ANGLES)])
"""x and y of each ray, (2, R)."""
DISTANCE_WEIGHT = 0.2
"""Of the distances' loss, as StarDist has it."""
UNIT_PX = 8.0
"""Distances are predicted in this unit, so that they are about as large as probabilities."""
LONGEST_PX = 200


class StarTraining(ClassifierTraining):
    """Our training, with a head of probability and distances instead of ours for objects."""

    def __init__(
        self, data: LabelledData, plan: Plan, *, seed: int, budget_seconds: float | None
    ) -> None:
        super().__init__(data, plan, seed=seed, budget_seconds=budget_seconds)
        self.class_count = len(data.classes)
        width = self.network.architecture.feature_width
        with use_seed(seed):
            self.network.object_head = nn.Sequential(
                separable_conv(width, width), nn.Conv2d(width, 1 + RAYS, 1)
            )
        self.optimizer = make_optimizer(self.network, plan)

    def losses(self, step: int, *, coarse: bool) -> Iterator[Tensor]:
        """The loss of the step's batch."""
        batch = self.batches.make(step, coarse=coarse)
        _, maps, _ = self.network.score(batch.images)
        assert maps is not None
        assert batch.objects is not None
        stride = self.network.architecture.output_stride
        middle = slice(stride // 2, None, stride)
        known = (batch.labels[:, middle, middle] != IGNORE).float()
        yield star_loss(maps, *make_star_targets(batch.objects, stride=stride), known)

    def validate_round(
        self, network: Classifier, rounds: Sequence[ClassifierRound]
    ) -> Mapping[str, Any]:
        """All rounds are alike: what the semantic head says means nothing here."""
        nothing = (math.nan,) * self.class_count
        return {"mean_iou": 0.0, "pixel_accuracy": 0.0, "iou": nothing, "best_mean_iou": 0.0}


def make_star_targets(objects: Int32Array, *, stride: int) -> tuple[Tensor, Tensor]:
    """Probability (N, h/s, w/s) and distances (N, R, h/s, w/s) of crops (N, h, w)."""
    each = [_make_star_target(grid, stride) for grid in objects]
    probability, distances = (torch.from_numpy(np.stack(part)) for part in zip(*each, strict=True))
    return probability, distances


def _make_star_target(objects: Int32Array, stride: int) -> tuple[Float32Array, Float32Array]:
    depth = measure_depth(objects)
    deepest = np.zeros(int(objects.max()) + 1, np.float32)
    np.maximum.at(deepest, objects.ravel(), depth.ravel())
    middle = slice(stride // 2, None, stride)
    cells = objects[middle, middle]
    inside = cells > 0
    probability = np.where(inside, depth[middle, middle] / np.maximum(deepest[cells], 1), 0)
    rows, columns = np.nonzero(inside)
    # All rays of all cells go on together, a pixel at a time, until they leave their object.
    rays, own = np.meshgrid(np.arange(RAYS), cells[inside], indexing="ij")
    x = np.broadcast_to(columns * stride + stride / 2, own.shape).ravel()
    y = np.broadcast_to(rows * stride + stride / 2, own.shape).ravel()
    rays, own = rays.ravel(), own.ravel()
    walled = np.pad(objects, 1)  # outside the crop is no object
    height, width = walled.shape
    reached = np.zeros(own.size, np.float32)
    going = np.arange(own.size)
    for distance in range(1, LONGEST_PX):
        along, down = DIRECTIONS[:, rays[going]] * distance
        column = np.clip(np.floor(x[going] + along).astype(np.int64) + 1, 0, width - 1)
        row = np.clip(np.floor(y[going] + down).astype(np.int64) + 1, 0, height - 1)
        reached[going] = distance
        going = going[walled[row, column] == own[going]]
        if not len(going):
            break
    distances = np.zeros((RAYS, *cells.shape), np.float32)
    distances[:, rows, columns] = reached.reshape(RAYS, -1)
    return probability.astype(np.float32), distances


def star_loss(maps: Tensor, probability: Tensor, distances: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of the probability, and distances' error weighted by the true probability."""
    entropy = F.binary_cross_entropy_with_logits(maps[:, 0], probability, reduction="none")
    wrong_px = (maps[:, 1:] * UNIT_PX - distances).abs().mean(dim=1) * probability
    distance_loss = wrong_px.sum() / probability.sum().clamp(min=1.0)
    return (entropy * known).sum() / known.sum().clamp(min=1.0) + DISTANCE_WEIGHT * distance_loss


def predict_stars(
    network: Classifier, image: UInt8Array, plan: Plan
) -> tuple[Float32Array, Float32Array]:
    """Probability (h/s, w/s) and distances (R, h/s, w/s), in working pixels."""
    working = pad_image(plan.scaling.prepare(Pyramid(image)))
    with torch.inference_mode():
        _, maps, _ = network.score(torch.from_numpy(working[None]))
    assert maps is not None
    planes = maps[0].numpy()
    return 1 / (1 + np.exp(-planes[0])), planes[1:] * UNIT_PX


def suppress(
    probability: Float32Array,
    distances: Float32Array,
    shape: tuple[int, int],
    *,
    stride: int,
    likely: float,
    overlap: float,
) -> Int32Array:
    """Objects (H, W): the likeliest polygons of which none shares too much with a likelier one.

    ``shape``: of the image at working resolution. ``overlap``: share of the smaller of both.
    """
    rows, columns = np.nonzero(probability > likely)
    order = np.argsort(-probability[rows, columns], kind="stable")
    objects = np.zeros(shape, np.int32)
    areas = [0]
    for row, column in zip(rows[order], columns[order], strict=True):
        center = np.array([column, row]) * stride + stride / 2
        x, y = center.astype(int)
        # A candidate whose middle is taken shares nearly all of itself with what took it.
        if y >= shape[0] or x >= shape[1] or objects[y, x]:
            continue
        reach = np.maximum(distances[:, row, column], 1.0)
        points = center[:, None] + reach * DIRECTIONS
        low = np.clip(np.floor(points.min(axis=1)).astype(int), 0, None)
        high = np.clip(np.ceil(points.max(axis=1)).astype(int) + 1, None, shape[::-1])
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        corners = np.rint((points.T - low - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1, shift=4)
        window = objects[low[1] : high[1], low[0] : high[0]]
        inside = mask > 0
        area = int(inside.sum())
        numbers, shared = np.unique(window[inside], return_counts=True)
        too_much = any(
            count > overlap * min(area, areas[number])
            for number, count in zip(numbers.tolist(), shared.tolist(), strict=True)
            if number
        )
        if area == 0 or too_much:
            continue
        areas.append(area)
        window[inside & (window == 0)] = len(areas) - 1
    return objects
