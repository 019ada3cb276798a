"""What a training begins with and what became of it, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from segfit.basics.text import list_first
from segfit.cli.display.cards import describe_offsets
from segfit.cli.display.terminal import draw_class
from segfit.metrics.figures import format_figure
from segfit.model.card import ModelCard, RefinerCard

if TYPE_CHECKING:
    from segfit.datasets import LabelledData
    from segfit.training import TrainingResult
    from segfit.training.plan.plan import Plan
    from segfit.training.preparation import Preparation


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
        gained = card.regressor.metrics
        return Group(
            Text(
                f"outlines are {gained['error_px']:.2f} px off instead of "
                f"{gained['error_before_px']:.2f}; measured on {gained['measured_on']}"
            ),
            Text(place),
        )
    lines = [*_describe_result(card), *result.notes, place]
    return Group(_render_figures(card), *(Text(line) for line in lines))


def _render_figures(card: ModelCard) -> Table:
    figures = card.metrics
    table = Table(_column("class"), _column("IoU", justify="right"))
    for name, color in zip(card.classes.names, card.classes.colors, strict=True):
        iou = figures["iou"][name]
        table.add_row(draw_class(name, color), _format_known(iou))
    table.add_section()
    table.add_row("mean", _format_known(figures["mean_iou"]))
    table.add_row("pixel accuracy", f"{figures['pixel_accuracy']:.3f}")
    return table


def _format_known(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"


def _describe_result(card: ModelCard) -> list[str]:
    offsets = describe_offsets(card)
    chosen = "the best round and the offsets of logits were" if offsets else "the best round was"
    lines = [f"measured on {card.metrics['measured_on']}, from which {chosen} chosen"]
    absent = [name for name, iou in card.metrics["iou"].items() if iou is None]
    if absent:
        lines.append(f"no pixel of {list_first(absent, limit=5)} in these images: not measured")
    if offsets:
        lines.append(f"logits of classes {offsets}")
    if card.regressor is not None:
        gained = card.regressor.metrics
        lines.append(
            f"with the regression network: mean IoU {format_figure(gained['mean_iou'])} instead of "
            f"{format_figure(gained['mean_iou_before'])}; outlines {gained['error_px']:.2f} px off "
            f"instead of {gained['error_before_px']:.2f}"
        )
    if card.classes.is_binary:
        lines.append(
            f"threshold {card.threshold:g}: pixels more probable than that are "
            f"{card.classes.names[1]}"
        )
    return lines


def _render_classes(data: LabelledData) -> RenderableType:
    table = Table(
        _column("class"),
        _column("share of pixels", justify="right"),
        _column("in images", justify="right"),
    )
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
    table = Table(_column("plan"), _column("value"))
    idle = {"minutes" if plan.steps else "steps", "" if plan.encoder == "plain" else "widths"}
    idle.add("scaling.factor" if plan.scaling.kind == "frame" else "scaling.long_side_px")
    for key, value in _flatten(plan.model_dump(mode="json")):
        if key in idle:
            continue
        table.add_row(Text(key), Text(str(value)))
    return table


def _column(title: str, *, justify: Any = "left") -> Column:
    """A column that cuts nothing off: what is too long continues on the next line."""
    return Column(title, justify=justify, overflow="fold")


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _list_sentences(sentences: Sequence[str]) -> list[RenderableType]:
    rows = Table.grid(_column(""), _column(""), padding=(0, 1))
    for sentence in sentences:
        rows.add_row("•", Text(sentence))
    return [rows] if sentences else []
