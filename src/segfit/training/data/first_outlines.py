"""Outlines to learn from: a classifier's, or without one the truth's made coarse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide_partition
from segfit.model.architecture import ClassifierArchitecture
from segfit.partition import Partition
from segfit.refinement.truth import draw_first_outlines
from segfit.result.scores import Scores


@dataclass(frozen=True, eq=False)
class FinishedClassifier:
    """A classifier whose outlines are to be refined.

    ``score``: what it says of an image. ``architecture``: what it is built like. ``threshold``: as
    in ``Decision``.
    """

    score: Callable[[UInt8Array], Scores]
    architecture: ClassifierArchitecture
    threshold: float = 0.5


@dataclass(frozen=True)
class FirstOutlines:
    """Where outlines that are to be refined come from."""

    classes: ClassTable
    classifier: FinishedClassifier | None

    def score(self, image: UInt8Array) -> Scores | None:
        """The classifier's scores of an image (H, W, 3); None without a classifier."""
        return None if self.classifier is None else self.classifier.score(image)

    def draw(
        self,
        labels: UInt8Array,
        class_count: int,
        scores: Scores | None,
        rng: np.random.Generator,
    ) -> tuple[Partition, float]:
        """Outlines of an image with labels (H, W), and how far off they are, about, in pixels."""
        if self.classifier is None or scores is None:
            return draw_first_outlines(labels, class_count, rng)
        decision = Decision(self.classifier.threshold)
        return decide_partition(scores, decision, self.classes), scores.cell_px
