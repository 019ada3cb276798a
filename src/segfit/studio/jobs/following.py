"""Follows a training by its log while it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST_CURVE = 200


@dataclass(frozen=True)
class Validation:
    """A round's figures of the held-out images; None where a class is not there."""

    step: int
    mean_iou: float | None
    iou: Mapping[str, float | None]


@dataclass
class TrainingFollower:
    """What a log has told so far; ``read`` it again and again.

    ``steps``: of the segmentation network, in the order in which they were taken: step, of how
    many, loss. ``seconds``: of learning, by the last line. ``is_refining``: the outline regressor
    learns. ``minutes``: that the plan has, None before it is known. ``ended``: the model is there.
    """

    path: Path
    steps: list[tuple[int, int, float]] = field(default_factory=list)
    rounds: list[Validation] = field(default_factory=list)
    seconds: float = 0.0
    minutes: float | None = None
    notes: tuple[str, ...] = ()
    is_refining: bool = False
    ended: bool = False
    _is_resumed: bool = False
    _read: int = 0

    def read(self) -> bool:
        """Take in the lines that have come; False where there were none.

        A line that is being written waits for the next time.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                content = file.read()
        except OSError:
            return False
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):  # a line cut short by a crash
                continue
        return bool(whole)

    def list_curve(self) -> list[tuple[int, float]]:
        """Step and loss, of long trainings the mean of so many steps that the list stays short."""
        stride = max(1, -(-len(self.steps) // LONGEST_CURVE))
        groups = [self.steps[at : at + stride] for at in range(0, len(self.steps), stride)]
        return [(group[-1][0], sum(loss for *_, loss in group) / len(group)) for group in groups]

    def _take(self, line: Mapping[str, Any]) -> None:
        event = line["event"]
        if event == "plan":
            self.minutes = line["plan"]["minutes"] if line["plan"].get("steps") is None else None
            self.notes = tuple(line["notes"])
            self._is_resumed = bool(self.steps)
        elif event == "end":
            self.ended = True
        elif event == "step":
            self._take_step(int(line["step"]), int(line["steps"]), line["loss"])
            self.seconds = line["seconds"]
        elif event == "round":
            self.rounds.append(Validation(int(line["step"]), line["mean_iou"], line["iou"]))
            self.seconds = line["seconds"]

    def _take_step(self, step: int, steps: int, loss: float | None) -> None:
        """The regressor counts its steps from 1; what is resumed repeats those of its round."""
        if self._is_resumed and not self.is_refining and not self._is_classifier_done():
            self.steps = [one for one in self.steps if one[0] < step]
            self.rounds = [one for one in self.rounds if one.step < step]
        elif self.steps and step <= self.steps[-1][0]:
            self.is_refining = True
        self._is_resumed = False
        if not self.is_refining and loss is not None:
            self.steps.append((step, steps, float(loss)))

    def _is_classifier_done(self) -> bool:
        step, steps, _ = self.steps[-1]
        return step == steps and bool(self.rounds) and self.rounds[-1].step == step
