"""What a training tells of while it runs: each step, and each validation with its figures."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Step:
    """One step done; ``seconds`` since the training began, breaks between runs left out."""

    kind: ClassVar[str] = "step"

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """The figures by name; of a step none is a class's."""
        return asdict(self)


@dataclass(frozen=True)
class Round(ABC):
    """One validation done, of the averaged weights.

    A component's rounds add their figures. ``kind`` names them in a log, ``title`` on the screen.
    """

    kind: ClassVar[str]
    title: ClassVar[str]

    step: int
    steps: int
    seconds: float

    @property
    @abstractmethod
    def curve_value(self) -> float:
        """The figure whose course over the rounds says most."""

    @property
    def worth(self) -> float:
        """By what the best round is chosen; of equal ones it is the last."""
        return 0.0

    @abstractmethod
    def describe(self) -> str:
        """The figures in a line."""

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """All figures by name, those of classes by the classes' names."""
        return asdict(self)


@dataclass(frozen=True)
class ClassifierRound(Round):
    """A validation of the segmentation network; ``iou`` per class, NaN where absent.

    ``best_mean_iou``: of the round whose weights are kept. ``panoptic_quality``: None for a network
    that does not tell objects apart.
    """

    kind = "round"
    title = "validation"

    mean_iou: float
    pixel_accuracy: float
    iou: tuple[float, ...]
    best_mean_iou: float
    panoptic_quality: float | None = None

    @property
    def curve_value(self) -> float:
        """Mean IoU."""
        return self.mean_iou

    @property
    def worth(self) -> float:
        """Mean IoU, or how well objects are found: they may be in pieces where pixels are right."""
        return self.mean_iou if self.panoptic_quality is None else self.panoptic_quality

    def describe(self) -> str:
        """Mean IoU, pixel accuracy, and panoptic quality where objects are told apart."""
        figures = (
            f"mean IoU {format_share(self.mean_iou)} (best {format_share(self.best_mean_iou)})  "
            f"pixel accuracy {format_share(self.pixel_accuracy)}"
        )
        if self.panoptic_quality is None:
            return figures
        return f"{figures}  panoptic quality {format_share(self.panoptic_quality)}"

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """All figures by name, the IoU by class."""
        return {**asdict(self), "iou": dict(zip(class_names, self.iou, strict=True))}


@dataclass(frozen=True)
class OutlineRound(Round):
    """A validation of the outline regressor; the figures are ``OutlineValidation``'s."""

    kind = "outlines"
    title = "outlines"

    error_before_px: float
    error_px: float
    mean_iou_before: float
    mean_iou: float
    within_one: float

    @property
    def curve_value(self) -> float:
        """How far off the outlines are."""
        return self.error_px

    def describe(self) -> str:
        """How far off outlines are, and mean IoU, before → after."""
        return (
            f"{self.error_before_px:.2f} → {self.error_px:.2f} px off, mean IoU "
            f"{format_share(self.mean_iou_before)} → {format_share(self.mean_iou)}"
        )


@dataclass(frozen=True)
class BoxRound(Round):
    """A validation of the box regressor; the figures are ``BoxValidation``'s."""

    kind = "boxes"
    title = "boxes"

    iou_before: float
    iou: float
    edge_error_before_px: float
    edge_error_px: float
    within_one: float

    @property
    def curve_value(self) -> float:
        """IoU with the true boxes."""
        return self.iou

    def describe(self) -> str:
        """IoU with the true boxes, before → after."""
        return f"IoU {format_share(self.iou_before)} → {format_share(self.iou)}"


@dataclass(frozen=True)
class EdgeRound(Round):
    """A validation of an edge detector: ``loss`` as in ``share_loss``."""

    kind = "edges"
    title = "edges"

    loss: float

    @property
    def curve_value(self) -> float:
        """The loss."""
        return self.loss

    def describe(self) -> str:
        """The loss."""
        return f"loss on validation images {format_share(self.loss)}"


@dataclass(frozen=True)
class SmallerBatch:
    """A card had too little memory: from now on ``batch`` crops are learned from at once."""

    kind: ClassVar[str] = "smaller_batch"

    step: int
    seconds: float
    batch: int

    def describe(self) -> str:
        """What happened, in a line."""
        return (
            f"the card has too little memory for a step: its batch is {self.batch} from now on "
            f"(--batch {self.batch} would begin with that)"
        )

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """The figures by name; none is a class's."""
        return asdict(self)


Event = Step | Round | SmallerBatch
OnEvent = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """Take no notice of an event."""


def format_share(value: float) -> str:
    """Write a figure to three digits, NaN as a dash.

    >>> format_share(0.5), format_share(math.nan)
    ('0.500', '–')
    """
    return "–" if math.isnan(value) else f"{value:.3f}"
