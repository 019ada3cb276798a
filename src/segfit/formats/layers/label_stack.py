"""Stacks of labels or of objects' numbers, with the axes and distances of the stack they are of."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from segfit.basics.files import FilePath, atomic_path
from segfit.classes import ClassTable
from segfit.formats.layers.label_tiff import (
    LARGEST_CLASSIC,
    describe_sides,
    describe_values,
    list_tiles,
    name_ome_unit,
)
from segfit.formats.layers.tile_store import TILE_PX, Labels, TileStore
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import Scale

IN_OME = {"I": "Q"}
"""Pages of no said meaning, as OME-TIFF can hold them."""
STEPS = {"Z": ("PhysicalSizeZ", "PhysicalSizeZUnit"), "T": ("TimeIncrement", "TimeIncrementUnit")}


@dataclass(frozen=True)
class StackHead:
    """What a stack says beside its pixels.

    ``axes``: how many planes lie along which axis, by its letter, the slowest first. ``steps``: how
    far neighbours are apart along an axis, so many of a unit. ``classes``: what values stand for.
    """

    name: str
    axes: Mapping[str, int]
    steps: Mapping[str, tuple[float, str]]
    scale: Scale
    classes: ClassTable | None = None


class PlaneStore:
    """The planes of a stack, of which the disk keeps all that are written, in any order."""

    def __init__(self, folder: Path, count: int, shape: tuple[int, int], dtype: DTypeLike) -> None:
        """Start ``count`` planes (H, W); ``folder``: where there is room on the disk."""
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._rows = -(-shape[0] // TILE_PX) * TILE_PX
        # One below the other, each from the first row of a tile: tiles then are in a TIFF's order.
        self.tiles = TileStore(folder, (count * self._rows, shape[1]), self.dtype)

    def write(self, plane: int, values: Labels) -> None:
        """Set the pixels (H, W) of a plane."""
        height, width = self.shape
        padded = np.zeros((self._rows, width), self.dtype)
        padded[:height] = values
        self.tiles.write(Window(0, plane * self._rows, width, self._rows), padded)

    def close(self) -> None:
        """Let go of the planes."""
        self.tiles.close()


def write_label_stack(
    path: FilePath, store: PlaneStore, head: StackHead, *, force: bool = False
) -> None:
    """Write planes, in the order of the head's axes, as a tiled, compressed OME-TIFF.

    The same planes give the same bytes. Raises ``SegfitError`` where the file exists (unless
    ``force``) or cannot be written.
    """
    import tifffile

    lengths = store.tiles.list_lengths()
    axes = "".join(IN_OME.get(axis, axis) for axis in head.axes)
    with (
        atomic_path(path, force=force) as partial,
        tifffile.TiffWriter(partial, bigtiff=sum(lengths) > LARGEST_CLASSIC, ome=True) as file,
    ):
        file.write(
            list_tiles(store.tiles),
            shape=(*head.axes.values(), *store.shape),
            dtype=store.dtype,
            photometric="minisblack",
            tile=(TILE_PX, TILE_PX),
            compression="zlib",
            software="segfit",
            metadata=_describe(head, f"{axes}YX", lengths),
        )


def _describe(head: StackHead, axes: str, lengths: list[int]) -> dict[str, Any]:
    """What OME-TIFF says of a stack; its identifier follows from the ``lengths`` of its tiles."""
    described: dict[str, Any] = {
        "axes": axes,
        "Name": head.name,
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{head.name} {lengths}")),
    }
    for axis, (step, unit) in head.steps.items():
        if axis in STEPS and axis in head.axes and math.isfinite(step):
            name, of_unit = STEPS[axis]
            described |= {name: step, of_unit: name_ome_unit(unit)}
    return described | describe_sides(head.scale) | describe_values(head.classes)
