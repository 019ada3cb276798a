"""Shapes fitted to regions, as a table for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from segfit.basics.text import count_noun
from segfit.batch.fit import MeasuredMask
from segfit.batch.run import BatchReport
from segfit.cli.display.predictions import describe_before
from segfit.cli.display.scales import describe_scales
from segfit.cli.display.terminal import make_table
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.shapes import Fit
from segfit.shapes.rows import MeasuredRegion, is_corner

NAME_WIDTH = 24


def render_fits(report: BatchReport[MeasuredMask], output: Path) -> RenderableType:
    """The fitted regions of all masks, the first of them in rows, and how many were not fitted."""
    shown = [(mask, one) for mask in report.done for one in mask.sample]
    count = sum(mask.regions for mask in report.done)
    parts: list[RenderableType] = [_draw_table(shown)] if shown else []
    if shown and count > len(shown):
        parts.append(Text(f"not shown: {count - len(shown)} more regions", style="dim"))
    without = sum(mask.without_shape for mask in report.done)
    failed = f", {without} of them without a shape" if without else ""
    parts += [
        *describe_scales([(mask.path, mask.scale, mask.scale_note) for mask in report.done]),
        Text(
            f"{count_noun(count, 'region')} in {count_noun(len(report.done), 'mask')}"
            f"{failed}, {report.seconds:.1f} s{describe_before(report)}; results are in {output}",
            overflow="fold",
        ),
    ]
    return Group(*parts)


def _draw_table(rows: Sequence[tuple[MeasuredMask, MeasuredRegion]]) -> Table:
    units = list(dict.fromkeys(mask.scale.unit for mask, _ in rows))
    unit = units[0] if len(units) == 1 else "px"
    numbers = [f"rms {unit}", f"largest {unit}", "IoU"]
    table = make_table("region", "shape", "parameters", numbers=numbers, first_width=NAME_WIDTH)
    for mask, one in rows:
        scale = mask.scale if len(units) == 1 else IN_PIXELS
        name = Text(f"{mask.path.stem} {one.number}")
        if one.fit is None:
            table.add_row(name, "–", Text(one.reason), "–", "–", "–")
            continue
        table.add_row(
            name,
            one.fit.shape,
            describe_parameters(one.fit, scale),
            f"{one.fit.rms_px * scale.unit_per_px:.3g}",
            f"{one.fit.largest_px * scale.unit_per_px:.3g}",
            f"{one.fit.iou:.3f}",
        )
    return table


def describe_parameters(fit: Fit, scale: Scale) -> str:
    """What a fit's parameters say of its form, with standard errors, in the scale's unit."""
    shown = []
    for name, value in fit.parameters.items():
        if is_corner(name) or name in ("x", "y"):
            continue
        factor = scale.unit_per_px if fit.is_length(name) else 1.0
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
