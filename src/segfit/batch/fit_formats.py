"""Fitted shapes as files: tables, GeoJSON, and images of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segfit.basics.arrays import UInt8Array
from segfit.basics.files import write_file
from segfit.basics.show import show_briefly
from segfit.formats.draw import draw_rings, encode_image
from segfit.formats.geojson import close_ring
from segfit.formats.json_text import round_figure, write_json
from segfit.formats.outlining import line_color, line_width_px
from segfit.formats.tables import import_pyarrow, write_csv, write_json_rows, write_parquet
from segfit.imaging.scale import Scale
from segfit.result.segmentation import Segmentation
from segfit.shapes.rows import MeasuredRegion, to_rows

OUTLINE_COLOR = (255, 255, 255)


@dataclass(frozen=True)
class FittedMask:
    """A mask's regions with their shapes, and how large a pixel is, see ``MeasuredMask``."""

    segmentation: Segmentation
    regions: tuple[MeasuredRegion, ...]
    scale: Scale
    scale_note: str = ""

    __repr__ = show_briefly

    @property
    def rows(self) -> list[dict[str, object]]:
        """The table."""
        return to_rows(self.regions, self.scale)


class ShapeWriter(Protocol):
    """Writes what was found in a mask to ``path``; an existing file only with ``force``."""

    def __call__(self, mask: FittedMask, path: Path, *, force: bool) -> None:
        """Write it, or raise ``SegfitError`` and leave no half-written file."""
        ...


@dataclass(frozen=True)
class FitFormat:
    """A format of fitted shapes.

    ``name``: what ``segfit fit --format`` names. ``purpose``: what is in it, in a few words.
    ``suffix`` follows the mask's stem. ``check`` raises ``SegfitError`` where it cannot be written
    on this machine. ``shows_image``: whether the image is to be seen in it.
    """

    name: str
    purpose: str
    suffix: str
    write: ShapeWriter
    check: Callable[[], object] | None = None
    shows_image: bool = False


def _of_rows(write: Callable[..., None]) -> ShapeWriter:
    def write_rows(mask: FittedMask, path: Path, *, force: bool) -> None:
        write(mask.rows, path, force=force)

    return write_rows


def _write_shapes(mask: FittedMask, path: Path, *, force: bool) -> None:
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [close_ring(ring) for ring in one.fit.rings],
            },
            "properties": {
                "region": one.number,
                "class": one.region.name,
                "shape": one.fit.shape,
                "rms_px": round_figure(one.fit.rms_px),
                "largest_px": round_figure(one.fit.largest_px),
                "iou": round_figure(one.fit.iou),
                **{name: round_figure(value) for name, value in one.fit.parameters.items()},
            },
        }
        for one in mask.regions
        if one.fit is not None
    ]
    write_json({"type": "FeatureCollection", "features": features}, path, force=force)


def _write_overlay(mask: FittedMask, path: Path, *, force: bool) -> None:
    drawn = draw_fits(mask.segmentation, mask.regions)
    write_file(path, encode_image(drawn, path), force=force)


def draw_fits(segmentation: Segmentation, fitted: Sequence[MeasuredRegion]) -> UInt8Array:
    """The image with each region's outline, thin, and its shape over it, (H, W, 3) uint8."""
    drawn = segmentation.image.copy()
    for one in fitted:
        draw_rings(drawn, one.region.polygon, OUTLINE_COLOR)
        if one.fit is not None:
            color = line_color(segmentation.classes.colors[one.region.label])
            left, top, right, bottom = one.region.bounds_xyxy
            width_px = line_width_px(drawn.shape, min(right - left, bottom - top))
            draw_rings(drawn, one.fit.rings, color, thickness_px=width_px)
    return drawn


FIT_FORMATS: dict[str, FitFormat] = {
    one.name: one
    for one in (
        FitFormat("csv", "a table", "_shapes.csv", _of_rows(write_csv)),
        FitFormat("json", "the table as JSON", "_shapes.json", _of_rows(write_json_rows)),
        FitFormat(
            "parquet",
            "the table for large sets, with pyarrow",
            "_shapes.parquet",
            _of_rows(write_parquet),
            check=import_pyarrow,
        ),
        FitFormat("geojson", "the shapes", "_shapes.geojson", _write_shapes),
        FitFormat(
            "overlay",
            "outlines and shapes over the image",
            "_shapes.jpg",
            _write_overlay,
            shows_image=True,
        ),
    )
}
"""What ``segfit fit --format`` can name."""
