"""A small PointRend (Kirillov et al., CVPR 2020) on a classifier that is done.

A network of linear layers answers for single points: those where the classes are nearest to each
other, on grids that double their resolution until they reach the image's. It is trained as the
regression network is: on augmented views of the training images, their logits perturbed so that the
classifier errs as it does on new ones.

Shapes: ``H, W`` an image; ``h, w`` the score grid; ``K`` classes; ``F`` features; ``V`` points;
``N`` numbers that the network sees of a point.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alternative_methods import ScoredImage, as_class_scores
from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.classes import IGNORE
from segfit.imaging.sampling import sample_bilinear
from segfit.result.scores import Scores
from segfit.training.data.perturbation import perturb_scores
from segfit.training.data.views import DrawView
from segfit.training.engine import average_into, decay_at_start

WIDTH = 128
PATCH_SIDE = 3
"""Image samples around a point, a cell of its grid apart."""
LEVELS_PER_UNIT, LOGITS_PER_UNIT = 64.0, 4.0
POINTS_PER_STEP = 4096
OVERSAMPLING, UNCERTAIN_SHARE = 3, 0.75
"""As in the paper: of three times the points, the uncertain ones make three quarters."""
LEARNING_RATE = 2e-3
AVERAGE_STEPS = 100


class PointHead(nn.Module):
    """Three hidden layers over the vector of a point, each of which sees the coarse logits again.

    The answer is a change to the coarse logits, none before it has learned anything.
    """

    def __init__(self, *, features: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        first = features + 3 * PATCH_SIDE**2 + 1 + classes
        self.hidden = nn.ModuleList(nn.Linear(c, WIDTH) for c in (first, *[WIDTH + classes] * 2))
        self.head = nn.Linear(WIDTH + classes, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Map (V, N), coarse logits last, to logits (V, K)."""
        coarse = vectors[:, -self.classes :]
        x = vectors
        for layer in self.hidden:
            x = torch.cat([F.relu(layer(x)), coarse / LOGITS_PER_UNIT], dim=1)
        logits: Tensor = coarse + self.head(x)
        return logits


@dataclass(frozen=True)
class PointTraining:
    """A trained head, and what it took."""

    head: PointHead
    steps: int
    seconds: float
    loss: float


def train_point_head(
    views: DrawView,
    *,
    score: Callable[[UInt8Array], Scores],
    threshold: float,
    minutes: float,
    seed: int,
) -> PointTraining:
    """Train a head for so many minutes of wall clock; the rate falls to 0 along half a cosine."""
    torch.manual_seed(seed)
    head: PointHead | None = None
    began, step, loss_average = time.perf_counter(), 0, 0.0
    while (passed := (time.perf_counter() - began) / (60 * minutes)) < 1:
        view, rng = views(step), np.random.default_rng((seed, step))
        scores = as_class_scores(perturb_scores(score(view.image), rng), threshold)
        if head is None:
            assert scores.features is not None
            head = PointHead(features=len(scores.features), classes=len(scores.logits))
            averaged = copy.deepcopy(head).eval()
            optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE)
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * passed))
        vectors, points = draw_points(view.image, scores, rng)
        columns, rows = points.astype(np.int64).T
        targets = torch.from_numpy(view.labels[rows, columns].astype(np.int64))
        losses = F.cross_entropy(head(vectors), targets, ignore_index=IGNORE, reduction="none")
        loss = losses.sum() / (targets != IGNORE).sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(1 - 1 / AVERAGE_STEPS, decay_at_start(step))
        average_into(averaged, head, decay=decay)
        loss_average += (1 - decay) * (loss.item() - loss_average)
        step += 1
    return PointTraining(averaged, step, time.perf_counter() - began, loss_average)


def draw_points(
    image: UInt8Array, scores: Scores, rng: np.random.Generator
) -> tuple[Tensor, Float32Array]:
    """Points of an image to learn from, most of them uncertain: vectors (V, N), places (V, 2)."""
    height, width = image.shape[:2]
    steps_px = [scores.covered_shape[1] / columns for _, columns in list_grids(scores)]
    step_px = steps_px[rng.integers(len(steps_px))]
    size = np.array([width, height], np.float32)
    points = rng.random((OVERSAMPLING * POINTS_PER_STEP, 2), dtype=np.float32) * size
    points = np.minimum(points, size - np.float32(0.01))
    planes = scores.logits
    logits = sample_grid(torch.from_numpy(planes[None]), points, scores.covered_shape)
    best = logits.topk(2, dim=1).values
    uncertain = round(UNCERTAIN_SHARE * POINTS_PER_STEP)
    order = (best[:, 0] - best[:, 1]).argsort().numpy()
    others = rng.permutation(order[uncertain:])[: POINTS_PER_STEP - uncertain]
    chosen = points[np.concatenate([order[:uncertain], others])]
    levels = halve_often(image, coarsest_px=steps_px[0])
    grid = torch.from_numpy(scores.to_grid())
    return describe_points(chosen, grid, levels, scores.covered_shape, step_px), chosen


def refine_points(scored: ScoredImage, *, head: PointHead, share: float) -> UInt8Array:
    """Double the scores' resolution until it is the image's, asking the head where it matters.

    ``share`` of the image's pixels: so many points are asked for at every doubling.
    """
    scores = scored.class_scores
    covered_height, covered_width = scores.covered_shape
    count = round(share * covered_height * covered_width)
    grid = torch.from_numpy(scores.to_grid())
    grids = list_grids(scores)
    levels = halve_often(scored.image, coarsest_px=covered_width / grids[0][1])
    logits = scores.logits
    for rows, columns in grids:
        logits = np.stack([cv2.resize(plane, (columns, rows)) for plane in logits])
        flat = logits.reshape(len(logits), -1)  # a view: what is written there is in logits
        margin = find_margin(flat)
        cells = np.arange(margin.size)
        if count < margin.size:
            cells = np.argpartition(margin, count)[:count]
        places = np.stack([cells % columns, cells // columns], axis=1) + np.float32(0.5)
        stretch = np.array([covered_width / columns, covered_height / rows])
        points = (places * stretch).astype(np.float32)
        step_px = covered_width / columns
        with torch.inference_mode():
            vectors = describe_points(points, grid, levels, scores.covered_shape, step_px)
            flat[:, cells] = head(vectors).numpy().T
    height, width = scores.image_shape
    return logits[:, :height, :width].argmax(axis=0).astype(np.uint8)


def list_grids(scores: Scores) -> list[tuple[int, int]]:
    """Rows and columns of the grids, each twice the one before, the last one the image's own."""
    height, width = scores.logits.shape[1:]
    doublings = max(1, math.ceil(math.log2(scores.cell_px) - 1e-6))
    between = [(height * 2**power, width * 2**power) for power in range(1, doublings)]
    return [*between, scores.covered_shape]


def find_margin(planes: Float32Array) -> Float32Array:
    """How far the best of planes (K, P) is above the second, (P,)."""
    best, second = np.maximum(planes[0], planes[1]), np.minimum(planes[0], planes[1])
    for plane in planes[2:]:
        second = np.maximum(second, np.minimum(best, plane))
        best = np.maximum(best, plane)
    return best - second


def describe_points(
    points: Float32Array,
    grid: Tensor,
    levels: list[UInt8Array],
    covered_shape: tuple[int, int],
    step_px: float,
) -> Tensor:
    """What the head sees of points (V, 2): colors around, log2 of the step, features and logits.

    ``grid``: (1, F + K, h, w). ``levels``: the image, and its halves, quarters …
    """
    reach = np.arange(PATCH_SIDE) - (PATCH_SIDE - 1) / 2
    around = np.stack(np.meshgrid(reach, reach), axis=2).reshape(-1, 2) * step_px
    patches = points[:, None] + around.astype(np.float32)  # (V, patch, 2)
    level = levels[min(max(0, math.floor(math.log2(step_px) + 1e-6)), len(levels) - 1)]
    stretch = np.array(level.shape[1::-1]) / np.array(levels[0].shape[1::-1])
    planes = np.moveaxis(patches * stretch.astype(np.float32), -1, 0)  # (2, V, patch)
    colors = sample_bilinear(level, np.ascontiguousarray(planes))
    colors = (colors.reshape(len(points), -1).astype(np.float32) - 128) / LEVELS_PER_UNIT
    scale = torch.full((len(points), 1), math.log2(step_px))
    sampled = sample_grid(grid, points, covered_shape)
    return torch.cat([torch.from_numpy(colors), scale, sampled], dim=1)


def sample_grid(grid: Tensor, points: Float32Array, covered_shape: tuple[int, int]) -> Tensor:
    """Bilinear samples of a grid (1, C, h, w) at points (V, 2) of the image, (V, C)."""
    height, width = covered_shape
    positions = torch.from_numpy(points * np.array([2 / width, 2 / height], np.float32) - 1)
    sampled = F.grid_sample(
        grid, positions[None, None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return sampled[0, :, 0].T


def halve_often(image: UInt8Array, *, coarsest_px: float) -> list[UInt8Array]:
    """The image, its half, its quarter …, down to pixels as wide as ``coarsest_px``."""
    levels = [image]
    while 2 ** len(levels) <= coarsest_px and min(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        size = (width + 1) // 2, (height + 1) // 2
        half = cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return levels
