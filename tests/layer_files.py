"""Images of any kind with a layer beside them, written where a test asks for them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

UTM = "EPSG:32633"
NORTH_UP = rasterio.Affine(2, 0, 500_000, 0, -2, 5_000_000)
"""Pixels of 2 m, the top-left corner at (500000, 5000000)."""


@contextmanager
def ignoring_no_place() -> Iterator[None]:
    """Without the warning that an image lies nowhere on the map."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def write_map(
    path: Path,
    values: NDArray[Any] | None,
    *,
    size: tuple[int, int, int] = (0, 0, 0),
    names: Sequence[str] = (),
    transform: rasterio.Affine | None = NORTH_UP,
    crs: str | None = UTM,
    **options: Any,
) -> None:
    """A GeoTIFF of values (C, H, W), or one of a ``size`` into which nothing is written.

    ``names``: of its bands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = size if values is None else values.shape
    dtype = "uint8" if values is None else values.dtype
    with ignoring_no_place(), rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, dtype=dtype,
        crs=crs, transform=transform, **options,
    ) as file:  # fmt: skip
        if values is not None:
            file.write(values)
        for band, name in enumerate(names, start=1):
            file.set_band_description(band, name)


def write_layer(
    path: Path,
    drawn: Sequence[tuple[str | None, Any]],
    *,
    transform: rasterio.Affine = NORTH_UP,
    crs: str | None = UTM,
    to: str | None = None,
    column: str = "class",
    **options: Any,
) -> None:
    """Polygons, given in pixels of an image, with their classes, as a layer on its map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name, _ in drawn]
    a, b, c, d, e, f = tuple(transform)[:6]
    shapes = shapely.transform(
        np.array([shape for _, shape in drawn], object),
        lambda points: points @ np.array([[a, d], [b, e]]) + (c, f),
    )
    frame = geopandas.GeoDataFrame({column: names}, geometry=list(shapes), crs=crs)
    frame = frame if to is None else frame.to_crs(to)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            frame.to_file(path, **options)


def write_qupath(path: Path, drawn: Sequence[tuple[str, str | None, Any]]) -> None:
    """Objects (type, class, polygon in pixels) as QuPath exports them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    features = [
        {
            "type": "Feature",
            "id": f"0000-{number}",
            "geometry": json.loads(shapely.to_geojson(shape)),
            "properties": {"objectType": kind}
            | ({} if name is None else {"classification": {"name": name, "color": [9, 8, 7]}}),
        }
        for number, (kind, name, shape) in enumerate(drawn)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
