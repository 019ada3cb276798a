"""Training of the regression network, from the first step to the last.

Shapes: ``H, W`` a view of a picture; ``V`` vertices of its outlines; ``T`` strip points.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segfit.architecture import RegressorArchitecture
from segfit.datasets import Dataset
from segfit.metrics.region import confusion_matrix, mean_iou
from segfit.networks.regressors import BoundaryRegressor
from segfit.partition import Partition, rasterize
from segfit.partition.untangle import untangle
from segfit.regress import (
    OutlineNetwork,
    Strips,
    choose_steps,
    move_vertices,
    open_scene,
    refine_outlines,
    sample_strips,
    start_walk,
    walk_along,
)
from segfit.training.events import OnEvent, OutlineRound
from segfit.training.loop import QUICK_VALIDATION, pick_evenly
from segfit.training.outlines import (
    Score,
    Truth,
    draw_first_outlines,
    find_offsets,
    read_truth,
)
from segfit.training.pace import Pace
from segfit.training.plan import Plan
from segfit.training.rounds import (
    FIRST_GUESS_STEPS,
    State,
    TrainingInRounds,
    average_into,
    decay_at_start,
)
from segfit.training.views import DrawView

AVERAGE_STEPS = 100
ERROR_WEIGHT = 0.3
"""Of the likelihood of offset and error beside the cross-entropy over strip points."""
LARGEST_SURPRISE = 6.0
"""Standard errors beyond which an offset pulls no harder: labels are wrong now and then."""
JUDGED_STEP_PX = 2.0
"""Outlines are judged by the truth up to eight times as far away."""
SHARE_WITHIN_ONE = 0.683
"""Of a normal distribution, within one standard deviation."""

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass
class Judgement:
    """Outlines of labelled pictures beside the truth's, before and after they were refined.

    A list's entry is a picture's: signed errors and claimed standard errors of points in pixels,
    and confusion matrices.
    """

    before_px: list[Floats] = field(default_factory=list)
    after_px: list[Floats] = field(default_factory=list)
    claimed_px: list[Floats] = field(default_factory=list)
    confusions_before: list[NDArray[np.int64]] = field(default_factory=list)
    confusions: list[NDArray[np.int64]] = field(default_factory=list)

    @property
    def temperature(self) -> float:
        """What claimed errors must be multiplied by for 68 % of the errors to be within one."""
        surprises = self._surprises()
        return float(np.quantile(surprises, SHARE_WITHIN_ONE)) if surprises.size else 1.0

    def to_dict(self) -> dict[str, float]:
        """Mean distances from the truth, mean IoUs, and the share of errors within the claim."""
        surprises = self._surprises()
        return {
            "error_before_px": _mean_size(self.before_px),
            "error_px": _mean_size(self.after_px),
            "mean_iou_before": mean_iou(np.sum(self.confusions_before, axis=0)),
            "mean_iou": mean_iou(np.sum(self.confusions, axis=0)),
            "within_one": float((surprises < 1).mean()) if surprises.size else math.nan,
        }

    def _surprises(self) -> Floats:
        pieces = zip(self.after_px, self.claimed_px, strict=True)
        surprises = np.concatenate([np.abs(errors) / claimed for errors, claimed in pieces])
        return np.asarray(surprises[np.isfinite(surprises)])


class RegressorTraining(TrainingInRounds[OutlineRound]):
    """A training that can be stopped after any round, and go on from its ``state``.

    ``views``: what it learns from. ``score``: the classifier whose outlines are to be refined;
    without one, outlines are made from the truth. ``features``: length of its feature vectors.
    """

    round_type = OutlineRound
    network: BoundaryRegressor
    averaged: BoundaryRegressor

    def __init__(
        self,
        views: DrawView,
        validation: Dataset,
        plan: Plan,
        *,
        score: Score | None,
        features: int,
        threshold: float = 0.5,
        seed: int,
        budget_seconds: float | None,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.seed, self.score, self.views = seed, score, views
        self.threshold = threshold
        self.network = BoundaryRegressor(
            RegressorArchitecture(features=features, width=plan.regressor_width)
        )
        self.averaged = copy.deepcopy(self.network).eval()
        rate = plan.regressor_rate
        group = {"params": list(self.network.parameters()), "lr": rate, "full_rate": rate}
        self.optimizer = torch.optim.AdamW([group])
        self.full_rate, self.schedule = rate, "cosine"
        self.validation = pick_evenly(validation, QUICK_VALIDATION)
        self.pace = Pace(
            coarse_share=0.0,
            steps=plan.steps or FIRST_GUESS_STEPS,
            budget_seconds=None if plan.steps else budget_seconds,
        )

    def run(self, *, on_event: OnEvent, save: Callable[[State], None]) -> BoundaryRegressor:
        """Train to the end; ``save`` gets the state after every round."""
        self.run_rounds(time.perf_counter() - self.seconds, on_event=on_event, save=save)
        return self.averaged

    def _validate(self) -> dict[str, Any]:
        return dict(self.judge(self.validation).to_dict())

    def judge(self, dataset: Dataset) -> Judgement:
        """Compare outlines before and after with the truth's."""
        network = as_outline_network(self.averaged)
        count = len(dataset.classes)
        judgement = Judgement()
        for number, example in enumerate(dataset):
            rng = np.random.default_rng((self.seed, number))
            first, scores, cell_px = draw_first_outlines(
                example.picture,
                example.labels,
                count,
                rng,
                score=self.score,
                threshold=self.threshold,
                shaken=False,
            )
            refined, _ = refine_outlines(
                first, example.picture, network=network, scores=scores, cell_px=cell_px
            )
            truth = read_truth(example.labels, count)
            judgement.before_px.append(measure_errors(first, truth)[0])
            errors_px, claimed_px = measure_errors(refined, truth)
            judgement.after_px.append(errors_px)
            judgement.claimed_px.append(claimed_px)
            for outlines, confusions in (
                (first, judgement.confusions_before),
                (refined, judgement.confusions),
            ):
                labels = outlines.labels[rasterize(outlines)]
                confusions.append(confusion_matrix(example.labels, labels, count))
        return judgement

    def _learn(self) -> float:
        """All passes over one view, each from where the network's own last pass led.

        The network learns after every pass: several steps for the price of one view.
        """
        rng = np.random.default_rng((self.seed, self.step))
        view = self.views(self.step)
        picture, truth = view.picture, view.truth
        partition, scores, cell_px = draw_first_outlines(
            picture,
            view.labels,
            len(truth.shares),
            rng,
            score=self.score,
            threshold=self.threshold,
            shaken=True,
        )
        steps_px = choose_steps(cell_px)
        scene = open_scene(partition, picture, scores, coarsest_px=steps_px[0])
        losses = []
        for step_px in steps_px:
            walk = start_walk(partition, step_px)
            if len(walk.points) == 0:
                break
            logits, log_errors = self.network.answer(*as_tensors(sample_strips(walk, scene)))
            offsets = self.network.mean_near_mode(logits)
            targets = torch.from_numpy(find_offsets(truth, walk))
            loss = outline_loss(logits, offsets, log_errors, targets)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            losses.append(loss.item())
            with torch.no_grad():
                moved = move_vertices(walk, offsets.numpy(), log_errors.exp().numpy())
            partition, _ = untangle(partition, walk.partition, moved)
        decay = min(1 - 1 / AVERAGE_STEPS, decay_at_start(self.step))
        average_into(self.averaged, self.network, decay=decay)
        return sum(losses) / max(1, len(losses))


def outline_loss(logits: Tensor, offsets: Tensor, log_errors: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over the strip points, and the likelihood of offset and standard error.

    ``logits``: (V, T); ``offsets``, ``log_errors``, ``targets``: (V,), in steps. A target between
    two points is shared by both; where it is NaN or beyond the strip, the vertex does not count.
    """
    points = logits.shape[1]
    reach = (points - 1) / 2
    known = torch.isfinite(targets) & (targets.abs() < reach)
    place = torch.where(known, targets, 0.0) + reach
    lower = place.floor().long().clamp(0, points - 2)
    share = place - lower  # (V,)
    log_q = F.log_softmax(logits, dim=1)
    below = log_q.gather(1, lower[:, None])[:, 0]
    above = log_q.gather(1, lower[:, None] + 1)[:, 0]
    cross_entropy = -(below * (1 - share) + above * share)
    surprise = (offsets + reach - place) * torch.exp(-log_errors)
    bounded = surprise.clamp(-LARGEST_SURPRISE, LARGEST_SURPRISE)
    unlikelihood = log_errors + 0.5 * bounded.square()
    weights = known.float()
    total = ((cross_entropy + ERROR_WEIGHT * unlikelihood) * weights).sum()
    return total / weights.sum().clamp(min=1.0)


def measure_errors(
    partition: Partition, truth: Truth
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signed distance of the truth's border along each point's normal, and the error claimed.

    In pixels; only points that have such a border within reach, and none on the picture's edge. The
    claim is NaN where the partition has none.
    """
    walk = walk_along(partition, JUDGED_STEP_PX)
    distances = find_offsets(truth, walk) * JUDGED_STEP_PX
    known = np.isfinite(distances)
    errors = partition.error_px
    claimed = np.full(len(known), np.nan) if errors is None else errors[walk.of_partition]
    return distances[known].astype(np.float64), claimed[known]


def as_tensors(strips: Strips) -> list[Tensor]:
    """The network's inputs, in its order."""
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in strips.inputs().values()]


def as_outline_network(network: BoundaryRegressor) -> OutlineNetwork:
    """A torch module as what ``refine_outlines`` runs."""

    def run(strips: Strips) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            offsets, errors = network(*as_tensors(strips))
        return offsets.numpy(), errors.numpy()

    return run


def _mean_size(pieces: list[Floats]) -> float:
    values = np.concatenate(pieces)
    return float(np.abs(values).mean()) if values.size else math.nan
