"""What a training shows while it runs: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from segfit.basics.progress import OnProgress
from segfit.cli.display.terminal import print_line, show_bar
from segfit.cli.display.training_progress import TrainingProgress
from segfit.cli.display.training_tables import render_preparation

if TYPE_CHECKING:
    from segfit.training.events import Round, Step
    from segfit.training.preparation import Preparation

PLAIN_SECONDS = 10.0
"""Between the lines of progress where the output is not a terminal."""
CURVE_WIDTH = 24
_BARS = "▁▂▃▄▅▆▇█"


class TrainingDisplay:
    """Follows a training from the data to the last round; as a context, it clears up at the end.

    ``show_data``, ``show_prepared``, ``show_step`` and ``show_round`` take what training reports.
    """

    def __init__(
        self, console: Console, *, title: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.progress = TrainingProgress()
        self._console, self._title, self._clock = console, title, clock
        self._began = self._last_line = clock()
        self._shown = ExitStack()
        self._on_data: OnProgress | None = None
        self._live: Live | None = None

    def __enter__(self) -> TrainingDisplay:
        return self

    def __exit__(self, *exception: object) -> None:
        self._shown.close()
        self._live = None

    def show_data(self, done: int, total: int) -> None:
        """Show that the labelled images are being read."""
        if self._on_data is None:
            self._on_data = self._shown.enter_context(show_bar(self._console, "reading the data"))
        self._on_data(done, total)

    def show_prepared(self, prepared: Preparation) -> None:
        """Show data and plan, and then how the training proceeds."""
        self._shown.close()
        self._console.print(render_preparation(prepared))
        plan = prepared.plan
        spent = self._clock() - self._began
        budget = None if plan.steps else max(1.0, plan.minutes * 60 - spent)
        self.progress = TrainingProgress(budget_seconds=budget)
        self._last_line = self._clock()
        if self._console.is_terminal:
            live = Live(self._render(), console=self._console, refresh_per_second=4)
            self._live = self._shown.enter_context(live)

    def show_step(self, step: Step) -> None:
        """Take a step into account; in plain output, a line every ten seconds."""
        self.progress = self.progress.after_step(step)
        if self._live is not None:
            self._live.update(self._render())
        elif self._clock() - self._last_line >= PLAIN_SECONDS:
            self._print(describe_step(self.progress))

    def show_round(self, done: Round) -> None:
        """Take a validation of any component into account; in plain output, a line each."""
        self.progress = self.progress.after_round(done)
        if self._live is not None:
            self._live.update(self._render())
        else:
            self._print(describe_round(self.progress, done))

    def show_note(self, line: str) -> None:
        """Print a line, above the panel if there is one."""
        self._print(line)

    def _print(self, line: str) -> None:
        print_line(self._console, line)
        self._last_line = self._clock()

    def _render(self) -> RenderableType:
        return render_progress(self.progress, title=self._title)


def render_progress(progress: TrainingProgress, *, title: str) -> RenderableType:
    """The live panel: a bar with the time left, the loss, and each component's validations."""
    bar = Table.grid(Column(ratio=1), Column(justify="right"), padding=(0, 1), expand=True)
    bar.add_row(
        ProgressBar(total=1.0, completed=progress.share),
        Text(f"{progress.share:4.0%}  {_format_left(progress)}"),
    )
    figures = Table.grid(Column(style="dim"), Column(overflow="fold"), padding=(0, 2))
    figures.add_row("step", _format_steps(progress))
    figures.add_row(
        "loss", f"{_format(progress.loss)}   learning rate {_format_rate(progress.learning_rate)}"
    )
    if not progress.rounds:
        figures.add_row("validation", Text("after the first round", style="dim"))
    for rounds in progress.rounds_by_kind.values():
        last = rounds[-1]
        curve = draw_sparkline([done.curve_value for done in rounds[-CURVE_WIDTH:]])
        figures.add_row(last.title, Text(last.describe()))
        figures.add_row("", Text(curve, style="cyan"))
    return Panel(Group(bar, figures), title=Text(title), title_align="left", border_style="blue")


def describe_step(progress: TrainingProgress) -> str:
    """One line of plain output on where a training stands."""
    return (
        f"step {_format_steps(progress)}  loss {_format(progress.loss)}  "
        f"learning rate {_format_rate(progress.learning_rate)}  {_format_left(progress)}"
    )


def describe_round(progress: TrainingProgress, done: Round) -> str:
    """One line of plain output on the last validation."""
    number = len(progress.rounds_by_kind[done.kind])
    return (
        f"{done.kind} {number}, step {_format_steps(progress)}  loss {_format(progress.loss)}  "
        f"{done.describe()}  {_format_left(progress)}"
    )


def draw_sparkline(values: Sequence[float]) -> str:
    """Draw values as bars from the lowest to the highest of them; NaN as a gap.

    >>> draw_sparkline([0.1, 0.45, 0.8])
    '▁▅█'
    """
    known = [value for value in values if not math.isnan(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return "".join(
        " " if math.isnan(value) else _BARS[round((value - low) / span * (len(_BARS) - 1))]
        for value in values
    )


def format_seconds(seconds: float) -> str:
    """Write a duration as minutes and seconds, or with hours.

    >>> format_seconds(75.2), format_seconds(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _format_steps(progress: TrainingProgress) -> str:
    about = "about " if progress.budget_seconds is not None else ""
    if not progress.knows_steps:
        return str(progress.step)
    return f"{progress.step} of {about}{progress.steps}"


def _format_left(progress: TrainingProgress) -> str:
    left = progress.seconds_left
    return "" if left is None else f"{format_seconds(left)} left"


def _format(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _format_rate(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1e}"
