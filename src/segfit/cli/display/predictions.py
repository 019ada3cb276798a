"""What was found in images, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from segfit.basics.stores import find_url
from segfit.basics.text import count_noun
from segfit.batch.predict import PredictedImage
from segfit.batch.run import BatchReport
from segfit.classes import ClassTable
from segfit.cli.display.scales import describe_scales
from segfit.cli.display.terminal import FirstThatFits, draw_class, make_table

ROWS_SHOWN = 20
CLASSES_SHOWN = 6
NAME_WIDTH = 40


def render_predictions(
    report: BatchReport[PredictedImage],
    classes: ClassTable,
    output: Path,
    *,
    report_scales: bool = False,
) -> RenderableType:
    """What was found in each image, and how long it took.

    Shares of the background and of the rarer classes are left out where there are many.
    ``report_scales``: whether there is a table, in which lengths have a unit.
    """
    rows = report.done
    mean_shares = np.mean([row.shares for row in rows] or [(0.0,) * len(classes)], axis=0)
    foreground = [index for index in range(len(classes)) if index != classes.background]
    largest = sorted(foreground, key=lambda index: -mean_shares[index])[:CLASSES_SHOWN]
    shown = sorted(largest)
    parts: list[RenderableType] = []
    if rows:
        first = rows[:ROWS_SHOWN]
        parts.append(
            FirstThatFits(_columns_of_classes(first, classes, shown), _lists(first, classes, shown))
        )
    left_out = [
        f"{len(rows) - ROWS_SHOWN} more images" if len(rows) > ROWS_SHOWN else "",
        f"{len(foreground) - CLASSES_SHOWN} rarer classes"
        if len(foreground) > CLASSES_SHOWN
        else "",
    ]
    if any(left_out):
        parts.append(Text(f"not shown: {' and '.join(filter(None, left_out))}", style="dim"))
    parts += [
        Text(f"{row.path.name}: {row.note}", overflow="fold")
        for row in rows[:ROWS_SHOWN]
        if row.note
    ]
    if report_scales:
        parts += describe_scales([(row.path, row.scale, row.scale_note) for row in rows])
    unlike = sum(row.surprise is not None and row.surprise > 1 for row in rows)
    if unlike:
        parts.append(
            Text(f"{describe_unlike(unlike, len(rows))}: look at their results", overflow="fold")
        )
    parts.append(
        Text(
            f"{count_noun(len(rows), 'image')} in {report.seconds:.1f} s"
            f"{describe_before(report)}; results are in {find_url(output) or output}",
            overflow="fold",
        )
    )
    return Group(*parts)


def describe_before(report: BatchReport[Any]) -> str:
    """What follows the number of files that a run has done, where it went on with another one."""
    return f", {report.before:,} had been done before" if report.before else ""


def describe_unlike(unlike: int, images: int) -> str:
    """Say how many images a model has seen nothing like.

    >>> describe_unlike(1, 3)
    '1 of 3 images is unlike those that the model has learned from'
    """
    verb = "is" if unlike == 1 else "are"
    return (
        f"{unlike} of {count_noun(images, 'image')} {verb} unlike those that the model has "
        "learned from"
    )


def _columns_of_classes(
    rows: Sequence[PredictedImage], classes: ClassTable, shown: Sequence[int]
) -> Table:
    """A row for each image, a column for each class."""
    titles = [draw_class(classes.names[index], classes.colors[index]) for index in shown]
    table = make_table("image", numbers=[*titles, "ms"], first_width=NAME_WIDTH)
    for row in rows:
        shares = [f"{row.shares[index]:.1%}" for index in shown]
        table.add_row(Text(row.path.name), *shares, _format_ms(row))
    return table


def _lists(rows: Sequence[PredictedImage], classes: ClassTable, shown: Sequence[int]) -> Table:
    """A row for each image, its classes listed: for many classes, or long names."""
    table = make_table("image", "share of each class", numbers=["ms"], first_width=NAME_WIDTH)
    for row in rows:
        shares = [
            Text.assemble(
                draw_class(classes.names[index], classes.colors[index]), f" {row.shares[index]:.1%}"
            )
            for index in shown
        ]
        table.add_row(Text(row.path.name), Columns(shares, padding=(0, 2)), _format_ms(row))
    return table


def _format_ms(row: PredictedImage) -> str:
    return f"{1000 * row.seconds:.0f}"
