#!/usr/bin/env python3
"""Slides and maps that no memory holds: time, memory, and whether the windows leave a trace.

    python benchmarks/huge_images.py

- ``slides``: real nuclei and dark glass, tiled to slides of several sizes with an overview, a fifth
  of them tissue; ``segfit predict nuclei … --format gpkg,numbers`` in a process of its own.
- ``windows``: a field of nuclei segmented window by window and as a whole: are its objects the
  same, and are those at the cuts like the others?
- ``map``: fields, woods and water drawn on a map in UTM with four bands and a corner without data;
  a model that is trained on pieces of another such map; areas against those that were drawn.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import geopandas
import numpy as np
import pyproj
import rasterio
import shapely
import tifffile
from rasterio.windows import Window as RasterWindow
from rich.console import Console

import segfit
from options import find_data, make_parser, open_build_folder, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.streaming.run import segment_raster

TILE_PX = 256
TISSUE_SHARE = 0.2
OVERVIEW = 16
NEAR_CUT_PX = 24
CLASSES = ("field", "wood", "water", "built")
COLORS = np.array([(150, 140, 80, 120), (50, 90, 50, 180), (40, 60, 110, 20), (150, 120, 115, 90)])
"""Red, green, blue and near infrared of each class, about."""
PIXEL_M = 0.5
ORIGIN = (448_000.0, 5_412_000.0)
CRS = "EPSG:32633"

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("parts", nargs="*", default=["slides", "windows", "map"])
    parser.add_argument("--sides", default="5000,10000,20000,50000", help="of slides (%(default)s)")
    parser.add_argument("--field", type=int, default=8192, help="side for windows (%(default)s)")
    parser.add_argument("--map", type=int, default=20000, help="side of the map (%(default)s)")
    parser.add_argument("--minutes", type=float, default=2.0, help="of training (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the images where they are made")
    arguments = parse_arguments(
        parser, quick="windows --sides 1100 --field 780 --map 700 --minutes 0.01"
    )
    source = find_data(parser, arguments, "dsb2018")
    run = describe_run(seeds=(0,), threads=arguments.threads, data=[source])
    build = open_build_folder(arguments) / "huge-images"
    build.mkdir(parents=True, exist_ok=True)
    nuclei = read_nuclei(source)
    figures: dict[str, Any] = {}
    path = arguments.results / "huge-images.json"
    if path.is_file():
        figures = json.loads(path.read_text())["figures"]
    if "slides" in arguments.parts:
        sides = [int(side) for side in arguments.sides.split(",")]
        known = {one["side_px"]: one for one in figures.get("slides", [])}
        for side in sides:
            known[side] = measure_slide(
                build, nuclei, side, threads=arguments.threads, keep=arguments.keep
            )
        figures["slides"] = [known[side] for side in sorted(known)]
    if "windows" in arguments.parts:
        figures["windows"] = compare_windows(build, nuclei, arguments.field)
    if "map" in arguments.parts:
        figures["map"] = measure_map(
            build, arguments.map, minutes=arguments.minutes, threads=arguments.threads
        )
    console.print(figures)
    console.print(write_result("huge-images", run, figures, folder=arguments.results))


def read_nuclei(source: Path) -> list[UInt8Array]:
    """Fluorescence images of 256×256 px, of the validation split; where there are none, of any."""
    paths = sorted((source / "val" / "images").iterdir())
    images = [cv2.imread(str(path)) for path in paths]
    kept = [one for one in images if one.shape[:2] == (TILE_PX, TILE_PX) and one.mean() < 60]
    return kept or [np.asarray(cv2.resize(one, (TILE_PX, TILE_PX)), np.uint8) for one in images]


def lay_out(side: int, share: float) -> UInt8Array:
    """Which of the nuclei's images, from 1, lies at each place, 0 for glass."""
    count = -(-side // TILE_PX)
    random = np.random.default_rng(0)
    noise = cv2.GaussianBlur(random.random((count, count)).astype(np.float32), (0, 0), count / 10)
    is_tissue = noise >= np.quantile(noise, 1 - share)
    return np.where(is_tissue, random.integers(1, 200, (count, count)), 0).astype(np.uint8)


def write_slide(path: Path, nuclei: Sequence[UInt8Array], side: int, *, share: float) -> float:
    """A tiled TIFF with an overview; returns megapixels of tissue."""
    places = lay_out(side, share)
    glass = np.random.default_rng(1).integers(0, 3, (TILE_PX, TILE_PX, 3)).astype(np.uint8)
    tiles = [glass, *nuclei]
    encoded = [zlib.compress(one.tobytes(), 6) for one in tiles]
    small = [
        cv2.resize(one, (TILE_PX // OVERVIEW,) * 2, interpolation=cv2.INTER_AREA) for one in tiles
    ]

    def choose(value: int) -> int:
        return 0 if value == 0 else 1 + (value - 1) % len(nuclei)

    def list_tiles() -> Iterator[bytes]:
        for value in places.ravel().tolist():
            yield encoded[choose(value)]

    overview = np.concatenate(
        [np.concatenate([small[choose(v)] for v in row], axis=1) for row in places.tolist()]
    )[: side // OVERVIEW, : side // OVERVIEW]
    options = {"tile": (TILE_PX, TILE_PX), "photometric": "rgb", "compression": "zlib"}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(list_tiles(), shape=(side, side, 3), dtype="uint8", subifds=1, **options)
        file.write(overview, subfiletype=1, **options)
    return float(np.count_nonzero(places)) * TILE_PX**2 / 1e6


def run_segfit(arguments: Sequence[str]) -> dict[str, float]:
    """Seconds and peak memory of a command."""
    start = time.perf_counter()
    script = (
        "import json, resource, sys\n"
        "from segfit.cli.app import main\n"
        "sys.argv = ['segfit', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "finally:\n"
        "    print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-4000:])
    peak = next(line for line in done.stderr.splitlines() if line.startswith("PEAK"))
    console.print(done.stdout.strip().splitlines()[-2:])
    return {"seconds": seconds, "peak_mb": int(peak.split()[1]) * 1024 / 1e6}


def measure_slide(
    build: Path, nuclei: Sequence[UInt8Array], side: int, *, threads: int, keep: bool
) -> dict[str, Any]:
    """What ``segfit predict`` takes for a slide."""
    path, output = build / f"slide-{side}.tif", build / f"slide-{side}"
    tissue = write_slide(path, nuclei, side, share=TISSUE_SHARE)
    shutil.rmtree(output, ignore_errors=True)
    formats = ["--format", "gpkg,numbers", "--threads", str(threads)]
    taken = run_segfit(["predict", "nuclei", str(path), "-o", str(output), *formats])
    objects = len(geopandas.read_file(output / f"slide-{side}.gpkg", layer="regions", columns=[]))
    figures = {
        "side_px": side,
        "tissue_mp": tissue,
        "objects": objects,
        **taken,
        "tissue_mp_per_s": tissue / taken["seconds"],
    }
    console.print(figures)
    if not keep:
        path.unlink()
        shutil.rmtree(output)
    return figures


def compare_windows(build: Path, nuclei: Sequence[UInt8Array], side: int) -> dict[str, Any]:
    """Objects of a field found window by window against those of the whole."""
    path = build / f"field-{side}.tif"
    write_slide(path, nuclei, side, share=1.0)
    segmenter = segfit.load("nuclei")
    with tempfile.TemporaryDirectory(dir=build) as folder, open_raster(path) as raster:
        found = segment_raster(segmenter, ShownRaster(raster), Path(folder), identity={})
        regions = [one for batch in found.list_regions() for one in batch]
    tile_px = found.tiling.tile_px
    whole = segmenter(path).regions
    windows, truth = (to_polygons(one) for one in (regions, whole))
    best = match(truth, windows)
    near = near_cuts(truth, tile_px, side)
    errors, errors_whole = (
        np.array([one.error_px_mean for one in some]) for some in (regions, whole)
    )
    near_found = near_cuts(windows, tile_px, side)
    return {
        "side_px": side,
        "tile_px": tile_px,
        "objects_whole": len(whole),
        "objects_in_windows": len(regions),
        "alike": float(np.mean(best >= 0.9)),
        "alike_in_windows": float(np.mean(match(windows, truth) >= 0.9)),
        "at_cuts": int(near.sum()),
        "alike_at_cuts": average(best[near] >= 0.9),
        "mean_iou_at_cuts": average(best[near]),
        "mean_iou_elsewhere": average(best[~near]),
        "mean_error_px": [average(errors[near_found]), average(errors[~near_found])],
        "mean_error_px_whole": [average(errors_whole[near]), average(errors_whole[~near])],
        "mean_area_px": [
            average(shapely.area(windows[near_found])),
            average(shapely.area(truth[near])),
        ],
        "invalid": int((~shapely.is_valid(windows)).sum()),
    }


def average(values: np.ndarray) -> float | None:
    """The mean; None of nothing."""
    return float(values.mean()) if len(values) else None


def to_polygons(regions: Sequence[Any]) -> np.ndarray:
    return np.array([shapely.Polygon(one.polygon[0], one.polygon[1:]) for one in regions])


def match(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The best IoU of each of the first with any of the second."""
    one, other = shapely.STRtree(second).query(first, predicate="intersects")
    shared = shapely.area(shapely.intersection(first[one], second[other]))
    ious = shared / (shapely.area(first[one]) + shapely.area(second[other]) - shared)
    best = np.zeros(len(first))
    np.maximum.at(best, one, ious)
    return best


def near_cuts(polygons: np.ndarray, tile_px: int, side: int) -> np.ndarray:
    """Whether a tile's edge is within or near a polygon."""
    bounds = shapely.bounds(polygons)
    near = np.zeros(len(polygons), bool)
    for cut in range(tile_px, side, tile_px):
        for low, high in ((0, 2), (1, 3)):
            near |= (bounds[:, low] - NEAR_CUT_PX < cut) & (cut < bounds[:, high] + NEAR_CUT_PX)
    return near


class DrawnMap:
    """Classes by smooth noise over a square of ``side`` px, and how they look."""

    def __init__(self, side: int, seed: int) -> None:
        self.side = side
        self.random = np.random.default_rng(seed)
        count = side // 64 + 4
        self.noise = [
            cv2.GaussianBlur(self.random.random((count, count)).astype(np.float32), (0, 0), 3.0)
            for _ in CLASSES
        ]

    def draw(self, left: int, top: int, width: int, height: int) -> tuple[UInt8Array, UInt8Array]:
        """Labels (h, w) and bands (h, w, 4) of a window."""
        x = ((np.arange(left, left + width) + 0.5) / 64).astype(np.float32)
        y = ((np.arange(top, top + height) + 0.5) / 64).astype(np.float32)
        columns, rows = np.meshgrid(x, y)
        planes = [cv2.remap(one, columns, rows, cv2.INTER_CUBIC) for one in self.noise]
        labels = np.argmax(planes, axis=0).astype(np.uint8)
        texture = np.random.default_rng((left, top)).normal(0, 14, (height, width, 4))
        bands = cv2.GaussianBlur(COLORS[labels].astype(np.float32), (0, 0), 0.7) + texture
        labels[self.lacks(left, top, width, height)] = 255
        bands = bands.clip(1, 255).astype(np.uint8)
        bands[labels == 255] = 0
        return labels, bands

    def lacks(self, left: int, top: int, width: int, height: int) -> np.ndarray:
        """Where the map has no data: a corner, cut off askew."""
        x, y = np.arange(left, left + width), np.arange(top, top + height)
        return x[None, :] + 2 * y[:, None] < 0.4 * self.side


def write_map(path: Path, drawn: DrawnMap) -> np.ndarray:
    """A GeoTIFF in UTM with four bands; returns the pixels of each class."""
    counts, side, step = np.zeros(256, np.int64), drawn.side, 1024
    transform = rasterio.Affine(PIXEL_M, 0, ORIGIN[0], 0, -PIXEL_M, ORIGIN[1])
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=4, dtype="uint8", nodata=0,
        crs=CRS, transform=transform, tiled=True, blockxsize=512, blockysize=512,
        compress="deflate", zlevel=1, BIGTIFF="YES",
    ) as file:  # fmt: skip
        for top in range(0, side, step):
            for left in range(0, side, step):
                width, height = min(step, side - left), min(step, side - top)
                labels, bands = drawn.draw(left, top, width, height)
                counts += np.bincount(labels.ravel(), minlength=256)
                file.write(np.moveaxis(bands, 2, 0), window=RasterWindow(left, top, width, height))
    return counts[: len(CLASSES)]


def train_for_maps(build: Path, *, minutes: float) -> Path:
    """A model of the classes, from pieces of another map."""
    data, model = build / "map-data", build / "map.segfit"
    shutil.rmtree(data, ignore_errors=True)
    for split, seed, count in (("train", 11, 12), ("val", 12, 4)):
        drawn = DrawnMap(4096, seed)
        for kind in ("images", "masks"):
            (data / split / kind).mkdir(parents=True)
        for number in range(count):
            left, top = drawn.random.integers(1800, 4096 - 512, 2).tolist()
            labels, bands = drawn.draw(left, top, 512, 512)
            name = f"{number:02d}.png"
            cv2.imwrite(str(data / split / "images" / name), bands[..., 2::-1])
            cv2.imwrite(str(data / split / "masks" / name), labels)
    colors = ["#c8b450", "#2f6b2f", "#3355aa", "#aa5544"]
    entries = [
        {"name": name, "value": value, "color": color}
        for value, (name, color) in enumerate(zip(CLASSES, colors, strict=True))
    ]
    classes = {"classes": entries, "background": None, "ignore": [255]}
    (data / "classes.json").write_text(json.dumps(classes))
    settings = ["--set", "scaling.kind=field", "--set", "scaling.factor=0.5"]
    run_segfit(
        ["train", str(data), "-o", str(model), "--minutes", str(minutes), "--force", *settings]
    )
    return model


def measure_map(build: Path, side: int, *, minutes: float, threads: int) -> dict[str, Any]:
    """Areas of what is found on a map, its geometries, and what it takes."""
    model, path, output = train_for_maps(build, minutes=minutes), build / "map.tif", build / "map"
    pixels = write_map(path, DrawnMap(side, 3))
    shutil.rmtree(output, ignore_errors=True)
    arguments = ["--channels", "0,1,2", "--format", "gpkg,labels", "--threads", str(threads)]
    taken = run_segfit(["predict", str(model), str(path), "-o", str(output), *arguments])
    layer = geopandas.read_file(output / "map.gpkg", layer="regions")
    geod = pyproj.Geod(ellps="WGS84")
    to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    side_m = side * PIXEL_M
    along = np.linspace(0, side_m, 200)
    square = np.concatenate([
        np.stack([along, np.zeros(200)], 1), np.stack([np.full(200, side_m), -along], 1),
        np.stack([along[::-1], np.full(200, -side_m)], 1),
        np.stack([np.zeros(200), -along[::-1]], 1),
    ]) + ORIGIN  # fmt: skip
    square_m2 = abs(geod.polygon_area_perimeter(*to_degrees.transform(*square.T))[0])
    truth_m2 = pixels * (square_m2 / side**2)
    found_m2 = layer.groupby("class").area_m2.sum().reindex(CLASSES).fillna(0).to_numpy()
    geometry = layer.geometry.to_numpy()
    return {
        "side_px": side,
        "bands": 4,
        "regions": len(layer),
        "crs": layer.crs.to_string(),
        **taken,
        "mp_per_s": side**2 / 1e6 / taken["seconds"],
        "truth_m2": truth_m2.tolist(),
        "found_m2": found_m2.tolist(),
        "area_error_share": ((found_m2 - truth_m2) / truth_m2).tolist(),
        "total_error_share": float(found_m2.sum() / truth_m2.sum() - 1),
        "invalid": int((~shapely.is_valid(geometry)).sum()),
        **measure_borders(geometry),
    }


def measure_borders(geometry: np.ndarray) -> dict[str, Any]:
    """Whether neighbours share their borders exactly: every segment is of two regions, or outer."""
    segments = []
    for polygon in geometry:
        for ring in (polygon.exterior, *polygon.interiors):
            points = shapely.get_coordinates(ring)
            segments.append(np.concatenate([points[:-1], points[1:]], axis=1))
    every = np.concatenate(segments)
    swap = (every[:, 0] > every[:, 2]) | (
        (every[:, 0] == every[:, 2]) & (every[:, 1] > every[:, 3])
    )
    every[swap] = every[swap][:, [2, 3, 0, 1]]
    _, counts = np.unique(every, axis=0, return_counts=True)
    union = shapely.union_all(geometry)
    return {
        "segments": len(counts),
        "segments_of_two": int((counts == 2).sum()),
        "segments_of_more": int((counts > 2).sum()),
        "overlap_px": float((shapely.area(geometry).sum() - shapely.area(union)) / PIXEL_M**2),
        "slits": int(sum(map(shapely.get_num_interior_rings, shapely.get_parts(union)))),
    }


if __name__ == "__main__":
    main()
