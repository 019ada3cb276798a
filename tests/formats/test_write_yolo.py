"""Our YOLO lines read by hand, and by our own reader of data sets."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from shapely.geometry import LinearRing, Polygon

from samples import CLASSES, SAMPLES, segment
from segfit.basics.geometry import fill_polygon, measure_area
from segfit.classes import ClassTable
from segfit.datasets.data_yaml import parse_data_file
from segfit.datasets.yolo import read_polygons
from segfit.formats.yolo import describe_classes, join_rings, write_yolo
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

every_sample = pytest.mark.parametrize("name", SAMPLES)


def read(segmentation, folder):
    """Classes and points in pixels of every line, with nothing but str.split."""
    path = folder / "x.txt"
    write_yolo(segmentation, path)
    height, width = segmentation.labels.shape
    lines = [line.split(" ") for line in path.read_text("ascii").splitlines()]
    points = [np.array(fields[1:], float).reshape(-1, 2) * (width, height) for fields in lines]
    return [(int(fields[0]), ring) for fields, ring in zip(lines, points, strict=True)]


@every_sample
def test_areas_and_classes_come_back(tmp_path, name):
    entries = read(SAMPLES[name], tmp_path)
    for region, (label, ring) in zip(SAMPLES[name].regions, entries, strict=True):
        assert CLASSES.names[1:][label] == region.name
        # Where a ring covers nothing twice, shapely's area is that of the shoelace formula.
        assert Polygon(ring).area == pytest.approx(region.area_px, abs=1e-3)
        assert LinearRing(ring).bounds == pytest.approx(region.bounds_xyxy, abs=1e-3)


@every_sample
def test_our_own_reader_fills_the_same_pixels(tmp_path, name):
    segmentation = SAMPLES[name]
    height, width = segmentation.labels.shape
    write_yolo(segmentation, tmp_path / "x.txt")
    labels = np.zeros((height, width), np.uint8)
    for label, shares in read_polygons(tmp_path / "x.txt", class_count=len(CLASSES) - 1):
        inside = fill_polygon([shares * (width, height)], height=height, width=width)
        assert (labels[inside] == 0).all()
        labels[inside] = label + 1
    np.testing.assert_array_equal(labels, segmentation.labels)


def test_a_line_by_hand(tmp_path):
    write_yolo(segment([[0, 0, 2, 2]]), tmp_path / "x.txt")
    assert (tmp_path / "x.txt").read_text() == "1 1 0 1 1 0.5 1 0.5 0\n"


def test_nothing_found_is_an_empty_file(tmp_path):
    write_yolo(segment(np.zeros((2, 2))), tmp_path / "x.txt")
    assert (tmp_path / "x.txt").read_bytes() == b""


def test_holes_are_joined_by_bridges():
    square = np.array([[0.0, 0], [8, 0], [8, 8], [0, 8]])
    hole = np.array([[1.0, 1], [1, 2], [2, 2], [2, 1]])
    joined = join_rings((square, hole, hole + 4))
    assert joined.tolist()[:7] == [[0, 0], [1, 1], [1, 2], [2, 2], [2, 1], [1, 1], [0, 0]]
    assert measure_area(joined) == 64 - 2
    assert join_rings((square,)) is square


def test_classes_are_numbered_from_0_as_data_yaml_names_them():
    table = ClassTable.from_names(("no", "ground", "7", "leaf, green"), background=1)
    ((path, text),) = describe_classes(table).items()
    assert path == "yolo/data.yaml"
    content = yaml.safe_load(text)
    # What Ultralytics asks for: train, val, names as text by number, and nc their number.
    assert content == {
        "path": ".",
        "train": "images",
        "val": "images",
        "nc": 3,
        "names": {0: "no", 1: "7", 2: "leaf, green"},
    }
    data = parse_data_file(text.decode("utf-8"), Path(path))
    assert data.names == ("no", "7", "leaf, green")


def test_a_class_behind_the_background_keeps_its_number(tmp_path):
    table = ClassTable.from_names(("sky", "ground", "tree"), background=1)
    image = np.zeros((2, 3, 3), np.uint8)
    write_yolo(Segmentation(image, LabelGrid(np.uint8([[0, 1, 2]] * 2)), table), tmp_path / "x.txt")
    lines = (tmp_path / "x.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1"]
