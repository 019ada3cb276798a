"""What is known of a tile when it is done: a file, so that nothing of it is done twice.

Shapes: ``N`` runs of pixels; ``R`` regions of the zone; ``A`` arcs handed on, ``P`` their points;
``J`` junctions; ``F`` regions that are finished, ``G`` their rings, ``Q`` their points.
Frame: points are in coordinates of the whole image.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float64Array, Int32Array, Int64Array, UInt8Array
from segfit.basics.files import write_file
from segfit.errors import SegfitError
from segfit.imaging.raster.window import Window
from segfit.streaming.pieces import Stretches

FAST = 1
ALIGNED_BYTES = 8


@dataclass(frozen=True, eq=False)
class Runs:
    """The region of every pixel of a window, in reading order.

    ``window``: (4,) left, top, width and height. ``lengths``, ``regions``: (N,) of stretches of
    pixels of one region.
    """

    window: Int64Array
    lengths: Int64Array
    regions: Int32Array

    @classmethod
    def of(cls, lengths: Int64Array, regions: NDArray[np.integer], window: Window) -> Runs:
        """The same runs, those one after another of one region as one."""
        begins = np.append(True, regions[1:] != regions[:-1])
        starts = np.cumsum(lengths) - lengths
        joined = np.diff(np.append(starts[begins], window.width * window.height))
        frame = np.array([window.left, window.top, window.width, window.height])
        return cls(frame, joined, regions[begins].astype(np.int32))

    @property
    def frame(self) -> Window:
        """The window."""
        left, top, width, height = self.window.tolist()
        return Window(left, top, width, height)

    def crop(self, window: Window) -> Runs:
        """The runs of a window within this one."""
        frame = self.frame
        first = (window.top - frame.top) * frame.width + window.left - frame.left
        begins = first + np.arange(window.height) * frame.width
        starts = np.cumsum(self.lengths) - self.lengths
        inner = starts - first
        inner = starts[(inner >= 0) & (inner % frame.width < window.width)]
        at = np.union1d(begins, inner[inner < begins[-1] + window.width])
        row, column = np.divmod(at - first, frame.width)
        lengths = np.diff(np.append(row * window.width + column, window.height * window.width))
        regions = self.regions[np.searchsorted(starts, at, side="right") - 1]
        return Runs.of(lengths, regions, window)

    def paint(self) -> Int32Array:
        """The region of every pixel, (h, w)."""
        return np.repeat(self.regions, self.lengths).reshape(self.frame.shape)


@dataclass(frozen=True, eq=False)
class Lines:
    """Arcs one after another: ``keys`` (A,), see ``arc_keys``, rising; ``starts`` (A + 1,);
    ``points`` (P, 2); ``errors`` (P,), NaN where unknown.
    """

    keys: Int64Array
    starts: Int64Array
    points: Float64Array
    errors: Float64Array


@dataclass(frozen=True, eq=False)
class Junctions:
    """Where arcs meet: ``keys`` (J,), rising; ``points`` (J, 2); ``errors`` (J,)."""

    keys: Int64Array
    points: Float64Array
    errors: Float64Array


@dataclass(frozen=True, eq=False)
class Finished:
    """Regions whose outlines are known whole.

    ``regions``: (F,) their numbers in the zone, rising. ``scores``: (F,) NaN where unknown.
    ``ring_counts``: (F,); ``ring_sizes``: (G,); ``points``: (Q, 2); ``errors``: (Q,).
    """

    regions: Int64Array
    scores: Float64Array
    ring_counts: Int64Array
    ring_sizes: Int64Array
    points: Float64Array
    errors: Float64Array


@dataclass(frozen=True, eq=False)
class Part:
    """A tile that is done.

    ``zone``: the region of every pixel of the zone; ``tile``: of every pixel of the tile itself,
    by the outlines as they were moved. ``labels``: (R,). ``lines``, ``junctions``: what later tiles
    take over. ``finished``: regions that are the tile's to finish; ``scores``: (R,) of those that
    are in results, NaN of others. ``stretches``: arcs of regions that it may not see whole.
    ``above``, ``left``: (M, 2) pairs of a region of the tile there and of the same one here.
    """

    zone: Runs
    tile: Runs
    labels: UInt8Array
    lines: Lines
    junctions: Junctions
    finished: Finished
    scores: Float64Array
    stretches: Stretches
    above: Int64Array
    left: Int64Array

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        arrays: dict[str, NDArray[Any]] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray):
                arrays[one.name] = value
            else:
                arrays |= {
                    f"{one.name}.{own.name}": getattr(value, own.name) for own in fields(value)
                }
        write_file(path, pack_arrays(arrays), force=True)

    @classmethod
    def load(cls, path: Path) -> Part:
        """Read it. Raises ``SegfitError`` for a file that is damaged."""
        kinds = {
            "zone": Runs,
            "tile": Runs,
            "lines": Lines,
            "junctions": Junctions,
            "finished": Finished,
            "stretches": Stretches,
        }
        try:
            arrays = unpack_arrays(path.read_bytes())
            values: dict[str, Any] = {
                one.name: kinds[one.name](
                    **{
                        own.name: arrays[f"{one.name}.{own.name}"]
                        for own in fields(kinds[one.name])
                    }
                )
                if one.name in kinds
                else arrays[one.name]
                for one in fields(cls)
            }
        except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
            raise SegfitError(
                f"{path} is damaged ({error}): delete it, and go on with --resume"
            ) from error
        return cls(**values)


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by their names in one piece, compressed.

    A tile has three dozen of them, mostly small: an archive with a file for each takes ten times as
    long, and parts are read half a dozen times.
    """
    head = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    pieces = [json.dumps(head).encode() + b"\n", *(one.tobytes() for one in arrays.values())]
    padded = (piece + bytes(-len(piece) % ALIGNED_BYTES) for piece in pieces)
    return zlib.compress(b"".join(padded), FAST)


def unpack_arrays(packed: bytes) -> dict[str, NDArray[Any]]:
    """The arrays, which cannot be written into.

    Raises ``zlib.error``, ``ValueError`` or ``KeyError`` for what is damaged.
    """
    data = zlib.decompress(packed)
    begin = data.index(b"\n") + 1
    head = json.loads(data[:begin])
    begin += -begin % ALIGNED_BYTES
    arrays = {}
    for name, (kind, shape) in head.items():
        count = math.prod(shape)
        arrays[name] = np.frombuffer(data, kind, count, begin).reshape(shape)
        begin += arrays[name].nbytes
        begin += -begin % ALIGNED_BYTES
    return arrays
