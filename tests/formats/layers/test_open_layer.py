"""Layers, read again by geopandas."""

import json
import sqlite3
import sys
from dataclasses import replace
from xml.etree import ElementTree

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from drawn_regions import (
    AREAS_PX,
    CLASSES,
    PERIMETERS_PX,
    REGIONS,
    UTM33,
    WEB,
    WGS84,
    place,
    square,
)  # fmt: skip
from pyarrow import parquet
from pyproj import CRS, Transformer

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.layers import LAYERS, open_layer
from segfit.imaging.raster.placement import Placement
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.partition import partition_of
from segfit.result.regions import Region, collect_regions

BATCH_ROWS = 40
KINDS = [ending for ending, kind in LAYERS.items() if kind.on_map]
every_kind = pytest.mark.parametrize("suffix", KINDS)
maps = pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet"])

NORTH_UP = (0.5, 0, 500_000, 0, -0.5, 5_500_000)
SOUTH_UP = (0.5, 0, 500_000, 0, 0.5, 5_500_000)
ROTATED = (0.3, 0.4, 500_000, 0.4, -0.3, 5_500_000)  # sides of 0.5 m, too
TURNED = {"north up": NORTH_UP, "south up": SOUTH_UP, "rotated": ROTATED}
SITE = 'LOCAL_CS["Site",UNIT["US survey foot",0.304800609601219]]'
NO_UNIT_ON_EARTH = CRS.from_epsg(UTM33).to_wkt("WKT1_GDAL").replace('"metre",1,', '"unknown",1,')
NO_UNIT = 'LOCAL_CS["Unknown",UNIT["unknown",1]]'


@pytest.fixture
def _small_batches(monkeypatch):
    monkeypatch.setattr("segfit.formats.layers.layer.BATCH_ROWS", BATCH_ROWS)


def write(path, regions=REGIONS, *, placement=None, scale=IN_PIXELS, force=False):
    with open_layer(path, classes=CLASSES, placement=placement, scale=scale, force=force) as layer:
        layer.write(regions)
    return path


def read(path):
    """A layer in the order of its numbers."""
    if path.suffix == ".parquet":
        table = geopandas.read_parquet(path)
    else:
        table = geopandas.read_file(path, layer="regions" if path.suffix == ".gpkg" else None)
    return table.sort_values("id", ignore_index=True)


def points(polygon):
    return {tuple(point) for point in shapely.get_coordinates(polygon).tolist()}


@every_kind
def test_attributes(tmp_path, suffix):
    table = read(write(tmp_path / f"a{suffix}", scale=Scale(0.5, "um")))
    assert table["id"].tolist() == [1, 2, 3]
    assert table["class"].tolist() == ["roof", "roof", "Straße & <Weg>"]
    assert table["class_id"].tolist() == [1, 1, 2]
    assert table["object"].fillna(-1).tolist() == [1, 2, -1]
    assert table["score"].fillna(-1).tolist() == [0.75, -1, 0.5]
    assert table["error_px"].fillna(-1).tolist() == pytest.approx([0.2, -1, -1])
    assert table["area_px"].tolist() == list(AREAS_PX)
    assert table["perimeter_px"].tolist() == list(PERIMETERS_PX)
    assert table["area_um2"].tolist() == [area / 4 for area in AREAS_PX]
    assert table["perimeter_um"].tolist() == [length / 2 for length in PERIMETERS_PX]
    assert "area_m2" not in table


@every_kind
def test_without_a_map_coordinates_are_those_of_the_image(tmp_path, suffix):
    table = read(write(tmp_path / f"a{suffix}"))
    # A reader of GeoJSON takes all coordinates for degrees.
    assert (table.crs is None) == (suffix != ".geojson")
    assert table.geometry[0].equals(shapely.box(10, 20, 20, 30))
    assert table.geometry[2].equals(shapely.box(40, 20, 60, 40) - shapely.box(44, 24, 48, 28))
    assert not {"area_m2", "area_um2"} & set(table)


@maps
@pytest.mark.parametrize("transform", TURNED.values(), ids=TURNED)
def test_on_a_map(tmp_path, suffix, transform):
    placement = place(UTM33, transform)
    table = read(write(tmp_path / f"a{suffix}", placement=placement))
    assert table.crs == CRS.from_epsg(UTM33)
    assert table.geometry.is_valid.all()
    a, b, c, d, e, f = transform
    for polygon, region in zip(table.geometry, REGIONS, strict=True):
        expected = {
            (a * x + b * y + c, d * x + e * y + f) for ring in region.polygon for x, y in ring
        }
        assert points(polygon) == expected
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)
    shared = points(table.geometry[0]) & points(table.geometry[1])
    assert len(shared) == 2
    # On the central meridian a metre of the map is 1 / 0.9996 m of the ground.
    truth = [area / 4 / 0.9996**2 for area in AREAS_PX]
    assert table["area_m2"].tolist() == pytest.approx(truth, rel=1e-6)
    truth = [length / 2 / 0.9996 for length in PERIMETERS_PX]
    assert table["perimeter_m"].tolist() == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    ("code", "transform"),
    [
        (UTM33, (0.5, 0, 180_000, 0, -0.5, 5_500_000)),  # at the zone's edge
        (WEB, (0.5, 0, 1_500_000, 0, -0.5, 8_400_000)),  # 60° north: areas of the map are 4 times
        (WGS84, (1e-5, 0, 15, 0, -1e-5, 60)),
        (WGS84, (-1e-3, 2e-3, 15, 1e-3, 1e-3, -30)),
        ("EPSG:27572", (5, 0, 600_000, 0, -5, 2_200_000)),  # Paris is its prime meridian, in grads
        ("EPSG:4807", (1e-4, 0, 2, 0, -1e-4, 52)),
        ("EPSG:2263", (2, 0, 980_000, 0, -2, 200_000)),  # US survey feet
        ("EPSG:7415", (0.5, 0, 120_000, 0, -0.5, 480_000)),  # with heights
        ("EPSG:3031", (10, 0, 1_000_000, 0, -10, -800_000)),  # Antarctica
        ("EPSG:3832", (100, 0, 3_335_000, 0, -100, 2_000_000)),  # across the 180th meridian
    ],
)  # fmt: skip
def test_areas_and_lengths_are_those_of_the_ellipsoid(tmp_path, code, transform):
    placement = place(code, transform)
    table = read(write(tmp_path / "a.parquet", placement=placement))
    system = CRS.from_user_input(code)
    system = system.sub_crs_list[0] if system.sub_crs_list else system
    degrees = np.degrees(system.geodetic_crs.axis_info[0].unit_conversion_factor)
    to_geodetic = Transformer.from_crs(system, system.geodetic_crs, always_xy=True)
    for row, region in enumerate(REGIONS):
        area = length = 0.0
        for ring in region.polygon:
            fine = densify(ring) @ np.array([transform[:2], transform[3:5]]).T
            fine += (transform[2], transform[5])
            longitudes, latitudes = np.stack(to_geodetic.transform(*fine.T)) * degrees
            part, around = system.get_geod().polygon_area_perimeter(longitudes, latitudes)
            sign = 1 if ring is region.polygon[0] else -1
            area, length = area + sign * abs(part), length + around
        assert table["area_m2"][row] == pytest.approx(area, rel=1e-5)
        assert table["perimeter_m"][row] == pytest.approx(length, rel=1e-4)


def densify(ring, count=20):
    """A ring with further points on its sides, which then are short enough to be straight."""
    steps = np.linspace(0, 1, count, endpoint=False)[:, None]
    sides = [a + (b - a) * steps for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)]
    return np.concatenate(sides)


@every_kind
@pytest.mark.parametrize("system", [NO_UNIT, NO_UNIT_ON_EARTH], ids=["anywhere", "on the earth"])
def test_a_system_without_a_unit_gives_areas_in_pixels_alone(tmp_path, suffix, system):
    table = read(write(tmp_path / f"a{suffix}", placement=place(system, ROTATED)))
    assert table["area_px"].tolist() == list(AREAS_PX)
    assert not {"area_m2", "perimeter_m"} & set(table)
    assert table.geometry[0].bounds == pytest.approx((500_011, 5_499_998, 500_018, 5_500_005))


@maps
def test_a_system_of_a_site(tmp_path, suffix):
    table = read(write(tmp_path / f"a{suffix}", placement=place(SITE, ROTATED)))
    assert table.crs.is_engineering
    foot = 0.304800609601219
    assert table["area_m2"].tolist() == pytest.approx([area * foot**2 / 4 for area in AREAS_PX])
    assert table["perimeter_m"].tolist() == pytest.approx([p * foot / 2 for p in PERIMETERS_PX])


@every_kind
def test_a_place_without_a_system_and_a_scale(tmp_path, suffix):
    placement = place(None, NORTH_UP)
    table = read(write(tmp_path / f"a{suffix}", placement=placement, scale=Scale(2.0, "mm")))
    assert (table.crs is None) == (suffix != ".geojson")
    assert table.geometry[0].equals(shapely.box(500_005, 5_499_985, 500_010, 5_499_990))
    assert table["area_mm2"].tolist() == [4 * area for area in AREAS_PX]


def test_geojson_of_a_map_is_in_longitudes_and_latitudes(tmp_path):
    path = write(tmp_path / "a.geojson", placement=place(UTM33, NORTH_UP))
    content = json.loads(path.read_text("utf-8"))
    assert content.keys() == {"type", "features"}
    (ring,) = content["features"][0]["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    expected = read(write(tmp_path / "a.gpkg", placement=place(UTM33, NORTH_UP))).to_crs(WGS84)
    table = read(path)
    assert table.crs == CRS.from_epsg(WGS84)
    assert table.geometry.is_valid.all()
    assert shapely.hausdorff_distance(table.geometry, expected.geometry).max() < 1e-10
    assert len(points(table.geometry[0]) & points(table.geometry[1])) == 2
    assert all(polygon.exterior.is_ccw for polygon in table.geometry)


def test_geojson_keeps_a_region_together_that_the_180th_meridian_crosses(tmp_path):
    # 0.001° a pixel; the meridian runs through the ring.
    placement = place("EPSG:3832", (100, 0, 3_339_584 - 5_000, 0, -100, 2_000_000))
    table = read(write(tmp_path / "a.geojson", placement=placement))
    left, _, right, _ = table.geometry[2].bounds
    assert left < 180 < right < left + 0.1


def test_geojson_of_a_place_that_is_not_on_the_earth(tmp_path):
    space = "+proj=geos +h=35785831 +lon_0=0 +sweep=y"
    placement = place(space, (1000, 0, -7_000_000, 0, -1000, 7_000_000))
    with pytest.raises(SegfitError, match="no longitude and latitude"):
        write(tmp_path / "a.geojson", placement=placement)
    assert list(tmp_path.iterdir()) == []
    table = read(write(tmp_path / "a.parquet", placement=placement))
    assert table["area_m2"].isna().all()


@maps
def test_nothing_found(tmp_path, suffix):
    table = read(write(tmp_path / f"a{suffix}", (), placement=place(UTM33, ROTATED)))
    assert len(table) == 0
    assert table.crs == CRS.from_epsg(UTM33)
    assert "area_m2" in table


def test_nothing_found_as_geojson(tmp_path):
    path = write(tmp_path / "a.geojson", ())
    assert json.loads(path.read_text()) == {"type": "FeatureCollection", "features": []}


def many(count):
    """Squares in rows of ten, each touching the next."""
    return [
        Region(1, "roof", number + 1, 0.5, (square(10 * (number % 10), 10 * (number // 10), 10),))
        for number in range(count)
    ]


@every_kind
@pytest.mark.usefixtures("_small_batches")
def test_the_same_bytes_however_the_regions_come(tmp_path, suffix):
    regions = many(2 * BATCH_ROWS + 7)
    placement = place(UTM33, ROTATED)
    whole = write(tmp_path / f"a{suffix}", regions, placement=placement)
    parts = tmp_path / f"b{suffix}"
    with open_layer(parts, classes=CLASSES, placement=placement) as layer:
        for start in range(0, len(regions), 13):
            layer.write(regions[start : start + 13])
    assert whole.read_bytes() == parts.read_bytes()
    table = read(whole)
    assert table["id"].tolist() == table["object"].tolist() == list(range(1, len(regions) + 1))
    assert table["area_m2"].sum() == pytest.approx(len(regions) * 25 / 0.9996**2, rel=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]


@every_kind
@pytest.mark.usefixtures("_small_batches")
def test_an_error_leaves_nothing_behind(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"mine")
    placement = place(UTM33, NORTH_UP)
    with pytest.raises(SegfitError, match="exists already"):
        open_layer(path, classes=CLASSES, placement=placement)
    layer = open_layer(path, classes=CLASSES, placement=placement, force=True)
    layer.write(many(BATCH_ROWS))
    layer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert list(tmp_path.iterdir()) == [path]
    layer = open_layer(path, classes=CLASSES, placement=placement, force=True)
    with pytest.raises(AttributeError):
        layer.write([None] * BATCH_ROWS)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]
    write(path, placement=placement, force=True)
    assert len(read(path)) == 3
    assert list(tmp_path.iterdir()) == [path]


def find_regions(count):
    """Regions of random images, background included, none over another; borders are curved."""
    classes = ClassTable.from_names(("a", "b", "c"), background=None)
    regions = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        partition = partition_of(np.kron(rng.integers(0, 3, (9, 9)), np.ones((2, 2))).astype("u1"))
        x, y = partition.points.T
        bump = (
            rng.uniform(-1.5, 1.5, 2) * (np.sin(np.pi * x / 18) * np.sin(np.pi * y / 18))[:, None]
        )
        corner = np.array([(seed % 10) * 20.0, (seed // 10) * 20.0])
        moved = replace(partition, points=partition.points + bump + corner)
        regions += collect_regions(moved, classes, None)
    return regions


@every_kind
@pytest.mark.parametrize("transform", TURNED.values(), ids=TURNED)
def test_polygons_are_valid_and_neighbours_share_their_borders(tmp_path, suffix, transform):
    placement = place(UTM33, transform)
    table = read(write(tmp_path / f"a{suffix}", find_regions(30), placement=placement))
    assert len(table) > 500
    assert table.geometry.is_valid.all()
    # No overlap, and no point on a border that a neighbour does not have.
    assert shapely.coverage_is_valid(table.geometry.values)
    assert table["area_px"].sum() == pytest.approx(30 * 18 * 18)
    assert table["area_m2"].sum() == pytest.approx(30 * 18 * 18 / 4 / 0.9996**2, rel=1e-5)


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb"])
def test_what_gdal_cannot_write(tmp_path, monkeypatch, suffix):
    def fail(tables, path, **settings):
        path.write_bytes(b"half")
        raise pyogrio.errors.DataLayerError("database or disk is full")

    monkeypatch.setattr(pyogrio, "write_arrow", fail)
    with pytest.raises(SegfitError, match=r"disk is full\): if the disk is full, free some space"):
        write(tmp_path / f"a{suffix}", placement=place(UTM33, NORTH_UP))
    assert list(tmp_path.iterdir()) == []


def test_another_ending(tmp_path):
    with pytest.raises(SegfitError, match=r"a\.shp .* ends in one of \.gpkg, \.fgb, \.parquet"):
        open_layer(tmp_path / "a.shp", classes=CLASSES)


def test_objects_for_qupath_are_in_pixels(tmp_path):
    path = tmp_path / "a_qupath.geojson"
    write(path, placement=place(UTM33, NORTH_UP), scale=Scale(0.5, "um"))
    first, _, ring = json.loads(path.read_text("utf-8"))["features"]
    assert shapely.geometry.shape(first["geometry"]).equals(shapely.box(10, 20, 20, 30))
    assert len(ring["geometry"]["coordinates"]) == 2
    assert first["properties"] == {
        "objectType": "detection",
        "classification": {"name": "roof", "color": [200, 30, 40]},
        "measurements": {
            "Score": 0.75,
            "Area px^2": 100,
            "Perimeter px": 40,
            "Outline error px": 0.2,
            "Area µm^2": 25,
            "Perimeter µm": 20,
        },
    }
    assert ring["properties"]["objectType"] == "annotation"


def test_a_system_that_cannot_be_understood(tmp_path):
    with pytest.raises(SegfitError, match=r"cannot be understood .*gdal_edit\.py"):
        open_layer(tmp_path / "a.gpkg", classes=CLASSES, placement=Placement(NORTH_UP, "moon"))
    assert list(tmp_path.iterdir()) == []


@maps
def test_a_library_that_is_not_installed(tmp_path, monkeypatch, suffix):
    for name in ("pyarrow", "pyogrio"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SegfitError, match=r'pip install "segfit\[geo\]"'):
        open_layer(tmp_path / f"a{suffix}", classes=CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_geojson_of_an_image_needs_no_library_of_maps(tmp_path, monkeypatch):
    for name in ("pyarrow", "pyogrio", "pyproj"):
        monkeypatch.setitem(sys.modules, name, None)
    write(tmp_path / "a.geojson", scale=Scale(0.25, "um"))
    assert len(json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]) == 3


def test_a_geopackage_has_an_index_and_a_style(tmp_path):
    path = write(tmp_path / "a.gpkg", placement=place(UTM33, NORTH_UP))
    with sqlite3.connect(path) as package:
        assert package.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert package.execute("SELECT count(*) FROM rtree_regions_geom").fetchall() == [(3,)]
        ((style,),) = package.execute(
            "SELECT styleQML FROM layer_styles WHERE f_table_name = 'regions' AND "
            "f_geometry_column = 'geom' AND useAsDefault = 1"
        )
    package.close()
    root = ElementTree.fromstring(style.partition("\n")[2])
    renderer = root.find("renderer-v2")
    assert (renderer.attrib["type"], renderer.attrib["attr"]) == ("categorizedSymbol", "class")
    categories = {one.attrib["value"]: one.attrib["symbol"] for one in renderer.iter("category")}
    assert categories == {"roof": "0", "Straße & <Weg>": "1"}
    fills = {
        symbol.attrib["name"]: prop.attrib["v"]
        for symbol in renderer.find("symbols")
        for prop in symbol.iter("prop")
        if prop.attrib["k"] == "color"
    }
    assert fills == {"0": "200,30,40,110", "1": "10,120,250,110"}


@pytest.mark.usefixtures("_small_batches")
def test_geoparquet_has_row_groups_with_boxes(tmp_path):
    regions = many(BATCH_ROWS + 5)
    path = write(tmp_path / "a.parquet", regions, placement=place(UTM33, NORTH_UP))
    file = parquet.ParquetFile(path)
    assert [file.metadata.row_group(i).num_rows for i in range(2)] == [BATCH_ROWS, 5]
    described = json.loads(file.metadata.metadata[b"geo"])
    assert described["version"] == "1.1.0"
    (left, bottom, right, top) = described["columns"]["geometry"]["bbox"]
    assert (left, top, right) == (500_000, 5_500_000, 500_050)
    assert bottom == 5_500_000 - 5 * 5
    near = geopandas.read_parquet(path, bbox=(left, top - 9, left + 9, top))
    assert len(near) == 4
