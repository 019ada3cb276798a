"""Reports of evaluations as tables for a terminal, however narrow it is and long the names are."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from segfit.evaluation.coverage import CoverageCounts
from segfit.evaluation.edges import EdgeReport
from segfit.evaluation.instances import SHOWN_IOUS, InstanceFigures
from segfit.evaluation.outlines import OutlineFigures, OutlineReport
from segfit.evaluation.report import Report
from segfit.metrics.figures import format_figure

WORST_SHOWN = 3
WORST_EDGES_SHOWN = 5
NAME_WIDTH = 20
"""Of the first column where room is short, in characters: longer names are folded."""
TITLE_WIDTH = 12
"""Of a column of figures: longer titles are folded."""
BORDER_WIDTH = 3
"""What a column adds to a table's width, in characters, beside what it holds."""

Row = tuple[str, Sequence[str]]


def render_report(report: Report | OutlineReport | EdgeReport) -> RenderableType:
    """A report of any evaluation as tables."""
    if isinstance(report, Report):
        return _render_segmentations(report)
    if isinstance(report, OutlineReport):
        return _render_outlines(report)
    return _render_edges(report)


@dataclass(frozen=True)
class FigureTable:
    """Figures under titles, with a name before each row.

    What does not fit side by side in a terminal goes below, under the names again, so that
    nothing is cut. ``name``: title of the names. ``rows``: a name and its figures, ``last``: such
    rows below a line.
    """

    name: str
    titles: Sequence[str]
    rows: Sequence[Row]
    last: Sequence[Row] = ()

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Tables that fit the width."""
        names = [self.name, *(name for name, _ in (*self.rows, *self.last))]
        widths = [self._measure_column(index) for index in range(len(self.titles))]
        room = options.max_width - BORDER_WIDTH - 1
        spare = room - sum(width + BORDER_WIDTH for width in widths)
        name_width = min(max(NAME_WIDTH, spare), max(map(len, names)))
        for chosen in _share_out(widths, room - name_width):
            table = Table()
            table.add_column(Text(self.name), width=name_width, overflow="fold")
            for index in chosen:
                table.add_column(
                    Text(self.titles[index]), width=widths[index], justify="right", overflow="fold"
                )
            for rows in (self.rows, self.last):
                for name, figures in rows:
                    table.add_row(Text(name), *(Text(figures[index]) for index in chosen))
                table.add_section()
            yield table

    def _measure_column(self, index: int) -> int:
        """Width of a column: no figure is folded, and titles between words where they can be."""
        lines = textwrap.wrap(self.titles[index], TITLE_WIDTH) or [""]
        figures = [figures[index] for _, figures in (*self.rows, *self.last)]
        return max(map(len, lines + figures))


def _share_out(widths: Sequence[int], room: int) -> list[list[int]]:
    """Columns of so many characters, shared out to as many tables as it takes; one at least."""
    tables: list[list[int]] = [[]]
    used = 0
    for index, width in enumerate(widths):
        if tables[-1] and used + width + BORDER_WIDTH > room:
            tables.append([])
            used = 0
        tables[-1].append(index)
        used += width + BORDER_WIDTH
    return tables


def _render_segmentations(report: Report) -> RenderableType:
    """Classes, objects and groups where there are any, the whole, and the worst images."""
    parts: list[RenderableType] = [_tabulate_classes(report)]
    if report.not_counted:
        parts.append(Text(report.describe_not_counted()))
    if report.instances is not None:
        parts.append(_tabulate_instances(report, report.instances))
    if report.coverage is not None and report.coverage.all.points:
        parts.append(_tabulate_coverage(report, report.coverage))
    if report.groups:
        parts.append(_tabulate_groups(report))
    parts.append(_list_totals(report))
    if report.images > 1:
        parts.append(_tabulate_worst(report))
    return Group(*parts)


def _tabulate_classes(report: Report) -> FigureTable:
    figures = report.figures
    shares = report.confusion.sum(axis=1) / max(1, report.confusion.sum())
    rows = [
        (name, [f"{share:.1%}", *(format_figure(one.values[index]) for one in figures)])
        for index, (name, share) in enumerate(zip(report.class_names, shares, strict=True))
    ]
    means = ["", *(format_figure(one.mean) for one in figures)]
    titles = ["share of truth", *(one.title for one in figures)]
    return FigureTable("class", titles, rows, [("mean", means)])


def _tabulate_instances(report: Report, of_all: InstanceFigures) -> FigureTable:
    """Figures of the objects in rows, of all images and of each group in columns."""
    groups = {name: group.instances for name, group in report.groups.items()}
    columns = {"all images": of_all, **{name: one for name, one in groups.items() if one}}
    measures: dict[str, Callable[[InstanceFigures], str]] = {
        "mean AP": lambda one: format_figure(one.mean_average_precision),
        "PQ": lambda one: format_figure(one.panoptic_quality),
        "AJI": lambda one: format_figure(one.aggregated_jaccard),
        "true": lambda one: str(one.objects.true),
        "found": lambda one: str(one.objects.predicted),
    }
    rows = [
        (f"AP@{iou:g}", [format_figure(one.average_precision[iou]) for one in columns.values()])
        for iou in SHOWN_IOUS
    ]
    rows += [
        (title, [measure(one) for one in columns.values()]) for title, measure in measures.items()
    ]
    return FigureTable("objects", list(columns), rows)


def _tabulate_coverage(report: Report, coverage: CoverageCounts) -> FigureTable:
    """How far off outlines are, and whether they know, by class and by kind of border."""
    named = dict(zip(report.class_names, coverage.classes, strict=True))
    groups = [*named.items(), *coverage.kinds.items(), ("all", coverage.all)]
    rows = [
        (
            str(name),
            [
                f"{one.off_px:.2f} px",
                f"{one.claimed_px:.2f} px",
                f"{one.within_one:.0%}",
                f"{one.within_two:.0%}",
                f"{one.points:,}",
            ],
        )
        for name, one in groups
        if one.points
    ]
    titles = ["off by", "standard error", "within 1 of it, of 68 %", "within 2, of 95 %", "points"]
    return FigureTable("outlines", titles, rows[:-1], rows[-1:])


def _tabulate_groups(report: Report) -> FigureTable:
    """IoU of the classes in rows, groups in columns."""
    groups = report.groups.values()
    rows = [
        (name, [format_figure(group.iou[index]) for group in groups])
        for index, name in enumerate(report.class_names)
    ]
    last = [
        ("mean IoU", [format_figure(group.mean_iou) for group in groups]),
        ("images", [str(group.images) for group in groups]),
    ]
    return FigureTable("IoU by group", list(report.groups), rows, last)


def _list_totals(report: Report) -> Table:
    lines = {
        "mean IoU": format_figure(report.mean_iou),
        "pixel accuracy": format_figure(report.pixel_accuracy),
    }
    if report.expected_calibration_error is not None:
        lines["calibration error"] = format_figure(report.expected_calibration_error)
    if report.instances is not None and report.instances.coco is not None:
        ap, ap50, ap75 = (format_figure(report.instances.coco[f"ap{n}"]) for n in ("", 50, 75))
        lines["COCO mask AP"] = f"{ap}, at IoU 0.5 {ap50}, at 0.75 {ap75}"
    lines["images"] = str(report.images)
    if report.unlike:
        lines["unlike the model's own"] = f"{report.unlike} of them"
    lines["time per image"] = f"{1000 * report.seconds_per_image:.1f} ms (median)"
    return _list_lines(lines)


def _tabulate_worst(report: Report) -> FigureTable:
    titles = ["mean IoU", "pixel accuracy"]
    titles += ["true", "found", "matched"] if report.instances is not None else []
    rows = []
    for row in report.rows[:WORST_SHOWN]:
        figures = [format_figure(row.mean_iou), format_figure(row.pixel_accuracy)]
        figures += map(str, astuple(row.instances)) if row.instances else []
        rows.append((row.name, figures))
    return FigureTable("worst images", titles, rows)


def _render_outlines(report: OutlineReport) -> RenderableType:
    both = (report.before, report.after)
    measures: dict[str, Callable[[OutlineFigures], float]] = {
        "mean distance, px": lambda figures: figures.mean_px,
        "root mean square, px": lambda figures: figures.rms_px,
        "median, px": lambda figures: figures.median_px,
        "within 1 standard error": lambda figures: figures.share_within(1),
        "within 2 standard errors": lambda figures: figures.share_within(2),
        "mean IoU": lambda figures: figures.mean_iou,
    }
    rows = [
        (title, [format_figure(measure(one)) for one in both])
        for title, measure in measures.items()
    ]
    for px in report.before.boundary_f:
        rows.append((f"F@{px:g} px", [format_figure(one.boundary_f[px]) for one in both]))
    lost = [str(figures.points - len(figures.errors_px)) for figures in both]
    notes = {
        "points without a true border near": " → ".join(lost),
        "images": str(report.images),
        "time per image": f"{1000 * report.seconds_per_image:.1f} ms (median)",
    }
    return Group(FigureTable("outlines", ["before", "after"], rows), _list_lines(notes))


def _render_edges(report: EdgeReport) -> RenderableType:
    figures = report.edges
    values = (figures.ods, figures.ois, figures.ap, figures.precision, figures.recall)
    edges = FigureTable(
        "edges",
        ["ODS", "OIS", "AP", "precision", "recall", "at strength"],
        [("all images", [*map(format_figure, values), f"{figures.ods_strength:.2f}"])],
    )
    rows = []
    for name, one, strength in (
        ("one strength", report.regions, f"{report.regions_strength:.2f}"),
        ("each its own", report.regions_each, "best"),
    ):
        variation = f"{one.variation_of_information:.2f} bits"
        shown = [format_figure(one.covering), format_figure(one.rand_index), variation, strength]
        rows.append((name, shown))
    titles = ["covering", "Rand index", "variation of information", "strength"]
    worst = [
        (row.name, [format_figure(row.f), format_figure(row.covering)])
        for row in report.rows[:WORST_EDGES_SHOWN]
    ]
    last = (
        f"{report.images} images, {1000 * report.seconds_per_image:.0f} ms each (median), "
        "linking and hierarchy included"
    )
    return Group(
        edges,
        FigureTable("regions", titles, rows),
        FigureTable("worst images", ["F", "covering"], worst),
        last,
    )


def _list_lines(lines: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for title, text in lines.items():
        table.add_row(title, text)
    return table
