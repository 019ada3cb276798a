"""Our objects for QuPath, by hand, and read by the Python library of its makers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from samples import CLASSES, SAMPLES, segment, to_shapely
from segfit.classes import ClassTable
from segfit.formats.qupath import make_id, write_qupath

OBJECTS = ClassTable(CLASSES.names, CLASSES.colors, object_classes=(2,))


def read(segmentation, folder):
    write_qupath(segmentation, folder / "x.geojson", force=True)
    content = json.loads((folder / "x.geojson").read_text("utf-8"))
    assert content["type"] == "FeatureCollection"
    return content["features"]


def test_an_object_by_hand(tmp_path):
    (feature,) = read(segment([[0, 0, 2, 2]]), tmp_path)
    color = list(CLASSES.colors[2])
    assert feature.pop("id").count("-") == 4
    assert feature == {
        "type": "Feature",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[4, 0], [4, 1], [2, 1], [2, 0], [4, 0]]],
        },
        "properties": {
            "objectType": "annotation",
            "classification": {"name": "Zähne", "color": color},
            "measurements": {"Score": 0.8, "Area px^2": 2, "Perimeter px": 6},
        },
    }


def test_objects_are_detections(tmp_path):
    features = read(replace(segment([[1, 0, 2, 2]]), classes=OBJECTS), tmp_path)
    types = [one["properties"]["objectType"] for one in features]
    assert types == ["annotation", "detection"]


@pytest.mark.parametrize("name", SAMPLES)
def test_geometries_are_those_of_the_regions(tmp_path, name):
    features = read(SAMPLES[name], tmp_path)
    for region, feature in zip(SAMPLES[name].regions, features, strict=True):
        polygon = shape(feature["geometry"])
        assert polygon.is_valid
        assert shapely.hausdorff_distance(polygon, to_shapely(region)) < 1e-4


def test_numbers_of_objects_stay(tmp_path):
    """The same object in the same image has the same number, whatever else is found there."""
    (one,) = read(segment([[0, 0, 2, 2]]), tmp_path)
    _, again = read(segment([[1, 0, 2, 2]]), tmp_path)
    assert one["id"] == again["id"]
    ring = np.array([(0.0, 0), (1, 0), (1, 1)])
    others = {make_id("a", "x", ring), make_id("b", "x", ring), make_id("a", "y", ring)}
    assert len(others | {make_id("a", "x", ring + 1)}) == 4


def test_the_makers_of_qupath_read_it(tmp_path):
    qubalab = pytest.importorskip("qubalab.objects", reason="qubalab is not installed")
    result = replace(SAMPLES["nested, warped"], classes=OBJECTS)
    features = read(result, tmp_path)
    text = (tmp_path / "x.geojson").read_text("utf-8")
    objects = [
        qubalab.ImageFeature.create_from_feature(feature)
        for feature in qubalab.geojson_features_from_string(text)
    ]
    for found, region, feature in zip(objects, result.regions, features, strict=True):
        is_object = region.label in OBJECTS.object_classes
        kinds = qubalab.ObjectType
        assert found.object_type == (kinds.DETECTION if is_object else kinds.ANNOTATION)
        assert found.classification.names == (region.name,)
        assert tuple(found.classification.color) == OBJECTS.colors[region.label]
        assert str(found.id) == feature["id"]
        assert found.measurements["Area px^2"] == pytest.approx(region.area_px, abs=1e-4)
        assert shape(found.geometry).area == pytest.approx(region.area_px, abs=1e-3)
