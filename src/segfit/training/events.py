"""What a training tells of while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step done; ``seconds`` since the training began, breaks between runs left out."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Round:
    """One validation done, of the averaged weights; ``iou`` per class, NaN where absent.

    ``best_mean_iou``: of the round whose weights are kept. ``panoptic_quality``: None for a network
    that does not tell objects apart.
    """

    step: int
    steps: int
    mean_iou: float
    pixel_accuracy: float
    iou: tuple[float, ...]
    best_mean_iou: float
    seconds: float
    panoptic_quality: float | None = None

    @property
    def worth(self) -> float:
        """By what the best round is chosen: objects may be in pieces where all pixels are right."""
        return self.mean_iou if self.panoptic_quality is None else self.panoptic_quality


@dataclass(frozen=True)
class OutlineRound:
    """One validation of the regression network done; the figures are ``Judgement``'s."""

    step: int
    steps: int
    error_before_px: float
    error_px: float
    mean_iou_before: float
    mean_iou: float
    within_one: float
    seconds: float


@dataclass(frozen=True)
class RectangleRound:
    """One validation of the box network done; the figures are ``RectangleJudgement``'s."""

    step: int
    steps: int
    iou_before: float
    iou: float
    edge_error_before_px: float
    edge_error_px: float
    within_one: float
    seconds: float


@dataclass(frozen=True)
class EdgeRound:
    """One validation of a network for edges done: ``loss`` as in ``share_loss``."""

    step: int
    steps: int
    loss: float
    seconds: float


Event = Step | Round | OutlineRound | RectangleRound | EdgeRound
OnEvent = Callable[[Event], None]
