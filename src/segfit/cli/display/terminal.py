"""How the commands write to a terminal, or to what stands in for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from segfit.classes import Color
from segfit.progress import OnProgress


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
