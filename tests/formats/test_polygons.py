import json

import numpy as np
import pytest
from shapely.geometry import Polygon

from samples import NESTED, SAMPLES, draw, segment, to_shapely, warp
from segfit.formats.polygons import list_polygons, write_polygons
from segfit.result.regions import Region


def read(segmentation, folder):
    path = folder / "x_polygons.json"
    write_polygons(segmentation, path)
    return json.loads(path.read_text("utf-8"))


def test_a_square_with_a_hole_is_said_in_full(tmp_path):
    content = read(segment(draw("11100 10100 11100")), tmp_path)
    region = content.pop("regions")[0]
    size = {"width": 5, "height": 3}
    assert content == {"image": "a b.jpg", "model": None, **size, "points_put_back": 0}
    assert region == {
        "class": "left <eye> & brow",
        "label": 1,
        "object": None,
        "score": 0.8,
        "area_px": 8,
        "perimeter_px": 16,
        "error_px_mean": None,
        "error_px_worst": None,
        "box": {
            "center": [1.5, 1.5],
            "width": 3,
            "height": 3,
            "angle_deg": 0,
            "corners": [[0, 0], [3, 0], [3, 3], [0, 3]],
            "edge_error_px": None,
        },
        "polygon": [[[3, 0], [3, 3], [0, 3], [0, 0]], [[1, 1], [1, 2], [2, 2], [2, 1]]],
        "vertex_error_px": None,
    }


@pytest.mark.parametrize("sample", SAMPLES)
def test_areas_and_outlines_come_back(tmp_path, sample):
    segmentation = SAMPLES[sample]
    written = read(segmentation, tmp_path)["regions"]
    for region, entry in zip(segmentation.regions, written, strict=True):
        outer, *holes = entry["polygon"]
        polygon = Polygon(outer, holes)
        assert polygon.is_valid
        assert polygon.area == pytest.approx(region.area_px, abs=1e-3)
        assert polygon.area == pytest.approx(entry["area_px"], abs=1e-3)
        assert polygon.length == pytest.approx(entry["perimeter_px"], abs=1e-2)
        assert polygon.hausdorff_distance(to_shapely(region)) < 1e-4
        assert Polygon(entry["box"]["corners"]).buffer(1e-3).covers(polygon)


def test_every_vertex_has_its_error(tmp_path):
    entry = read(warp(NESTED), tmp_path)["regions"][0]
    assert [len(ring) for ring in entry["vertex_error_px"]] == [4, 4]
    errors = [error for ring in entry["vertex_error_px"] for error in ring]
    assert entry["error_px_mean"] == pytest.approx(np.mean(errors), abs=1e-4)
    assert entry["error_px_worst"] == max(errors)
    assert len(entry["box"]["edge_error_px"]) == 4


def test_an_unknown_error_is_null():
    square = np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]])
    region = Region(1, "x", None, None, (square,), (np.array([0.1, np.nan, np.nan, 0.3]),))
    segmentation = segment(np.ones((4, 4)))
    vars(segmentation)["regions"] = (region,)
    (entry,) = list_polygons(segmentation)["regions"]
    assert entry["vertex_error_px"] == [[0.1, None, None, 0.3]]
    assert entry["box"]["edge_error_px"] == [0.1, None, 0.3, 0.2]
    assert (entry["error_px_mean"], entry["error_px_worst"]) == (0.2, 0.3)
