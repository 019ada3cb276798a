"""What a training shows while it runs: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from segfit.cli.display.terminal import draw_class, print_line, show_bar
from segfit.model.card import RefinerCard
from segfit.training.log import TrainingLog

if TYPE_CHECKING:
    from segfit.datasets import LabelledData
    from segfit.training import TrainingResult
    from segfit.training.events import Event, OutlineRound, RectangleRound, Round, Step
    from segfit.training.plan.plan import Plan
    from segfit.training.train import Preparation

PLAIN_SECONDS = 10.0
"""Between the lines of progress where the output is not a terminal."""
LOSS_SMOOTHING = 0.95
"""Decay per step of the running mean that is shown of the loss."""
CURVE_WIDTH = 24
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    ``budget_seconds``: from its first step to the written file; None where the plan gives the
    steps. ``loss``: a running mean. ``curve``: validation mean IoU, round by round. ``outlines``:
    the last validation of the regression network, whose training follows; ``rectangles``: of the
    network for rectangles, which comes last.
    """

    budget_seconds: float | None = None
    step: int = 0
    steps: int = 0
    loss: float = math.nan
    learning_rate: float = math.nan
    seconds: float = 0.0
    curve: tuple[float, ...] = ()
    best: float = math.nan
    outlines: OutlineRound | None = None
    rectangles: RectangleRound | None = None
    weight: float = 0.0  # of the steps that the loss is the mean of

    def after_step(self, step: Step) -> Progress:
        """The progress after one more step."""
        weight = LOSS_SMOOTHING * self.weight + 1
        before = 0.0 if math.isnan(self.loss) else self.loss
        return replace(
            self,
            step=step.step,
            steps=step.steps,
            loss=before + (step.loss - before) / weight,
            learning_rate=step.learning_rate,
            seconds=step.seconds,
            weight=weight,
        )

    def after_round(self, done: Round) -> Progress:
        """The progress after one more validation."""
        return replace(
            self,
            step=done.step,
            steps=done.steps,
            seconds=done.seconds,
            curve=(*self.curve, done.mean_iou),
            best=done.best_mean_iou,
        )

    def after_outline_round(self, done: OutlineRound) -> Progress:
        """The progress after one more validation of the regression network."""
        return replace(self, step=done.step, steps=done.steps, seconds=done.seconds, outlines=done)

    def after_rectangle_round(self, done: RectangleRound) -> Progress:
        """The progress after one more validation of the network for rectangles."""
        return replace(
            self, step=done.step, steps=done.steps, seconds=done.seconds, rectangles=done
        )

    @property
    def share(self) -> float:
        """How much of the training is done, 0 to 1: of its time, or of its steps."""
        if self.budget_seconds is not None:
            return min(1.0, self.seconds / max(self.budget_seconds, 1e-6))
        return self.step / self.steps if self.steps else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time to the end, or None before the first step."""
        if self.budget_seconds is not None:
            return max(0.0, self.budget_seconds - self.seconds)
        return self.seconds / self.step * (self.steps - self.step) if self.step else None


class TrainingDisplay:
    """Follows a training from the data to the last round; as a context, it clears up at the end.

    ``show_data``, ``show_prepared``, ``show_step`` and ``show_round`` take what training reports.
    """

    def __init__(
        self, console: Console, *, title: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.progress = Progress()
        self._console, self._title, self._clock = console, title, clock
        self._began = self._last_line = clock()
        self._shown = ExitStack()
        self._on_data: Callable[[int, int], None] | None = None
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
        self.progress = Progress(budget_seconds=budget)
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
        """Take a validation into account; in plain output, a line each."""
        self.progress = self.progress.after_round(done)
        if self._live is not None:
            self._live.update(self._render())
        else:
            self._print(describe_round(self.progress, done))

    def show_outline_round(self, done: OutlineRound) -> None:
        """Take a validation of the regression network into account; in plain output, a line."""
        self.progress = self.progress.after_outline_round(done)
        if self._live is not None:
            self._live.update(self._render())
        else:
            self._print(
                f"outlines, step {_format_steps(self.progress)}  {describe_outlines(done)}  "
                f"{_format_left(self.progress)}"
            )

    def show_rectangle_round(self, done: RectangleRound) -> None:
        """Take a validation of the network for rectangles into account; in plain output, a line."""
        self.progress = self.progress.after_rectangle_round(done)
        if self._live is not None:
            self._live.update(self._render())
        else:
            self._print(
                f"rectangles, step {_format_steps(self.progress)}  {describe_rectangles(done)}  "
                f"{_format_left(self.progress)}"
            )

    def _print(self, line: str) -> None:
        print_line(self._console, line)
        self._last_line = self._clock()

    def _render(self) -> RenderableType:
        return render_progress(self.progress, title=self._title)


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
    threads: int | None = None,
) -> TrainingResult:
    """Train as ``segfit.train`` does, with a display and a log that follow it.

    Raises ``SegfitError`` for what ``segfit.train`` refuses, and where training is not installed.
    """
    from segfit.training import train
    from segfit.training.events import OutlineRound, RectangleRound, Round, Step

    class_names: tuple[str, ...] = ()

    def on_prepared(prepared: Preparation) -> None:
        nonlocal class_names
        class_names = prepared.data.classes.names
        display.show_prepared(prepared)
        if log is not None:
            log.write_preparation(prepared, seed=None if resume else seed)

    def on_event(event: Event) -> None:
        if isinstance(event, Round):
            display.show_round(event)
        elif isinstance(event, OutlineRound):
            display.show_outline_round(event)
        elif isinstance(event, RectangleRound):
            display.show_rectangle_round(event)
        elif isinstance(event, Step):
            display.show_step(event)
        if log is not None:
            log.write_event(event, class_names)

    with display:
        result = train(
            data,
            output,
            base=base,
            component=component,  # type: ignore[arg-type]  # an unknown component is refused by name
            minutes=minutes,
            plan=plan,
            seed=seed,
            resume=resume,
            force=force,
            strict=strict,
            split_objects=split_objects,
            threads=threads,
            on_data=display.show_data,
            on_prepared=on_prepared,
            on_event=on_event,
        )
    if log is not None:
        log.write_end(result)
    return result


def render_preparation(prepared: Preparation) -> RenderableType:
    """The data that was found, what there is to say about it, and the plan with its reasons."""
    counts = [f"{len(split)} in {name}" for name, split in prepared.data.splits.items()]
    notes = _list_sentences(prepared.data.notes)
    reasons = _list_sentences(prepared.reasons)
    return Group(
        Text(f"images: {', '.join(counts)}"),
        _render_classes(prepared.data),
        *notes,
        _render_plan(prepared.plan),
        *reasons,
    )


def render_result(result: TrainingResult) -> RenderableType:
    """The end of a training: figures per class, and where the model is."""
    card = result.card
    megabytes = result.path.stat().st_size / 1e6
    place = f"model: {result.path} ({megabytes:.1f} MB)"
    if isinstance(card, RefinerCard):
        won = card.regressor.metrics
        return Group(
            Text(
                f"outlines are {won['error_px']:.2f} px off instead of "
                f"{won['error_before_px']:.2f}; measured on {won['measured_on']}"
            ),
            Text(place),
        )
    figures = card.metrics
    table = Table("class", Column("IoU", justify="right"))
    for name, color in zip(card.classes.names, card.classes.colors, strict=True):
        iou = figures["iou"][name]
        table.add_row(draw_class(name, color), "–" if iou is None else f"{iou:.3f}")
    table.add_section()
    table.add_row("mean", f"{figures['mean_iou']:.3f}")
    table.add_row("pixel accuracy", f"{figures['pixel_accuracy']:.3f}")
    lines = [f"measured on {figures['measured_on']}, from which the best round was chosen"]
    if card.regressor is not None:
        won = card.regressor.metrics
        lines.append(
            f"with the regression network: mean IoU {won['mean_iou']:.3f} instead of "
            f"{won['mean_iou_before']:.3f}; outlines {won['error_px']:.2f} px off instead of "
            f"{won['error_before_px']:.2f}"
        )
    if card.classes.is_binary:
        lines.append(
            f"threshold {card.threshold:g}: pixels more probable than that are "
            f"{card.classes.names[1]}"
        )
    lines += [*result.notes, place]
    return Group(table, *(Text(line) for line in lines))


def _render_classes(data: LabelledData) -> RenderableType:
    table = Table("class")
    for title in ("share of pixels", "in images"):
        table.add_column(title, justify="right")
    stats = data.splits["train"].stats
    total_px = sum(sum(one.class_pixels) for one in stats)
    for index, (name, color) in enumerate(
        zip(data.classes.names, data.classes.colors, strict=True)
    ):
        areas_px = [one.class_pixels[index] for one in stats]
        table.add_row(
            draw_class(name, color),
            f"{sum(areas_px) / max(1, total_px):.1%}",
            str(sum(area_px > 0 for area_px in areas_px)),
        )
    return table


def _render_plan(plan: Plan) -> RenderableType:
    table = Table("plan", "value")
    idle = {"minutes" if plan.steps else "steps", "" if plan.encoder == "plain" else "widths"}
    idle.add("scaling.factor" if plan.scaling.kind == "frame" else "scaling.long_side_px")
    for key, value in _flatten(plan.model_dump(mode="json")):
        if key in idle:
            continue
        table.add_row(Text(key), Text(str(value)))
    return table


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _list_sentences(sentences: Sequence[str]) -> list[RenderableType]:
    rows = Table.grid(padding=(0, 1))
    for sentence in sentences:
        rows.add_row("•", Text(sentence))
    return [rows] if sentences else []


def render_progress(progress: Progress, *, title: str) -> RenderableType:
    """The live panel: a bar with the time left, the loss, and the validation curve."""
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right")
    bar.add_row(
        ProgressBar(total=1.0, completed=progress.share),
        Text(f"{progress.share:4.0%}  {_format_left(progress)}"),
    )
    figures = Table.grid(padding=(0, 2))
    figures.add_column(style="dim")
    figures.add_row("step", _format_steps(progress))
    figures.add_row(
        "loss", f"{_format(progress.loss)}   learning rate {_format_rate(progress.learning_rate)}"
    )
    if progress.curve:
        validation = Text(f"{_format(progress.curve[-1])}   best ")
        validation.append(_format(progress.best), style="bold green")
        validation.append(f"   {draw_sparkline(progress.curve[-CURVE_WIDTH:])}", style="cyan")
        figures.add_row("validation mean IoU", validation)
    else:
        figures.add_row("validation mean IoU", Text("after the first round", style="dim"))
    if progress.outlines is not None:
        figures.add_row("outlines", describe_outlines(progress.outlines))
    if progress.rectangles is not None:
        figures.add_row("rectangles", describe_rectangles(progress.rectangles))
    return Panel(Group(bar, figures), title=Text(title), title_align="left", border_style="blue")


def describe_step(progress: Progress) -> str:
    """One line of plain output on where a training stands."""
    return (
        f"step {_format_steps(progress)}  loss {_format(progress.loss)}  "
        f"learning rate {_format_rate(progress.learning_rate)}  {_format_left(progress)}"
    )


def describe_round(progress: Progress, done: Round) -> str:
    """One line of plain output on a validation."""
    return (
        f"round {len(progress.curve)}, step {_format_steps(progress)}  "
        f"loss {_format(progress.loss)}  mean IoU {_format(done.mean_iou)} "
        f"(best {_format(done.best_mean_iou)})  pixel accuracy {_format(done.pixel_accuracy)}  "
        f"{_describe_objects(done)}{_format_left(progress)}"
    )


def _describe_objects(done: Round) -> str:
    quality = done.panoptic_quality
    return "" if quality is None else f"panoptic quality {_format(quality)}  "


def describe_outlines(done: OutlineRound) -> str:
    """What the regression network gains so far."""
    return (
        f"{done.error_before_px:.2f} → {done.error_px:.2f} px off, "
        f"mean IoU {_format(done.mean_iou_before)} → {_format(done.mean_iou)}"
    )


def describe_rectangles(done: RectangleRound) -> str:
    """What the network for boxes gains so far."""
    return f"IoU {_format(done.iou_before)} → {_format(done.iou)}"


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


def _format_steps(progress: Progress) -> str:
    about = "about " if progress.budget_seconds is not None else ""
    # The first steps of a timed training are taken before their number is known.
    known = progress.budget_seconds is None or progress.steps < 50_000
    return f"{progress.step} of {about}{progress.steps}" if known else f"{progress.step}"


def _format_left(progress: Progress) -> str:
    left = progress.seconds_left
    return "" if left is None else f"{format_seconds(left)} left"


def _format(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _format_rate(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1e}"
