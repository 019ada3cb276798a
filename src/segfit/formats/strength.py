"""Strength: how strong an edge is at every pixel, as a grey image."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.files import FilePath, write_file
from segfit.formats.edges import require_edges
from segfit.formats.format import Content, Format, Result

FULL = 65_535


def write_strength(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write every pixel's strength as a 16-bit grey PNG: 0 to 1 becomes 0 to 65,535."""
    strength = require_edges(result).edges.strength
    _, data = cv2.imencode(".png", np.rint(strength * FULL).astype(np.uint16))
    write_file(path, data.tobytes(), force=force)


FORMAT = Format(
    "strength",
    "strength of the edge at every pixel",
    "_strength.png",
    write_strength,
    needs=frozenset({Content.EDGES}),
)
