"""Diagrams as SVG within the page: lines and dots, colored by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from segfit.classes import Color
from segfit.metrics.calibration import ReliabilityRow
from segfit.metrics.figures import format_figure
from segfit.report.intervals import Estimate
from segfit.report.learning import LearningCurve
from segfit.report.markup import BETTER, WORSE, judge, show_interval, sign, text

BAR_WIDTH, BAR_HEIGHT = 150, 18
LEFT, TOP, RIGHT, BOTTOM = 56, 14, 22, 46
"""Room for the axes of a diagram."""
LONE_BIN = 0.03
"""How wide the band is at a bin whose neighbours have no interval, in confidence."""

Point = tuple[float, float]


def name_class(name: str, color: Color) -> str:
    """A class's name after its color."""
    return (
        '<span class="class"><svg class="swatch" width="12" height="12" viewBox="0 0 12 12" '
        f'aria-hidden="true"><rect width="12" height="12" rx="3" fill="rgb{color}"/></svg>'
        f"{text(name)}</span>"
    )


def choose_floor(estimates: Iterable[Estimate]) -> float:
    """Where bars begin: a tenth below the lowest end of any."""
    ends = [
        estimate.value if estimate.interval is None else estimate.interval.low
        for estimate in estimates
        if not math.isnan(estimate.value)
    ]
    return max(0.0, math.floor(10 * min(ends, default=0.0) - 0.2) / 10)


def draw_interval(estimate: Estimate, *, floor: float) -> str:
    """A figure as a dot, its interval as a bar, on a line from ``floor`` to 1."""
    if math.isnan(estimate.value):
        return ""

    def place(value: float) -> float:
        return 6 + (BAR_WIDTH - 12) * (min(max(value, floor), 1) - floor) / (1 - floor)

    bar = ""
    if estimate.interval is not None:
        low, high = place(estimate.interval.low), place(estimate.interval.high)
        bar = f'<rect class="bar" x="{low:.1f}" y="5" width="{max(high - low, 1):.1f}" height="8"/>'
    said = f"{format_figure(estimate.value)}, interval {show_interval(estimate)}"
    return _frame_bar(
        said, f'{bar}<circle class="dot" cx="{place(estimate.value):.1f}" cy="9" r="4"/>'
    )


def draw_difference(estimate: Estimate, *, reach: float) -> str:
    """A difference as a dot, its interval as a bar, on a line from ``-reach`` to ``reach``."""
    if math.isnan(estimate.value):
        return ""

    def place(value: float) -> float:
        return BAR_WIDTH / 2 + (BAR_WIDTH / 2 - 6) * min(max(value / reach, -1), 1)

    middle = f'<path class="zero" d="M{BAR_WIDTH / 2:g} 1V17"/>'
    bar, kind, said = "", "", sign(estimate.value)
    if estimate.interval is not None:
        low, high = place(estimate.interval.low), place(estimate.interval.high)
        kind = {BETTER: "good", WORSE: "bad"}.get(judge(estimate), "")
        bar = f'<rect class="bar" x="{low:.1f}" y="5" width="{max(high - low, 1):.1f}" height="8"/>'
        said += f", interval {sign(estimate.interval.low)} to {sign(estimate.interval.high)}"
    dot = f'<circle class="dot" cx="{place(estimate.value):.1f}" cy="9" r="4"/>'
    return _frame_bar(said, f'{middle}<g class="{kind}">{bar}{dot}</g>')


def _frame_bar(said: str, inside: str) -> str:
    return (
        f'<svg class="strip" width="{BAR_WIDTH}" height="{BAR_HEIGHT}" '
        f'viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" role="img" aria-label="{said}">'
        f'<path class="track" d="M6 9H{BAR_WIDTH - 6}"/>{inside}</svg>'
    )


def draw_reliability(rows: Sequence[ReliabilityRow], accuracies: Sequence[Estimate]) -> str:
    """How often the answer is right, over how sure the model says it is; below, how many pixels.

    ``accuracies``: those of the rows, of which intervals make the band.
    """
    size, counts_height = 330, 56
    side = size - LEFT - RIGHT
    base = TOP + side

    def place(confidence: float, accuracy: float) -> Point:
        return LEFT + confidence * side, base - accuracy * side

    total = sum(row.count for row in rows)
    known = [row for row in rows if row.count]
    quarters = [0, 0.25, 0.5, 0.75, 1.0]
    parts = [_draw_axes(place, quarters, quarters, names=(".0%", ".0%"))]
    parts.append(f'<path class="ideal" d="{_line([place(0, 0), place(1, 1)])}"/>')
    for run in _list_runs(rows, accuracies):
        above, below = ([place(x, (low, high)[end]) for x, low, high in run] for end in (1, 0))
        parts.append(f'<path class="band" d="{_line([*above, *reversed(below)])}Z"/>')
    for row in known:
        x, right = place(row.confidence, row.accuracy)
        _, said = place(row.confidence, row.confidence)
        parts.append(f'<path class="gap" d="M{x:.1f} {said:.1f}V{right:.1f}"/>')
    line = _line([place(row.confidence, row.accuracy) for row in known])
    parts.append(f'<path class="line" d="{line}"/>')
    counts_base = base + BOTTOM + counts_height
    for row in known:
        x, y = place(row.confidence, row.accuracy)
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>says '
            f"{row.confidence:.1%}, is right in {row.accuracy:.1%} of {row.count:,} px</title>"
            "</circle>"
        )
        left, width = LEFT + row.low * side, (row.high - row.low) * side - 2
        height = max(1.0, counts_height * row.count / total)
        parts.append(
            f'<rect class="count" x="{left + 1:.1f}" y="{counts_base - height:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )
    parts.append(_write(LEFT + side / 2, base + 34, "how sure the model says it is", "middle"))
    parts.append(
        f'<text x="14" y="{TOP + side / 2:g}" text-anchor="middle" '
        f'transform="rotate(-90 14 {TOP + side / 2:g})">how often it is right</text>'
    )
    parts.append(_write(LEFT + side / 2, counts_base + 16, "share of the pixels", "middle"))
    return _frame(size, counts_base + 24, "Calibration: accuracy over confidence", parts)


def _list_runs(
    rows: Sequence[ReliabilityRow], accuracies: Sequence[Estimate]
) -> Iterator[list[tuple[float, float, float]]]:
    """Confidence and interval of neighbouring bins that have one; a bin alone is made wider."""
    for has_interval, run in groupby(
        zip(rows, accuracies, strict=True), key=lambda pair: pair[1].interval is not None
    ):
        if not has_interval:
            continue
        known = [(row.confidence, one.interval) for row, one in run if one.interval is not None]
        if len(known) == 1:
            (confidence, interval) = known[0]
            known = [(confidence - LONE_BIN / 2, interval), (confidence + LONE_BIN / 2, interval)]
        yield [(confidence, interval.low, interval.high) for confidence, interval in known]


def draw_learning(curve: LearningCurve) -> str:
    """Mean IoU over the number of labelled images: points, curve, interval."""
    width, height = 640, 320
    numbers = [float(point.images) for point in curve.points]
    values = [point.mean_iou for point in curve.points]
    shown_numbers = numbers if curve.numbers is None else [*numbers, *curve.numbers.tolist()]
    shown_values = values if curve.mean_iou is None else [*values, *curve.mean_iou.tolist()]
    columns = _choose_ticks(max(shown_numbers))
    most = columns[-1]
    floor = max(0.0, math.floor(10 * min(shown_values) - 0.5) / 10)
    ceiling = min(1.0, math.ceil(10 * max(shown_values) + 0.5) / 10)

    def place(images: float, mean_iou: float) -> Point:
        share = (min(max(mean_iou, floor), ceiling) - floor) / (ceiling - floor)
        return (
            LEFT + images / most * (width - LEFT - RIGHT),
            height - BOTTOM - share * (height - TOP - BOTTOM),
        )

    steps = max(2, round((ceiling - floor) * 10))
    ticks = [floor + step * (ceiling - floor) / steps for step in range(steps + 1)]
    parts = [_draw_axes(place, columns, ticks, names=("g", ".2g"))]
    if curve.numbers is not None and curve.mean_iou is not None:
        at = curve.numbers.tolist()
        if curve.low is not None and curve.high is not None:
            above = [place(x, y) for x, y in zip(at, curve.high.tolist(), strict=True)]
            below = [place(x, y) for x, y in zip(at, curve.low.tolist(), strict=True)]
            parts.append(f'<path class="band" d="{_line([*above, *reversed(below)])}Z"/>')
        drawn = list(zip(at, curve.mean_iou.tolist(), strict=True))
        known = [place(x, y) for x, y in drawn if x <= max(numbers)]
        ahead = [place(x, y) for x, y in drawn if x >= max(numbers)]
        parts.append(f'<path class="line" d="{_line(known)}"/>')
        parts.append(f'<path class="line ahead" d="{_line(known[-1:] + ahead)}"/>')
    for images, value in zip(numbers, values, strict=True):
        x, y = place(images, value)
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5">'
            f"<title>{images:g} images: mean IoU {value:.3f}</title></circle>"
        )
    middle = LEFT + (width - LEFT - RIGHT) / 2
    parts.append(_write(middle, height - 8, "labelled images to learn from", "middle"))
    parts.append(
        f'<text x="14" y="{height / 2:g}" text-anchor="middle" '
        f'transform="rotate(-90 14 {height / 2:g})">mean IoU</text>'
    )
    return _frame(width, height, "Learning curve: mean IoU over labelled images", parts)


def _choose_ticks(most: float) -> list[float]:
    """Round numbers from 0 to the most or just above it, four to eight of them."""
    rough = most / 5
    scale = 10 ** math.floor(math.log10(rough))
    step = next(scale * nice for nice in (1, 2, 5, 10) if scale * nice >= rough)
    step = max(1.0, step)
    return [step * index for index in range(math.ceil(most / step) + 1)]


def _draw_axes(
    place: Callable[[float, float], Point],
    columns: Sequence[float],
    rows: Sequence[float],
    *,
    names: tuple[str, str],
) -> str:
    """Grid lines with what they stand for, written as the two formats of ``names`` have it."""
    parts = []
    for column in columns:
        (x, below), (_, above) = place(column, rows[0]), place(column, rows[-1])
        parts.append(f'<path class="grid" d="M{x:.1f} {below:.1f}V{above:.1f}"/>')
        parts.append(_write(x, below + 16, format(column, names[0]), "middle"))
    for row in rows:
        (left, y), (right, _) = place(columns[0], row), place(columns[-1], row)
        parts.append(f'<path class="grid" d="M{left:.1f} {y:.1f}H{right:.1f}"/>')
        parts.append(_write(left - 6, y + 4, format(row, names[1]), "end"))
    return "".join(parts)


def _line(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""


def _write(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(said)}</text>'


def _frame(width: float, height: float, said: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{said}">'
        f"{''.join(parts)}</svg>"
    )
