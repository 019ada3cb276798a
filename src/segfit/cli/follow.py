"""Follows a training by a display and a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segfit.cli.display.training_panel import TrainingDisplay
    from segfit.training import TrainingResult
    from segfit.training.events import Event
    from segfit.training.log import TrainingLog
    from segfit.training.preparation import Preparation


class Follower:
    """Passes on what a training reports, to a display and a log; as a context, shows the display.

    ``seed``: as in the log. A training takes ``show_data``, ``take_preparation`` and ``take_event``
    as ``on_data``, ``on_prepared`` and ``on_event``.
    """

    def __init__(
        self, display: TrainingDisplay, log: TrainingLog | None = None, *, seed: int | None = None
    ) -> None:
        self._display, self._log, self._seed = display, log, seed
        self._class_names: tuple[str, ...] = ()
        self.show_data = display.show_data

    def __enter__(self) -> Follower:
        self._display.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._display.__exit__(*exception)

    def take_preparation(self, prepared: Preparation) -> None:
        """Show and write what training begins with."""
        self._class_names = prepared.data.classes.names
        self._display.show_prepared(prepared)
        if self._log is not None:
            self._log.write_preparation(prepared, seed=self._seed)

    def take_event(self, event: Event) -> None:
        """Show and write a step, a validation, or what else there is to tell."""
        from segfit.training.events import Round, Step

        if isinstance(event, Step):
            self._display.show_step(event)
        elif isinstance(event, Round):
            self._display.show_round(event)
        else:
            self._display.show_note(event.describe())
        if self._log is not None:
            self._log.write_event(event, self._class_names)

    def take_result(self, result: TrainingResult) -> None:
        """Write what has become of a training."""
        if self._log is not None:
            self._log.write_end(result)
