"""The section of a report on what is taken for what."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.text import show_share
from segfit.report.charts import name_class
from segfit.report.content import ReportContent
from segfit.report.markup import NO_FIGURE, make_section, make_table, paragraph, text

LARGEST_MATRIX = 24
"""Classes that a confusion matrix is shown of: more do not fit a page."""
CONFUSIONS_SHOWN = 6
HEAT_STEPS = (0.0005, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
"""Shares from which on a cell of the matrix is a step darker."""


def list_confusions(
    confusion: Float64Array | np.ndarray, names: tuple[str, ...]
) -> list[tuple[float, str, str]]:
    """Shares of a class taken for another one, the largest first, and the two classes."""
    shares = normalise(confusion)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")
    pairs = (divmod(int(place), len(names)) for place in order)
    return [
        (float(shares[true, taken]), names[true], names[taken])
        for true, taken in pairs
        if shares[true, taken] > 0
    ]


def normalise(confusion: np.ndarray) -> Float64Array:
    """Shares of every class's pixels by what they were taken for; 0 where there are none."""
    return np.asarray(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1), np.float64)


def describe_confusion(content: ReportContent) -> str:
    """What is taken for what."""
    report = content.model.figures
    names = report.class_names
    worst = list_confusions(report.confusion, names)[:CONFUSIONS_SHOWN]
    said = [
        f"<li><b>{show_share(share)}</b> of {text(true)} is taken for {text(taken)}</li>"
        for share, true, taken in worst
    ]
    listed = f"<ol>{''.join(said)}</ol>" if said else paragraph("Nothing is mixed up.")
    if len(names) > LARGEST_MATRIX:
        note = paragraph(
            f"The whole matrix of {len(names)} classes does not fit a page.",
            text(content.hints.matrix),
            kind="note",
        )
        return make_section("confusion", "What is taken for what", listed, note)
    shares = normalise(report.confusion)
    rows = []
    for index, name in enumerate(names):
        cells = list(_shade_row(shares[index], report.confusion[index], index))
        rows.append((name_class(name, content.classes.colors[index]), cells))
    matrix = make_table(
        "Share of every true class (rows) by what it was taken for (columns)",
        ["truth ↓ · taken for →", *map(text, names)],
        rows,
        kind="matrix",
    )
    both = f'<div class="beside">{matrix}<div>{listed}</div></div>'
    return make_section("confusion", "What is taken for what", both)


def _shade_row(shares: Float64Array, counts: np.ndarray, true: int) -> Iterator[str]:
    """Cells of a row, darker for more; rows without a pixel have dashes."""
    for index, (share, count) in enumerate(zip(shares.tolist(), counts.tolist(), strict=True)):
        if not counts.sum():
            yield NO_FIGURE
            continue
        step = sum(share >= least for least in HEAT_STEPS)
        kind = "right" if index == true else "wrong"
        shown = "0" if not count else "&lt;0.1" if share < 0.001 else f"{100 * share:.1f}"
        yield f'<span class="heat {kind} h{step}" title="{count:,} px">{shown}</span>'
