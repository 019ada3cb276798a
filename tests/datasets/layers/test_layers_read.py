"""Layers over maps and slides: where their polygons come to lie, whatever wrote them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from shapely import box

from layer_files import write_layer, write_map, write_qupath
from segfit.classes import IGNORE
from segfit.datasets import LabelledData, open_labelled
from segfit.errors import SegfitError

SIDE = 64
POND, WOOD = box(10, 12, 20, 30), box(5, 5, 40, 50)
DRAWN = [("pond", POND), ("wood", WOOD), ("area", box(0, 0, 60, 60))]


def expect() -> Any:
    """The labels of ``DRAWN``: 1 is pond, which lies within the wood, 2."""
    labels = np.full((SIDE, SIDE), IGNORE)
    labels[:60, :60] = 0
    labels[5:50, 5:40] = 2
    labels[12:30, 10:20] = 1
    return labels


def put_together(data: LabelledData, side: int = SIDE) -> Any:
    """The labels of all windows where they lie in the image; ``IGNORE`` elsewhere."""
    labels = np.full((side, side), IGNORE)
    for split in data.splits.values():
        for one in split:
            *_, left, top = ["0", "0", *one.name.split("_")[1:]]
            height, width = one.labels.shape
            window = np.s_[int(top) : int(top) + height, int(left) : int(left) + width]
            assert (labels[window] == IGNORE).all()
            labels[window] = one.labels
    return labels


def read(folder: Path) -> tuple[Any, str, LabelledData]:
    data = open_labelled(folder, hold_out=False)
    return put_together(data), " ".join(data.notes), data


def write_utm(folder: Path, name: str = "a.tif", **options: Any) -> None:
    write_map(folder / name, np.zeros((3, SIDE, SIDE), np.uint8), **options)


@pytest.mark.parametrize("ending", [".gpkg", ".fgb", ".shp", ".parquet", ".geojson"])
def test_a_layer_of_every_kind(tmp_path: Path, ending: str) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / f"a{ending}", DRAWN)
    labels, notes, data = read(tmp_path)
    np.testing.assert_array_equal(labels, expect())
    assert data.classes.names == ("background", "pond", "wood")
    assert data.classes.object_classes == ()
    assert "3 polygons over 1 image, which are looked at in 1 window of up to 256 px." in notes
    assert "What no polygon covers is background within areas (area), and ignored" in notes


@pytest.mark.parametrize("to", ["EPSG:4326", "EPSG:3857"])
def test_another_reference_system_is_transformed_and_said(tmp_path: Path, to: str) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", DRAWN, to=to)
    labels, notes, _ = read(tmp_path)
    np.testing.assert_array_equal(labels, expect())
    assert f"Coordinates were transformed, {to} → EPSG:32633: a.gpkg." in notes


def test_geojson_that_names_no_system_is_in_longitudes_and_latitudes(tmp_path: Path) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.geojson", DRAWN, to="EPSG:4326", RFC7946=True)
    assert "crs" not in json.loads((tmp_path / "a.geojson").read_text())
    labels, notes, _ = read(tmp_path)
    np.testing.assert_array_equal(labels, expect())
    assert "OGC:CRS84 → EPSG:32633" in notes


TURN = math.radians(30)


@pytest.mark.parametrize(
    "transform",
    [
        rasterio.Affine(2, 0, 500_000, 0, 2, 4_000_000),
        rasterio.Affine(-1, 0, 500_000, 0, -3, 4_000_000),
        rasterio.Affine(
            math.cos(TURN), -math.sin(TURN), 500_000, -math.sin(TURN), -math.cos(TURN), 4_000_000
        ),
    ],
    ids=["south up", "mirrored, oblong", "rotated"],
)
def test_maps_that_are_turned(tmp_path: Path, transform: rasterio.Affine) -> None:
    write_utm(tmp_path, transform=transform)
    write_layer(tmp_path / "a.gpkg", DRAWN, transform=transform)
    np.testing.assert_array_equal(read(tmp_path)[0], expect())


def test_a_layer_without_a_system_over_a_map_is_refused(tmp_path: Path) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", DRAWN, crs=None)
    with pytest.raises(SegfitError, match=r"a\.gpkg names no coordinate reference system, and"):
        open_labelled(tmp_path)


def test_a_layer_on_the_map_over_an_image_that_is_not_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    write_layer(tmp_path / "a.gpkg", DRAWN)
    with pytest.raises(SegfitError, match=r"lies on the map \(EPSG:32633\), and .*a\.png does not"):
        open_labelled(tmp_path)


def test_both_without_a_system_are_pixels_downwards_or_as_qgis_shows_them(tmp_path: Path) -> None:
    flip = rasterio.Affine(1, 0, 0, 0, -1, 0)
    for name, transform in (("a", rasterio.Affine.identity()), ("b", flip)):
        Image.new("RGB", (SIDE, SIDE)).save(tmp_path / f"{name}.png")
        write_layer(tmp_path / f"{name}.gpkg", DRAWN, transform=transform, crs=None)
    data = open_labelled(tmp_path, hold_out=False)
    for one in data.splits["train"]:
        np.testing.assert_array_equal(one.labels, expect()[:60, :60])
    assert "b.gpkg has negative y, and is read as QGIS shows images, y upwards." in data.notes


def test_a_world_file_places_an_image(tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("2\n0\n0\n-2\n500001\n4999999\n")
    write_layer(tmp_path / "a.gpkg", DRAWN)
    labels, notes, _ = read(tmp_path)
    np.testing.assert_array_equal(labels, expect())
    assert "names no reference system, and is taken to be in a.gpkg's." in notes


def test_pieces_holes_and_what_is_no_valid_polygon(tmp_path: Path) -> None:
    write_utm(tmp_path)
    ring = box(10, 10, 30, 30).difference(box(15, 15, 25, 25))
    drawn: list[tuple[str | None, Any]] = [
        ("ring", shapely.MultiPolygon([ring, box(40, 40, 50, 50)])),
        ("bow", shapely.Polygon([(0, 50), (10, 60), (10, 50), (0, 60)])),
        ("bow", box(-80, 2, -70, 9)),
        ("bow", shapely.Point(3, 3)),
        ("bow", shapely.LineString([(0, 0), (9, 9)])),
        (None, box(52, 0, 60, 8)),
    ]
    write_layer(tmp_path / "a.gpkg", drawn, layer="things")
    labels, notes, _ = read(tmp_path)
    expected = np.full((SIDE, SIDE), IGNORE)
    expected[10:30, 10:30] = 1
    expected[15:25, 15:25] = IGNORE
    expected[40:50, 40:50] = 1
    assert (labels == 0).sum() == 50  # a bow tie of 10×10 px
    np.testing.assert_array_equal(np.where(labels == 0, IGNORE, labels), expected)
    for said in (
        "1 polygon not valid, and repaired, in a.gpkg.",
        "1 polygon outside the image, left out, in a.gpkg.",
        "1 polygon without a class, left out, in a.gpkg.",
        "1 feature of type Point, which has no area, left out, in a.gpkg.",
        "1 feature of type LineString, which has no area, left out, in a.gpkg.",
    ):
        assert said in notes


def test_smaller_polygons_lie_on_larger_ones_and_ignored_ones_on_all(tmp_path: Path) -> None:
    write_utm(tmp_path)
    drawn = [("Ignore*", box(8, 8, 24, 16)), *DRAWN]
    expected = expect()
    expected[8:16, 8:24] = IGNORE
    for order in (drawn, drawn[::-1]):
        write_layer(tmp_path / "a.gpkg", order)
        labels, notes, _ = read(tmp_path)
        np.testing.assert_array_equal(labels, expected)
        assert (
            "pixels belong to two or more objects; the object that comes later in the file (over"
            in notes
        )


def test_what_was_not_measured_is_ignored(tmp_path: Path) -> None:
    values = np.ones((3, SIDE, SIDE), np.uint8)
    values[:, :20, :30] = 0
    write_map(tmp_path / "a.tif", values, nodata=0)
    write_layer(tmp_path / "a.gpkg", DRAWN)
    expected = expect()
    expected[:20, :30] = IGNORE
    np.testing.assert_array_equal(read(tmp_path)[0], expected)


def test_unlabelled_pixels_may_be_said_to_be_background(tmp_path: Path) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", DRAWN[:2])
    labels, notes, data = read(tmp_path)
    assert data.classes.background is None
    assert set(np.unique(labels)) == {0, 1, IGNORE}
    assert "What no polygon covers is ignored: nothing says where all is labelled." in notes
    (tmp_path / "classes.json").write_text('{"unlabelled": "background"}')
    labels, notes, data = read(tmp_path)
    assert data.classes.names == ("background", "pond", "wood")
    assert set(np.unique(labels)) == {0, 1, 2}
    assert "What no polygon covers is background, as classes.json says." in notes


def test_one_class_and_no_background_is_refused(tmp_path: Path) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", DRAWN[:1])
    with pytest.raises(SegfitError, match=r"all polygons are of one class, 'pond', and nothing is"):
        open_labelled(tmp_path)


def test_qupath_s_detections_are_objects_and_its_annotations_are_not(tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    drawn = [
        ("annotation", "Region*", box(0, 0, 60, 60)),
        ("annotation", 'Stroma: "B"/ä*', box(30, 30, 50, 50)),
        ("detection", "Tumor", box(4, 4, 10, 10)),
        ("cell", "Tumor", box(10, 4, 16, 10)),
        ("detection", None, box(40, 4, 46, 10)),
        ("annotation", None, box(0, 0, 64, 64)),
    ]
    write_qupath(tmp_path / "a.geojson", drawn)
    data = open_labelled(tmp_path, hold_out=False)
    names = data.classes.names
    assert names == ("background", 'Stroma: "B"/ä*', "Tumor", "object")
    assert [names[place] for place in data.classes.object_classes] == ["Tumor", "object"]
    assert data.classes.colors[2] == (9, 8, 7)
    (one,) = data.splits["train"]
    assert one.objects is not None
    assert len(np.unique(one.objects)) == 4
    assert one.objects[5, 5] != one.objects[5, 12] > 0
    assert (one.labels == 1).sum() == 400
    assert one.labels.shape == (60, 60)
    assert "1 polygon without a class, left out" in " ".join(data.notes)


def test_rectangles_for_training_and_validation_are_the_splits(tmp_path: Path) -> None:
    """As QuPath's extension for Cellpose has them: with annotations that have no class."""
    Image.new("RGB", (640, 320)).save(tmp_path / "a.png")
    write_qupath(
        tmp_path / "a_qupath.geojson",
        [
            ("annotation", "Training", box(0, 0, 300, 300)),
            ("annotation", "Validation", box(310, 0, 600, 310)),
            ("annotation", None, box(20, 20, 40, 40)),
            ("annotation", None, box(400, 20, 420, 40)),
            ("annotation", "Ignore*", box(590, 0, 600, 310)),
        ],
    )
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "object")
    assert data.classes.object_classes == (1,)
    assert {split: images.names for split, images in data.splits.items()} == {
        "train": ("a_0_0",),
        "val": ("a_310_0",),
    }
    for images in data.splits.values():
        assert sum(int((one.labels == 1).sum()) for one in images) == 400
        assert sum(one.objects for one in images.stats) == 1


def test_a_column_that_is_named_and_objects_that_are_asked_for(tmp_path: Path) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", [*DRAWN, ("mud", box(45, 45, 55, 55))], column="landuse")
    with pytest.raises(SegfitError, match=r"it has landuse: name the one .*such as"):
        open_labelled(tmp_path)
    said: dict[str, Any] = {"column": "landuse", "ignore": ["mud"]}
    said["classes"] = [{"name": "wood"}, {"name": "pond", "instances": True, "color": "#0000ff"}]
    (tmp_path / "classes.json").write_text(json.dumps(said))
    labels, _, data = read(tmp_path)
    assert data.classes.names == ("background", "wood", "pond")
    assert data.classes.object_classes == (2,)
    assert data.classes.colors[2] == (0, 0, 255)
    assert (labels[45:55, 45:55] == IGNORE).all()
    del said["ignore"]
    (tmp_path / "classes.json").write_text(json.dumps(said))
    with pytest.raises(SegfitError, match=r"classes that classes\.json does not name \(mud\)"):
        open_labelled(tmp_path)


def test_layers_within_a_file(tmp_path: Path) -> None:
    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", DRAWN[:2], layer="fields")
    write_layer(tmp_path / "a.gpkg", DRAWN[2:], layer="extent", mode="a")
    np.testing.assert_array_equal(read(tmp_path)[0], expect())
    write_layer(tmp_path / "a.gpkg", DRAWN[:1], layer="ponds", mode="a")
    with pytest.raises(SegfitError, match=r"several layers of polygons \(fields, ponds\)"):
        open_labelled(tmp_path)
    (tmp_path / "classes.json").write_text('{"layer": "fields"}')
    assert read(tmp_path)[2].classes.names == ("pond", "wood")


def test_a_classification_that_is_text_of_a_table(tmp_path: Path) -> None:
    """So QGIS saves what QuPath wrote."""
    write_utm(tmp_path)
    texts = [(json.dumps({"name": name, "color": [1, 2, 3]}), shape) for name, shape in DRAWN]
    write_layer(tmp_path / "a.gpkg", texts, column="classification")
    np.testing.assert_array_equal(read(tmp_path)[0], expect())


def test_a_layer_that_segfit_wrote_says_what_is_an_object(tmp_path: Path) -> None:
    import geopandas

    write_utm(tmp_path)
    write_layer(tmp_path / "a.gpkg", DRAWN)
    frame = geopandas.read_file(tmp_path / "a.gpkg")
    frame["class_id"], frame["object"] = [1, 2, 0], np.array([7, None, None], object)
    frame.to_file(tmp_path / "a.gpkg")
    data = open_labelled(tmp_path, hold_out=False)
    assert [data.classes.names[place] for place in data.classes.object_classes] == ["pond"]


def fault(folder: Path, change: str) -> str:
    """What is said of a folder in which one thing is wrong."""
    write_utm(folder)
    layer = folder / "a.gpkg"
    write_layer(layer, DRAWN)
    if change == "corrupt":
        layer.write_bytes(layer.read_bytes()[:2000])
    elif change == "not a layer":
        layer.write_text("nothing")
    elif change == "outside":
        write_layer(layer, [(name, shapely.affinity.translate(one, 1e4)) for name, one in DRAWN])
    elif change == "empty":
        write_layer(layer, DRAWN[:0], layer="a", geometry_type="Polygon", engine="pyogrio")
    elif change == "points":
        write_layer(layer, [("a", shapely.Point(3, 3))])
    elif change == "no classes":
        write_layer(layer, [(None, POND), (None, WOOD)])
    elif change == "only areas":
        write_layer(layer, DRAWN[2:])
    elif change == "two layers":
        write_layer(folder / "a.geojson", DRAWN)
    elif change == "two images":
        Image.new("RGB", (SIDE, SIDE)).save(folder / "a.png")
    elif change == "no image":
        (folder / "a.tif").unlink()
    elif change == "broken image":
        (folder / "a.tif").write_bytes((folder / "a.tif").read_bytes()[:300])
    elif change == "table":
        layer.unlink()
        import pandas

        pandas.DataFrame({"class": ["a"]}).to_parquet(folder / "a.parquet")
    elif change == "choices":
        (folder / "classes.json").write_text('{"colum": "class"}')
    with pytest.raises(SegfitError) as raised:
        open_labelled(folder)
    return str(raised.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("corrupt", "a.gpkg cannot be read as a layer"),
        ("not a layer", "a.gpkg cannot be read as a layer"),
        ("outside", "all 3 polygons of"),
        ("empty", "has no polygons (it is empty): draw some"),
        ("points", "has no layer of polygons with classes (a: Point): draw polygons"),
        ("no classes", "no polygon of"),
        ("only areas", "no polygon is of a class, all are area: draw what is to be found"),
        ("two layers", "goes with several files (a.geojson, a.gpkg): keep one of them"),
        ("two images", "goes with several files (a.png, a.tif): keep one of them"),
        ("no image", "the image that it was drawn over is not beside it"),
        ("broken image", "a.tif"),
        ("table", "is a table without geometries"),
        ("choices", "beside layers of polygons it may say column, layer, unlabelled"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: str, said: str) -> None:
    assert said in fault(tmp_path, change)


@pytest.mark.parametrize("text", ["{", "7", '{"type": "Feature"', '{"type": "Topology"}', "[7]"])
def test_geojson_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    write_utm(tmp_path)
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(SegfitError, match=r"a\.geojson cannot be read as GeoJSON"):
        open_labelled(tmp_path)


def test_one_faulty_pair_and_images_without_a_layer_are_named(tmp_path: Path) -> None:
    for name in "abcd":
        write_utm(tmp_path / "slides", f"{name}.tif")
    for name in "ab":
        write_layer(tmp_path / "slides" / f"{name}.gpkg", DRAWN)
    (tmp_path / "slides" / "c.gpkg").write_bytes(b"")
    _, notes = None, " ".join(open_labelled(tmp_path).notes)
    assert "1 image without a layer (d.tif), left out." in notes
    assert "Left out: " in notes
    assert "c.gpkg cannot be read as a layer" in notes
    with pytest.raises(SegfitError, match=r"c\.gpkg cannot be read"):
        open_labelled(tmp_path, strict=True)


def test_folders_of_splits_and_a_single_file(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_utm(tmp_path / split)
        write_layer(tmp_path / split / "a.gpkg", DRAWN)
    data = open_labelled(tmp_path)
    assert [len(data.splits[split]) for split in ("train", "val")] == [1, 1]
    alone = open_labelled(tmp_path / "train" / "a.gpkg", hold_out=False)
    np.testing.assert_array_equal(put_together(alone), expect())


@pytest.mark.parametrize(("ending", "module"), [(".gpkg", "pyogrio"), (".parquet", "geopandas")])
def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str
) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    write_layer(tmp_path / f"a{ending}", DRAWN, transform=rasterio.Affine.identity(), crs=None)
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(SegfitError, match=rf"needs? {module}: pip install \"segfit\[geo\]\""):
        open_labelled(tmp_path)


def test_small_images_with_outlines_are_read_whole_as_ever(tmp_path: Path) -> None:
    for name in "ab":
        Image.new("RGB", (SIDE, SIDE)).save(tmp_path / f"{name}.png")
        write_qupath(tmp_path / f"{name}.geojson", [("annotation", "Tumor", POND)])
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "Tumor")
    assert "the rest is background" in " ".join(data.notes)


def test_features_that_are_no_polygon_are_counted(tmp_path: Path) -> None:
    write_utm(tmp_path, crs=None, transform=None, photometric="rgb")
    write_qupath(
        tmp_path / "a.geojson",
        [("annotation", "Region*", box(0, 0, 60, 60)), ("detection", "cell", POND)],
    )
    content = json.loads((tmp_path / "a.geojson").read_text())
    for geometry in (
        {"type": "Polygon", "coordinates": [[[1, 2], [3]]]},
        {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Curve", "coordinates": [1]},
        None,
    ):
        content["features"].append({**content["features"][1], "geometry": geometry})
    flat = {"type": "Polygon", "coordinates": [[[1, 2], [3, 2], [5, 2], [1, 2]]]}
    content["features"].append({**content["features"][1], "geometry": flat})
    old = {**content["features"][1], "id": "PathDetectionObject"}
    old["properties"] = {"classification": {"names": ["cell", "big"], "colorRGB": -65536}}
    old["geometry"] = {
        "type": "MultiPolygon",
        "coordinates": [[[[30, 5, 7], [40, 5, 7], [40, 9, 7]]]],
    }
    content["features"].append(old)
    (tmp_path / "a.geojson").write_text(json.dumps(content["features"]))
    data = open_labelled(tmp_path, hold_out=False)
    assert data.classes.names == ("background", "cell", "cell: big")
    assert data.classes.object_classes == (1, 2)
    assert data.classes.colors[2] == (255, 0, 0)
    notes = " ".join(data.notes)
    assert "3 features with points that are no polygon, left out" in notes
    assert "2 features without geometry, left out" in notes
    assert "1 polygon of no area, left out" in notes


def test_a_column_of_names_that_are_no_classes_is_told(tmp_path: Path) -> None:
    write_utm(tmp_path)
    shapes = [box(x, y, x + 2, y + 2) for x in range(0, 60, 3) for y in range(0, 60, 3)]
    drawn = [(f"house {number}", shape) for number, shape in enumerate(shapes)]
    write_layer(tmp_path / "a.gpkg", drawn, column="name")
    with pytest.raises(SegfitError, match=r"400 different classes .*column 'name': house 0, "):
        open_labelled(tmp_path)


def test_a_column_of_qupath_s_that_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    write_qupath(
        tmp_path / "a.geojson",
        [("annotation", "Region*", box(0, 0, 60, 60)), ("cell", "Positive", POND)],
    )
    content = json.loads((tmp_path / "a.geojson").read_text())
    for feature, name in zip(content["features"], ("area", "nucleus"), strict=True):
        feature["properties"]["name"] = name
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    (tmp_path / "classes.json").write_text('{"column": "name"}')
    data = open_labelled(tmp_path, hold_out=False)
    assert data.classes.names == ("background", "nucleus")
    assert data.classes.object_classes == (1,)
