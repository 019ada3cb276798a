"""Which windows of an image are looked at: all that is labelled, no pixel twice, little else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import tifffile
from rasterio import windows
from shapely import box

from layer_files import ignoring_no_place, write_layer, write_map, write_qupath
from segfit.classes import IGNORE
from segfit.datasets import LabelledData, open_labelled
from segfit.datasets.layers.painted import cut_large
from segfit.datasets.layers.windows import (
    PlannedWindow,
    cut_boxes,
    find_patches,
    group_windows,
    merge_boxes,
)
from segfit.errors import SegfitError
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.window import Window


def find(areas: Any, others: Any, side: int = 5000) -> list[list[int]]:
    as_array = [np.array([*shapes, None], object)[:-1] for shapes in (areas, others)]
    return find_patches((side, side), as_array[0], as_array[1]).tolist()


def test_an_area_s_box_fits_it_and_takes_what_reaches_a_little_beyond() -> None:
    area = box(100.5, 100, 900, 700)
    assert find([area], [box(150, 150, 180, 180), box(890, 600, 920, 640)]) == [
        [100, 100, 900, 700]
    ]


def test_other_polygons_are_seen_with_context_and_together_where_near() -> None:
    assert find([], [box(1000, 1000, 1010, 1010)]) == [[832, 832, 1152, 1152]]
    assert find([], [box(1000, 1000, 1010, 1010), box(1200, 1000, 1210, 1010)]) == [
        [832, 832, 1344, 1152]
    ]
    far = find([], [box(0, 0, 9, 9), box(4990, 4990, 4999, 4999)])
    assert far == [[0, 0, 192, 192], [4864, 4864, 5000, 5000]]


def test_patches_never_overlap_and_hold_all() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        corners = random.uniform(0, 4000, (30, 2))
        sides = random.choice([10, 60, 700], (30, 2))
        shapes = [
            box(*corner, *(corner + size)) for corner, size in zip(corners, sides, strict=True)
        ]
        boxes = find(shapes[:10], shapes[10:])
        patches = shapely.box(*np.array(boxes).T)
        assert shapely.area(shapely.union_all(patches)) == shapely.area(patches).sum()
        everything = shapely.union_all(patches).buffer(128, join_style="mitre")
        assert all(everything.contains(shape) for shape in shapes)
        assert merge_boxes(np.array(boxes)).tolist() == sorted(boxes, key=lambda one: one[1::-1])


def test_patches_are_cut_evenly_and_what_is_next_to_each_other_stays_together() -> None:
    cut = cut_boxes(np.array([[0, 0, 2100, 1000], [3000, 0, 3500, 500]]), side_px=1024)
    assert [one.window for one in cut] == [
        Window(0, 0, 700, 1000),
        Window(700, 0, 700, 1000),
        Window(1400, 0, 700, 1000),
        Window(3000, 0, 500, 500),
    ]
    assert group_windows(cut, most=3) == [0, 0, 0, 1]
    assert group_windows(cut, most=2) == [0, 1, 1, 2]
    assert group_windows(cut, most=1) == [0, 1, 2, 3]
    square = [PlannedWindow(Window(x, y, 1, 1), 0) for y in range(4) for x in range(4)]
    numbers = np.array(group_windows(square, most=4)).reshape(4, 4)
    assert (numbers == [[0, 0, 2, 2], [0, 0, 2, 2], [1, 1, 3, 3], [1, 1, 3, 3]]).all()


def test_polygons_of_many_points_are_cut_without_a_trace() -> None:
    angles = np.linspace(0, 2 * np.pi, 9000, endpoint=False)
    radii = 1400 + 300 * np.sin(40 * angles)
    round_one = shapely.Polygon(
        np.stack([1800 + radii * np.cos(angles), 1800 + radii * np.sin(angles)], axis=1),
        [[(1500, 1500), (1500, 1900), (1900, 1900)]],
    )
    polygons = np.array([box(0, 0, 5, 5), round_one])
    pieces, owners = cut_large(polygons)
    assert set(owners) == {0, 1}
    assert shapely.get_num_coordinates(pieces).max() < 2048
    of_round = pieces[owners == 1]
    assert shapely.area(of_round).sum() == pytest.approx(round_one.area)
    assert shapely.union_all(of_round).symmetric_difference(round_one).area < 1e-6


def write_slide(folder: Path, side: int, drawn: Any, *, name: str = "a") -> None:
    """An image of any size, of which only the tiles beneath what is drawn are in the file."""
    write_map(
        folder / f"{name}.tif", None, size=(3, side, side), crs=None, transform=None,
        tiled=True, blockxsize=256, blockysize=256, SPARSE_OK=True, photometric="rgb",
    )  # fmt: skip
    with ignoring_no_place(), rasterio.open(folder / f"{name}.tif", "r+") as file:
        for _, _, shape in drawn:
            left, top, right, bottom = map(int, shape.bounds)
            window = windows.Window(left, top, min(right, side) - left, min(bottom, side) - top)
            file.write(np.ones((3, window.height, window.width), np.uint8), window=window)
    write_qupath(folder / f"{name}.geojson", drawn)


def list_windows(data: LabelledData) -> dict[str, list[Any]]:
    """The windows of each split, as boxes."""
    found: dict[str, list[Any]] = {}
    for split, images in data.splits.items():
        for name, stats in zip(images.names, images.stats, strict=True):
            left, top = map(int, name.split("_")[1:])
            found.setdefault(split, []).append(
                box(left, top, left + stats.width, top + stats.height)
            )
    return found


def test_only_what_is_labelled_of_a_slide_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As large as slides are: 20,000² px, of which a few places are labelled."""
    places = [(300, 400), (9000, 300), (500, 15000), (19500, 19400), (8000, 8000), (12000, 3000)]
    drawn = [("annotation", "Region*", box(x, y, x + 500, y + 500)) for x, y in places]
    drawn += [("detection", "cell", box(x + 9, y + 9, x + 40, y + 30)) for x, y in places]
    write_slide(tmp_path, 20_000, drawn)
    read: list[Window] = []
    whole = Raster.read

    def note(raster: Raster, window: Window, **options: Any) -> Any:
        read.append(window)
        return whole(raster, window, **options)

    monkeypatch.setattr(Raster, "read", note)
    data = open_labelled(tmp_path)
    assert sum(len(images) for images in data.splits.values()) == 6
    assert sorted({one.shape for one in read}) == [(500, 500)]
    assert {(one.left, one.top) for one in read} == set(places)


def test_training_and_validation_windows_do_not_overlap_and_are_drawn_by_seed(
    tmp_path: Path,
) -> None:
    """A map that is labelled all over, and places that are labelled elsewhere."""
    drawn: list[Any] = [("annotation", "Region*", box(0, 0, 3000, 3000))]
    random = np.random.default_rng(0)
    drawn += [
        ("annotation", "wood", box(x, y, x + 300, y + 200))
        for x, y in random.integers(0, 5500, (40, 2)).tolist()
    ]
    write_slide(tmp_path, 6000, drawn)
    data = open_labelled(tmp_path, seed=3)
    found = list_windows(data)
    held, kept = (shapely.union_all(np.array(found[split])) for split in ("val", "train"))
    assert held.intersection(kept).area == 0
    everything = [one for of_split in found.values() for one in of_split]
    assert sum(one.area for one in everything) == shapely.union_all(everything).area
    assert 0.1 < len(found["val"]) / len(everything) < 0.3
    again = open_labelled(tmp_path, seed=3)
    assert {split: one.names for split, one in data.splits.items()} == {
        split: one.names for split, one in again.splits.items()
    }
    assert data.splits["val"].names != open_labelled(tmp_path, seed=4).splits["val"].names


def test_areas_of_other_splits_are_ignored_where_they_overlap(tmp_path: Path) -> None:
    bent = shapely.Polygon([(0, 0), (500, 0), (500, 100), (100, 100), (100, 500), (0, 500)])
    drawn = [
        ("annotation", "Training", bent),
        ("annotation", "Validation", box(200, 200, 480, 480)),
        ("annotation", "wood", box(0, 0, 30, 500)),
        ("annotation", "wood", box(300, 300, 400, 400)),
        ("annotation", "Training", box(2000, 0, 2300, 300)),
        ("annotation", "wood", box(2000, 0, 2100, 300)),
    ]
    write_slide(tmp_path, 3000, drawn)
    data = open_labelled(tmp_path)
    (held,) = data.splits["val"]
    assert held.name == "a_250_250"
    assert set(np.unique(held.labels[:230, :230])) == {0, 1}
    train = {one.name: one for one in data.splits["train"]}
    assert (train["a_0_0"].labels[200:, 200:] == IGNORE).all()
    assert (train["a_0_0"].labels[:100] != IGNORE).all()


def test_windows_are_shown_as_the_whole_image_is(tmp_path: Path) -> None:
    """16 bits, one corner of which is a hundred times as bright: not each window by itself."""
    values = np.random.default_rng(0).integers(100, 200, (1, 1200, 1200)).astype(np.uint16)
    values[:, 900:, 900:] *= 100
    write_map(tmp_path / "a.tif", values)
    write_layer(
        tmp_path / "a.gpkg",
        [("wood", box(0, 0, 300, 1200)), ("town", box(800, 800, 1200, 1200))],
    )
    data = open_labelled(tmp_path, hold_out=False)
    with open_raster(tmp_path / "a.tif") as raster:
        shown = ShownRaster(raster)
        for one in data.splits["train"]:
            left, top = map(int, one.name.split("_")[1:])
            window = Window(left, top, one.image.shape[1], one.image.shape[0])
            np.testing.assert_array_equal(one.image, shown.read(window))
    darkest = min(int(one.image.max()) for one in data.splits["train"])
    assert darkest < 10


def test_channels_are_chosen_and_their_names_kept(tmp_path: Path) -> None:
    values = np.stack([np.full((300, 300), level, np.uint8) for level in (10, 20, 30, 40)])
    write_map(
        tmp_path / "a.tif", values, names=("red", "green", "blue", "nir"), photometric="minisblack"
    )
    write_layer(tmp_path / "a.gpkg", [("a", box(0, 0, 300, 100)), ("b", box(0, 100, 300, 300))])
    data = open_labelled(tmp_path, channels=(3, 0, 1), hold_out=False)
    assert data.channel_names == ("nir", "red", "green")
    assert data.splits["train"][0].image[0, 0].tolist() == [40, 10, 20]
    with pytest.raises(SegfitError, match=r"choose one, or three as red, green and blue"):
        open_labelled(tmp_path)


def test_pixels_of_different_sizes_are_said(tmp_path: Path) -> None:
    for name, metres in (("fine", 1), ("coarse", 2)):
        transform = rasterio.Affine(metres, 0, 500_000, 0, -metres, 5_000_000)
        values = np.zeros((3, 64, 64), np.uint8)
        write_map(tmp_path / f"{name}.tif", values, transform=transform)
        drawn = [("a", box(0, 0, 64, 20)), ("b", box(0, 20, 64, 64))]
        write_layer(tmp_path / f"{name}.gpkg", drawn, transform=transform)
    notes = " ".join(open_labelled(tmp_path).notes)
    assert "Pixels are not of one size, 1 m in fine.tif and 2 m in coarse.tif" in notes


def test_a_slide_of_a_scanner(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (512, 768, 3), np.uint8)
    about = "Aperio Image Library v10.0.51\n768x512 [0,0 768x512] (256x256)|AppMag = 20|MPP = 0.5"
    tifffile.imwrite(
        tmp_path / "a.svs", colors, description=about, photometric="rgb", tile=(256, 256),
        compression="deflate", metadata=None,
    )  # fmt: skip
    areas = [(0, 0), (300, 0), (0, 300), (300, 300), (600, 100)]
    drawn = [("annotation", "Region*", box(x, y, x + 150, y + 140)) for x, y in areas]
    drawn += [("detection", "cell", box(x + 5, y + 5, x + 35, y + 25)) for x, y in areas]
    write_qupath(tmp_path / "a.geojson", drawn)
    data = open_labelled(tmp_path)
    images = {one.name: one for split in data.splits.values() for one in split}
    assert images.keys() == {f"a_{x}_{y}" for x, y in areas}
    one = images["a_300_0"]
    np.testing.assert_array_equal(one.image, colors[:140, 300:450])
    assert (one.labels == 1).sum() == 600
