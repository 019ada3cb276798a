import re
from functools import reduce
from xml.etree import ElementTree

import numpy as np
import pytest
from shapely.geometry import Polygon

from samples import CLASSES, SAMPLES, segment, warp
from segfit.formats.svg import write_svg

SVG = "{http://www.w3.org/2000/svg}"


def read(segmentation, folder):
    path = folder / "x.svg"
    write_svg(segmentation, path)
    return ElementTree.parse(path).getroot()


def parse_path(path):
    """What a path fills by the even-odd rule; only what we write is understood."""
    assert path.attrib["fill-rule"] == "evenodd"
    assert re.fullmatch(r"(M[-\d., ]+Z)+", path.attrib["d"])
    rings = [
        [tuple(map(float, point.split(","))) for point in ring.split()]
        for ring in re.findall(r"M([^Z]+)Z", path.attrib["d"])
    ]
    return reduce(Polygon.symmetric_difference, map(Polygon, rings))


@pytest.mark.parametrize("name", SAMPLES)
def test_paths_fill_the_regions(tmp_path, name):
    root = read(SAMPLES[name], tmp_path)
    paths = root.findall(f"{SVG}path")
    for region, path in zip(SAMPLES[name].regions, paths, strict=True):
        assert parse_path(path).area == pytest.approx(region.area_px, abs=1e-3)
        assert float(path.attrib["data-area_px"]) == pytest.approx(region.area_px, abs=1e-3)
        assert path.find(f"{SVG}title").text == region.name


def test_canvas_is_the_image(tmp_path):
    root = read(segment(np.ones((3, 5))), tmp_path)
    assert root.tag == f"{SVG}svg"
    assert root.attrib == {"width": "5", "height": "3", "viewBox": "0 0 5 3"}


def test_a_path_has_its_class_s_color_and_what_is_known_of_it(tmp_path):
    (path,) = read(segment([[0, 2, 2]]), tmp_path)
    assert path.attrib == {
        "d": "M3,0 3,1 1,1 1,0Z",
        "fill": "#{:02x}{:02x}{:02x}".format(*CLASSES.colors[2]),
        "fill-rule": "evenodd",
        "data-class": "Zähne",
        "data-label": "2",
        "data-score": "0.8",
        "data-area_px": "2.0",
        "data-perimeter_px": "6.0",
    }


def test_errors_are_noted_where_known(tmp_path):
    path = read(warp([[0, 0, 0], [0, 1, 0], [0, 0, 0]]), tmp_path)[0]
    assert float(path.attrib["data-error_px_worst"]) == pytest.approx(0.122)
