"""How the commands write to a terminal, or to what stands in for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from segfit.basics.progress import OnProgress
from segfit.classes import Color

NATURAL_WIDTH = 10_000
"""Wide enough for any table that is measured unwrapped."""


def print_line(console: Console, line: str) -> None:
    """Print text as it stands: no markup, no colors guessed, no wrapping."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def show_bar(console: Console, title: str) -> Iterator[OnProgress]:
    """Show a bar that goes away at the end, in a terminal; nothing elsewhere."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(title, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)


def draw_class(name: str, color: Color) -> Text:
    """A class's name after a swatch of its color."""
    red, green, blue = color
    return Text.assemble(("  ", f"on rgb({red},{green},{blue})"), " ", name)


def make_table(
    *titles: str | Text, numbers: Sequence[str | Text] = (), first_width: int | None = None
) -> Table:
    """An empty table that wraps what does not fit.

    ``numbers``: the titles of further columns, flush right. ``first_width``: of the first column at
    most, such as for names of files, which would leave no room for the others.
    """
    table = Table()
    for index, title in enumerate(titles):
        table.add_column(title, overflow="fold", max_width=None if index else first_width)
    for title in numbers:
        table.add_column(title, overflow="fold", justify="right")
    return table


def make_list() -> Table:
    """An empty table of two columns without lines: a dim title, and what it says."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


class FirstThatFits:
    """The first of some renderables that needs no wrapping, or else the last of them."""

    def __init__(self, *candidates: RenderableType) -> None:
        self._candidates = candidates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose by the width that there is."""
        unbounded = options.update(max_width=NATURAL_WIDTH)
        for candidate in self._candidates[:-1]:
            if Measurement.get(console, unbounded, candidate).maximum <= options.max_width:
                yield candidate
                return
        yield self._candidates[-1]
