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
    """One validation done, of the averaged weights; ``iou`` per class, NaN where absent."""

    step: int
    steps: int
    mean_iou: float
    pixel_accuracy: float
    iou: tuple[float, ...]
    best_mean_iou: float
    seconds: float


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


Event = Step | Round | OutlineRound | RectangleRound
OnEvent = Callable[[Event], None]
