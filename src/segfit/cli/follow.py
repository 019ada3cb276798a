"""Runs a training under a display, and writes its log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segfit.cli.display.training_panel import TrainingDisplay
    from segfit.imaging.channels import Channels
    from segfit.training import TrainingResult
    from segfit.training.events import Event
    from segfit.training.log import TrainingLog
    from segfit.training.preparation import Preparation


def follow_training(
    display: TrainingDisplay,
    data: str | os.PathLike[str],
    output: Path,
    *,
    log: TrainingLog | None = None,
    component: str = "both",
    base: str | None = None,
    minutes: float | None = None,
    plan: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    split_objects: bool = False,
    channels: Channels | None = None,
    threads: int | None = None,
) -> TrainingResult:
    """Train as ``segfit.train`` does, with a display and a log that follow it.

    Raises ``SegfitError`` for what ``segfit.train`` refuses, and where training is not installed.
    """
    from segfit.training import train

    follower = Follower(display, log, seed=None if resume else seed)
    with display:
        result = train(
            data,
            output,
            base=base,
            component=component,
            minutes=minutes,
            plan=plan,
            seed=seed,
            resume=resume,
            force=force,
            strict=strict,
            split_objects=split_objects,
            channels=channels,
            threads=threads,
            on_data=display.show_data,
            on_prepared=follower.take_preparation,
            on_event=follower.take_event,
        )
    if log is not None:
        log.write_end(result)
    return result


class Follower:
    """Passes on what a training reports, to a display and a log; ``seed`` as in the log."""

    def __init__(
        self, display: TrainingDisplay, log: TrainingLog | None, *, seed: int | None
    ) -> None:
        self._display, self._log, self._seed = display, log, seed
        self._class_names: tuple[str, ...] = ()

    def take_preparation(self, prepared: Preparation) -> None:
        """Show and write what training begins with."""
        self._class_names = prepared.data.classes.names
        self._display.show_prepared(prepared)
        if self._log is not None:
            self._log.write_preparation(prepared, seed=self._seed)

    def take_event(self, event: Event) -> None:
        """Show and write a step or a validation."""
        from segfit.training.events import Step

        if isinstance(event, Step):
            self._display.show_step(event)
        else:
            self._display.show_round(event)
        if self._log is not None:
            self._log.write_event(event, self._class_names)
