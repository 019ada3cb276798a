import json
from dataclasses import replace

import pytest
import shapely
from shapely.geometry import shape

from samples import CLASSES, SAMPLES, segment
from segfit.classes import ClassTable
from segfit.formats.geojson import write_geojson

every_sample = pytest.mark.parametrize("name", SAMPLES)


def read(segmentation, folder):
    path = folder / "x.geojson"
    write_geojson(segmentation, path)
    content = json.loads(path.read_text("utf-8"))
    assert content.keys() == {"type", "features"}
    assert content["type"] == "FeatureCollection"
    return content["features"]


@every_sample
def test_features_are_valid_and_have_their_areas(tmp_path, name):
    features = read(SAMPLES[name], tmp_path)
    for region, feature in zip(SAMPLES[name].regions, features, strict=True):
        assert feature["type"] == "Feature"
        assert feature["geometry"]["type"] == "Polygon"
        polygon = shape(feature["geometry"])
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == pytest.approx(region.area_px, abs=1e-3)
        assert polygon.area == pytest.approx(feature["properties"]["area_px"], abs=1e-3)
        assert feature["properties"]["class"] == region.name


@every_sample
def test_rings_are_closed_and_go_round_as_the_rfc_asks(tmp_path, name):
    for feature in read(SAMPLES[name], tmp_path):
        rings = feature["geometry"]["coordinates"]
        assert all(ring[0] == ring[-1] for ring in rings)
        polygon = shape(feature["geometry"])
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)


@every_sample
def test_neighbours_share_their_border_and_fill_the_image(tmp_path, name):
    # Where the background is a class like the others, there is a feature of every region.
    classes = ClassTable(CLASSES.names, CLASSES.colors, background=None)
    everything = replace(SAMPLES[name], classes=classes)
    polygons = [shape(feature["geometry"]) for feature in read(everything, tmp_path)]
    height, width = everything.labels.shape
    assert shapely.union_all(polygons).area == pytest.approx(height * width, abs=1e-3)
    assert sum(polygon.area for polygon in polygons) == pytest.approx(height * width, abs=1e-3)
    for index, polygon in enumerate(polygons):
        for other in polygons[:index]:
            assert polygon.intersection(other).area == pytest.approx(0, abs=1e-6)
            # The very same points, not only the same line.
            if polygon.intersection(other).length > 1e-3:
                shared = set(shapely.get_coordinates(polygon).view("c16").ravel().tolist())
                assert (
                    len(shared.intersection(shapely.get_coordinates(other).view("c16")[:, 0])) >= 2
                )


def test_properties(tmp_path):
    (feature,) = read(segment([[0, 1, 1]]), tmp_path)
    assert feature["properties"] == {
        "class": "left <eye> & brow",
        "label": 1,
        "object": None,
        "score": 0.8,
        "area_px": 2,
        "perimeter_px": 6,
        "error_px_mean": None,
        "error_px_worst": None,
    }
    assert feature["geometry"]["coordinates"] == [[[3, 0], [3, 1], [1, 1], [1, 0], [3, 0]]]


def test_y_goes_down_as_in_the_image(tmp_path):
    (feature,) = read(segment([[0], [0], [1]]), tmp_path)
    assert shape(feature["geometry"]).bounds == (0, 2, 1, 3)
