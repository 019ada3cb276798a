"""Edges: lines a pixel wide as a grey image."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.files import FilePath, write_file
from segfit.errors import SegfitError
from segfit.formats.format import Content, Format, Result
from segfit.result.edges import FoundEdges


def write_edges(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write lines a pixel wide as an 8-bit grey PNG: strength from 0 to 1 becomes 0 to 255."""
    thinned = require_edges(result).edges.thinned
    _, data = cv2.imencode(".png", np.rint(thinned * 255).astype(np.uint8))
    write_file(path, data.tobytes(), force=force)


def require_edges(result: Result) -> FoundEdges:
    """The edges of a result; raises ``SegfitError`` where it was not made from any."""
    if result.edges is None:
        raise SegfitError(
            "formats edges, strength and lines are for edges, and these regions were not made from "
            "any: use segfit edges"
        )
    return result.edges


FORMAT = Format(
    "edges",
    "lines a pixel wide",
    "_edges.png",
    write_edges,
    needs=frozenset({Content.EDGES}),
)
