"""What the demo found, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from segfit.cli.display.terminal import draw_class, make_table
from segfit.result.segmentation import Segmentation


def render_findings(found: Mapping[str, Segmentation]) -> Table:
    """Class by class, what was found in every image; ``found`` by the image's name."""
    numbers = ["area", "share", "regions", "objects", "mean probability"]
    table = make_table("image", "class", numbers=numbers)
    for name, result in found.items():
        for index, entry in enumerate(result.summary()):
            probability = entry.mean_probability
            table.add_row(
                name if index == 0 else "",
                draw_class(entry.name, result.classes.colors[index]),
                f"{entry.area_px} px",
                f"{entry.share:.1%}",
                str(entry.regions),
                "–" if entry.objects is None else str(entry.objects),
                "–" if probability is None else f"{probability:.2f}",
            )
        table.add_section()
    return table


def render_steps(step_ms: Mapping[str, Mapping[str, float]], steps: Sequence[str]) -> Table:
    """How many milliseconds every step took; ``step_ms`` by the image's name."""
    table = make_table("step", numbers=[f"{name}, ms" for name in step_ms])
    for step in steps:
        table.add_row(step, *(f"{taken[step]:.1f}" for taken in step_ms.values()))
    return table
