"""What an export wrote, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from segfit.cli.display.terminal import make_table
from segfit.export.export import Export


def render_export(export: Export) -> RenderableType:
    """The files with their sizes, how far the labels are those of the model, and notes."""
    table = make_table("file", numbers=["kB"])
    for path, size in export.files:
        table.add_row(Text(str(path), overflow="fold"), f"{size / 1e3:,.0f}")
    lines = [
        f"labels equal to the model's on {one.equal:,} of {one.pixels:,} pixels of "
        f"{one.image_name}, in {one.runtime}"
        for one in export.agreements
    ]
    return Group(table, *(Text(line) for line in [*lines, *export.notes]))
