"""Regions found in tiles and put together are those of the whole image, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import shapely

from segfit.basics.arrays import UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.classification.decision import Decision
from segfit.imaging.raster.window import Window
from segfit.partition import LabelGrid, Partition, partition_of
from segfit.result.regions import Region, are_in_results, collect_regions
from segfit.streaming import analysis
from segfit.streaming.analysis import Scene, analyse_tile
from segfit.streaming.joining import Numbering, list_finished, list_long, number_regions
from segfit.streaming.part import Part
from segfit.streaming.tiling import Place, Tiling

CLASSES = ClassTable(
    ("ground", "a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)), background=0
)
Move = Callable[[Scene, Any, Partition], Partition]


def draw_map(seed: int, *, sigma: float, shape: tuple[int, int] = (330, 410)) -> UInt8Array:
    """Blobs of four classes, of about ``sigma`` px, and a corner of which nothing is known."""
    noise = np.random.default_rng(seed).random(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    labels = np.digitize(smooth, np.quantile(smooth, [0.3, 0.55, 0.8])).astype(np.uint8)
    labels[:60, :80] = IGNORE
    return labels


def stay(_: Scene, zone: Any, first: Partition) -> Partition:
    """Outlines that no network moves."""
    return replace(first, points=first.points.copy(), error_px=np.full(len(first.points), np.nan))


def segment(
    labels: UInt8Array,
    monkeypatch: pytest.MonkeyPatch,
    move: Move = stay,
    *,
    tile_px: int = 120,
    lookback_px: int = 64,
) -> tuple[Tiling, dict[Place, Part], Numbering, list[tuple[int, Region]]]:
    """What tiles find in a map whose labels are known."""

    def decide(zone: Any) -> LabelGrid:
        rows, columns = slice(zone.top, zone.bottom), slice(zone.left, zone.right)
        return LabelGrid(np.ascontiguousarray(labels[rows, columns]))

    def score(scene: Scene, found: Any) -> Any:
        return np.where(are_in_results(found.first.labels, scene.classes), 0.5, np.nan)

    monkeypatch.setattr(analysis, "_score", score)
    monkeypatch.setattr(analysis, "_move_outlines", move)
    tiling = Tiling(labels.shape, tile_px, lookback_px, 16, 16)
    scene = Scene(tiling, None, CLASSES, Decision(), {}, None)  # type: ignore[arg-type]
    parts: dict[Place, Part] = {}
    for row, column in tiling.list_places():
        above, left = parts.get((row - 1, column)), parts.get((row, column - 1))
        parts[row, column] = analyse_tile(
            scene, (row, column), decide(tiling.zone((row, column))), above, left
        )
    numbering = number_regions(tiling, parts.__getitem__, CLASSES)
    found = [
        one
        for batch in list_finished(tiling, parts.__getitem__, numbering, CLASSES)
        for one in batch
    ]
    found += list_long(tiling, parts.__getitem__, numbering, CLASSES)
    return tiling, parts, numbering, found


def describe(region: Region) -> tuple[Any, ...]:
    """What tells a region from others, whatever point its rings begin at."""
    return (
        region.label,
        round(region.area_px, 6),
        round(region.perimeter_px, 6),
        tuple(np.round(region.polygon[0].min(axis=0), 6)),
        len(region.polygon),
        sum(map(len, region.polygon)),
    )


@pytest.mark.parametrize(("seed", "sigma"), [(0, 2.0), (1, 6.0), (2, 20.0), (3, 60.0)])
def test_regions_are_those_of_the_whole_image(
    seed: int, sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = draw_map(seed, sigma=sigma)
    *_, found = segment(labels, monkeypatch)
    whole = collect_regions(partition_of(labels), CLASSES, None)
    assert [number for number, _ in found] == list(range(1, len(whole) + 1))
    # Closed outlines begin somewhere else where they are put together, on a straight stretch.
    assert sorted(describe(one)[:-1] for _, one in found) == sorted(
        describe(one)[:-1] for one in whole
    )


def test_what_is_painted_is_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = draw_map(4, sigma=9.0)
    tiling, parts, numbering, found = segment(labels, monkeypatch)
    painted = np.zeros(labels.shape, np.int64)
    for place, part in parts.items():
        tile = tiling.tile(place)
        rows, columns = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        painted[rows, columns] = numbering.of(place, part.tile.paint().astype(np.int64))
    label_of = np.zeros(len(found) + 1, np.int64)
    for number, region in found:
        label_of[number] = region.label
        assert np.count_nonzero(painted == number) == round(region.area_px)
    assert np.array_equal(label_of[painted], np.where(labels == IGNORE, 0, labels))


def wobble(scene: Scene, zone: Any, first: Partition) -> Partition:
    """Outlines moved by a smooth field over the whole image, but for what lies on its edge."""
    shift = np.array((zone.left, zone.top))
    height, width = scene.tiling.shape
    points = first.points.copy()
    x, y = (points + shift).T
    points[:, 0] += 0.3 * np.sin(y / 7) * np.minimum(x, width - x).clip(0, 1)
    points[:, 1] += 0.3 * np.cos(x / 9) * np.minimum(y, height - y).clip(0, 1)
    inner = (x > 0) & (x < width) & (y > 0) & (y < height)
    return replace(
        first,
        points=np.where(inner[:, None], points, first.points),
        error_px=np.full(len(points), 0.25),
    )


@pytest.mark.parametrize("seed", [5, 6])
def test_moved_outlines_join_without_gap_and_overlap(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = draw_map(seed, sigma=14.0)
    labels[labels == 0] = 1  # without a background every region is in the result
    *_, found = segment(labels, monkeypatch, wobble)
    polygons = np.array([shapely.Polygon(one.polygon[0], one.polygon[1:]) for _, one in found])
    assert shapely.is_valid(polygons).all()
    assert any(len(one.polygon[0]) > 300 for _, one in found)  # some go through many tiles
    known = labels != IGNORE
    assert shapely.area(polygons).sum() == pytest.approx(np.count_nonzero(known), rel=2e-4)
    union = shapely.union_all(polygons)
    assert shapely.area(union) == pytest.approx(shapely.area(polygons).sum(), abs=1e-6)
    # No slit is left between neighbours: the union's only border is that of all that is known.
    assert shapely.get_num_interior_rings(union) == 0


def test_a_moved_outline_has_no_trace_of_the_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((330, 410), np.uint8)
    cv2.circle(labels, (200, 160), 140, 2, -1)
    *_, found = segment(labels, monkeypatch, wobble)
    ((_, region),) = found
    whole = wobble(
        Scene(Tiling(labels.shape, 999, 64, 16, 16), None, CLASSES, Decision(), {}, None),  # type: ignore[arg-type]
        Window(0, 0, 410, 330),
        partition_of(labels),
    )
    assert region.area_px == pytest.approx(whole.region_areas_px[whole.labels == 2][0], rel=1e-4)
    (disc,) = np.flatnonzero(whole.labels == 2).tolist()
    outline = shapely.Polygon(whole.polygon(disc)[0])
    assert shapely.hausdorff_distance(shapely.Polygon(region.polygon[0]), outline) < 0.26
