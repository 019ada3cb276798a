"""What an export wrote, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from segfit.cli.display.terminal import make_table
from segfit.export.export import Export


def render_export(export: Export) -> RenderableType:
    """The files with their sizes, and how far the labels are those of the model."""
    table = make_table("file", numbers=["kB"])
    for path, size in export.files:
        table.add_row(Text(str(path), overflow="fold"), f"{size / 1e3:,.0f}")
    if export.agreement is None:
        return table
    agreement = export.agreement
    return Group(
        table,
        Text(
            f"labels equal to the model's on {agreement.equal:,} of {agreement.pixels:,} pixels of "
            f"{agreement.image_name}, in {agreement.runtime}"
        ),
    )
