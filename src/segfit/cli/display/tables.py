"""Cards of models, and what was found in images, as tables for a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from segfit.batch.predict import PredictionReport
from segfit.classes import ClassTable
from segfit.cli.display.terminal import draw_class
from segfit.model.architecture import OutlineArchitecture
from segfit.model.card import Card, ModelCard, NetworkCard

if TYPE_CHECKING:
    from segfit.batch.fit import FitReport
    from segfit.shapes import Fit
    from segfit.shapes.rows import Scale

ROWS_SHOWN = 20
CLASSES_SHOWN = 6


def render_card(card: Card, path: Path) -> RenderableType:
    """A model's card: what it is for, how well it does it, and where it comes from."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_row("model", Text(card.name, style="bold"))
    if card.description:
        grid.add_row("", Text(card.description))
    if isinstance(card, ModelCard):
        _add_segmenter(grid, card)
    else:
        grid.add_row("kind", "refiner: moves the outlines of masks, by segfit refine")
    if card.regressor is not None:
        grid.add_row("outlines", Text(describe_outlines(card.regressor)))
    for title, text in (
        ("data", card.data),
        ("licence", card.licence),
        ("made", _describe_making(card)),
    ):
        if text:
            grid.add_row(title, Text(text))
    grid.add_row("file", Text(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"))
    return grid


def render_models(models: Sequence[tuple[Path, Card]]) -> RenderableType:
    """One row for each model: name, classes, mean IoU, size, and what it is in a sentence."""
    table = Table("name", "classes")
    for title in ("mean IoU", "MB"):
        table.add_column(title, justify="right")
    table.add_column("what it is")
    for path, card in models:
        classes, mean_iou = "any: a refiner", None
        if isinstance(card, ModelCard):
            classes, mean_iou = ", ".join(card.classes.names), card.metrics.get("mean_iou")
        table.add_row(
            Text(path.stem, style="bold"),
            Text(classes),
            "–" if mean_iou is None else f"{mean_iou:.3f}",
            f"{path.stat().st_size / 1e6:.1f}",
            Text(card.description.partition(". ")[0]),
        )
    return table


def render_predictions(
    report: PredictionReport, classes: ClassTable, output: Path
) -> RenderableType:
    """What was found in each image, and how long it took.

    Shares of the background and of the rarer classes are left out where there are many.
    """
    rows = report.predicted
    mean_shares = np.mean([row.shares for row in rows] or [(0.0,) * len(classes)], axis=0)
    shown = [index for index in range(len(classes)) if index != classes.background]
    largest = sorted(shown, key=lambda index: -mean_shares[index])[:CLASSES_SHOWN]
    table = Table("image")
    for index in sorted(largest):
        table.add_column(draw_class(classes.names[index], classes.colors[index]), justify="right")
    table.add_column("ms", justify="right")
    for row in rows[:ROWS_SHOWN]:
        shares = [f"{row.shares[index]:.1%}" for index in sorted(largest)]
        table.add_row(Text(row.path.name), *shares, f"{1000 * row.seconds:.0f}")
    left_out = [
        f"{len(rows) - ROWS_SHOWN} more images" if len(rows) > ROWS_SHOWN else "",
        f"{len(shown) - CLASSES_SHOWN} rarer classes" if len(shown) > CLASSES_SHOWN else "",
    ]
    parts: list[RenderableType] = [table] if rows else []
    if any(left_out):
        parts.append(Text(f"not shown: {' and '.join(filter(None, left_out))}", style="dim"))
    parts += [Text(f"{row.path.name}: {row.note}") for row in rows[:ROWS_SHOWN] if row.note]
    noun = "image" if len(rows) == 1 else "images"
    parts.append(Text(f"{len(rows)} {noun} in {report.seconds:.1f} s; results are in {output}"))
    return Group(*parts)


def render_methods() -> RenderableType:
    """One row for each classical method: what it is for, when it fails, its settings."""
    from segfit.classical import METHODS

    table = Table("method", "what it is for", "when it fails", "settings")
    for name, kind in METHODS.items():
        settings = [
            f"{key}={json.dumps(field.default)}" if field.default is not None else key
            for key, field in kind.model_fields.items()
        ]
        table.add_row(
            Text(name, style="bold"),
            Text(kind.purpose),
            Text(kind.fails),
            Text(", ".join(settings)),
        )
    return table


def render_fits(report: FitReport, scale: Scale, output: Path) -> RenderableType:
    """The fitted regions of all masks, the first of them in rows, and how many were not fitted."""
    table = Table("region", "shape", "parameters")
    for title in (f"rms {scale.unit}", f"largest {scale.unit}", "IoU"):
        table.add_column(title, justify="right")
    every = [(path, one) for path, mask in report.fitted.items() for one in mask.regions]
    for path, one in every[:ROWS_SHOWN]:
        name = Text(f"{path.stem} {one.number}", overflow="ellipsis", no_wrap=True)
        if one.fit is None:
            table.add_row(name, "–", Text(one.reason), "–", "–", "–")
            continue
        factor = scale.unit_per_px
        table.add_row(
            name,
            one.fit.shape,
            describe_parameters(one.fit, scale),
            f"{one.fit.rms_px * factor:.3g}",
            f"{one.fit.largest_px * factor:.3g}",
            f"{one.fit.iou:.3f}",
        )
    parts: list[RenderableType] = [table] if every else []
    if len(every) > ROWS_SHOWN:
        parts.append(Text(f"not shown: {len(every) - ROWS_SHOWN} more regions", style="dim"))
    without = sum(one.fit is None for _, one in every)
    failed = f", {without} of them without a shape" if without else ""
    parts.append(
        Text(
            f"{len(every)} regions in {len(report.fitted)} masks{failed}, {report.seconds:.1f} s; "
            f"results are in {output}"
        )
    )
    return Group(*parts)


def describe_parameters(fit: Fit, scale: Scale) -> str:
    """What a fit's parameters say of its form, with standard errors, in the scale's unit."""
    from segfit.shapes.rows import is_corner, is_length

    shown = []
    for name, value in fit.parameters.items():
        if is_corner(name) or name in ("x", "y"):
            continue
        factor = scale.unit_per_px if is_length(name) else 1.0
        error = (fit.standard_errors or {}).get(name)
        given = (
            f"{value * factor:.4g}"
            if error is None
            else show_with_error(value * factor, error * factor)
        )
        shown.append(f"{name.removesuffix('_deg')} {given}")
    return "\n".join(shown)


def show_with_error(value: float, error: float) -> str:
    """A value to the second digit of its standard error, and that error.

    >>> show_with_error(41.68234, 0.1873)
    '41.68 ± 0.19'
    >>> show_with_error(1e-11, 2.6)
    '0.0 ± 2.6'
    """
    digits = max(1 - math.floor(math.log10(error)), 0) if 0 < error < math.inf else 4
    return f"{round(value, digits) + 0.0:.{digits}f} ± {error:.2g}"


def describe_objects(card: ModelCard) -> str:
    """Of which classes objects are told apart, and how."""
    names = ", ".join(card.classes.names[index] for index in card.classes.object_classes)
    if card.architecture.has_objects:
        return f"{names}: touching objects are told apart by a head of their own"
    return f"{names}: connected regions are objects"


def describe_outlines(card: NetworkCard[OutlineArchitecture]) -> str:
    """Say how far off outlines are, before and after a regression network moved them."""
    before, after = card.metrics.get("error_before_px"), card.metrics.get("error_px")
    if not isinstance(before, float) or not isinstance(after, float):
        return "moved by a regression network"
    measured_on = card.metrics.get("measured_on")
    where = f", on {measured_on}" if measured_on else ""
    return f"moved by a regression network: {after:.2f} px off instead of {before:.2f}{where}"


def _add_segmenter(grid: Table, card: ModelCard) -> None:
    ious = card.metrics.get("iou")
    known = ious if isinstance(ious, Mapping) else {}
    classes = Table.grid(padding=(0, 2))
    for name, color in zip(card.classes.names, card.classes.colors, strict=True):
        iou = known.get(name)
        classes.add_row(draw_class(name, color), "" if iou is None else f"IoU {iou:.3f}")
    grid.add_row("classes", classes)
    if card.classes.is_binary:
        grid.add_row("threshold", f"{card.threshold:g}")
    if card.classes.object_classes:
        grid.add_row("objects", Text(describe_objects(card)))
    grid.add_row("resolution", str(card.scaling))
    grid.add_row("network", Text(card.architecture.encoder))
    figures = _describe_metrics(card)
    if figures:
        grid.add_row("figures", Text(figures))


def _describe_metrics(card: ModelCard) -> str:
    figures = [
        f"{title} {card.metrics[key]:.3f}"
        for key, title in (("mean_iou", "mean IoU"), ("pixel_accuracy", "pixel accuracy"))
        if isinstance(card.metrics.get(key), float)
    ]
    measured_on = card.metrics.get("measured_on")
    return ", ".join(figures) + (f", on {measured_on}" if figures and measured_on else "")


def _describe_making(card: Card) -> str:
    steps, seed = card.plan.get("trained_steps"), card.plan.get("seed")
    trained = f", {steps} steps with seed {seed}" if steps is not None else ""
    return f"{card.created}, by segfit {card.segfit_version}{trained}"
