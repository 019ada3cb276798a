"""Where an image lies on the map.

Frame: continuous image coordinates (x, y) of level 0, pixel (row r, column c) covers
[c, c+1] × [r, r+1]. Shapes: ``N`` points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import Float64Array

Transform = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Placement:
    """Where the pixels of an image lie in a coordinate reference system.

    ``transform``: (a, b, c, d, e, f) of map x = a·x + b·y + c and map y = d·x + e·y + f, whatever
    way the image is turned. ``crs``: the system as WKT, None where the file names none.
    ``is_geographic``: the map's x and y are degrees of longitude and latitude. ``unit``: of the
    map, such as "metre"; empty where nobody says it. ``metres_per_unit``: None where the unit is
    not one of length, or unknown. ``area_note``: why there are no areas in m², and what to do;
    empty where there are.
    """

    transform: Transform
    crs: str | None = None
    is_geographic: bool = False
    unit: str = ""
    metres_per_unit: float | None = None
    area_note: str = ""

    def to_map(self, points: Float64Array) -> Float64Array:
        """Image coordinates (N, 2) as those of the map (N, 2).

        >>> Placement((10, 0, 500000, 0, -10, 4000)).to_map(np.array([[0, 0], [2.5, 1]])).tolist()
        [[500000.0, 4000.0], [500025.0, 3990.0]]
        """
        # Not by a matrix product, whose last digit depends on how many points there are: two
        # regions that share a point need the very same one.
        a, b, c, d, e, f = self.transform
        x, y = points[:, 0], points[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    def to_image(self, points: Float64Array) -> Float64Array:
        """Coordinates of the map (N, 2) as those of the image (N, 2)."""
        linear, shift = self._matrix()
        return np.asarray((points - shift) @ np.linalg.inv(linear).T, np.float64)

    @property
    def pixel_sides(self) -> tuple[float, float]:
        """How long a pixel's sides are in units of the map, along the image's x and y."""
        linear, _ = self._matrix()
        across, down = np.linalg.norm(linear, axis=0)
        return float(across), float(down)

    @property
    def is_rectangular(self) -> bool:
        """Whether a pixel's sides are at right angles on the map."""
        linear, _ = self._matrix()
        across, down = self.pixel_sides
        return abs(float(linear[:, 0] @ linear[:, 1])) <= 1e-3 * across * down

    def _matrix(self) -> tuple[Float64Array, Float64Array]:
        a, b, c, d, e, f = self.transform
        return np.array([[a, b], [d, e]], np.float64), np.array([c, f], np.float64)
