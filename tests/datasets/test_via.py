"""VIA's regions: their shapes, and which attribute is the class."""

import numpy as np
import pytest

from label_files import make_via_image, make_via_region, save_json, write_images, write_via
from segfit.datasets import open_labelled
from segfit.datasets.via import fill_shape
from segfit.errors import SegfitError


def write_regions(folder, *regions):
    write_images(folder)
    images = {f"{name}.png9": make_via_image(name, *regions) for name in "ab"}
    save_json(images, folder / "via_region_data.json")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"name": "rect", "x": 1, "y": 1, "width": 2, "height": 1}, ["....", ".##.", "...."]),
        (
            {"name": "polyline", "all_points_x": [0, 4, 4], "all_points_y": [0, 0, 3]},
            [".###", "..##", "...#"],
        ),
        ({"name": "circle", "cx": 1.5, "cy": 1.5, "r": 1}, [".#..", "###.", ".#.."]),
        ({"name": "ellipse", "cx": 2, "cy": 1.5, "rx": 2, "ry": 0.6}, ["....", "####", "...."]),
        (
            {"name": "ellipse", "cx": 1.5, "cy": 1.5, "rx": 2, "ry": 0.6, "theta": np.pi / 2},
            [".#..", ".#..", ".#.."],
        ),
    ],
)
def test_shapes(shape, expected):
    mask = fill_shape(shape, height=3, width=4, where="here")
    assert ["".join(".#"[value] for value in row) for row in mask.astype(int)] == expected


def test_regions_of_via_1_are_a_table(tmp_path):
    write_images(tmp_path)
    images = {
        name: {"filename": f"{name}.png", "regions": {"0": make_via_region()}} for name in "ab"
    }
    save_json(images, tmp_path / "via.json")
    data = open_labelled(tmp_path / "via.json", strict=True)
    assert data.classes.names == ("background", "foreground")


def test_splits_and_regions_without_attributes(tmp_path):
    region = {**make_via_region(), "region_attributes": {}}
    for split in ("train", "val"):
        write_regions(tmp_path / split, region)
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "object")
    assert data.splits["val"].names == ("a", "b")
    assert "which have no attributes" in " ".join(data.notes)


def test_ticked_boxes_are_values(tmp_path):
    region = make_via_region()
    region["region_attributes"] = {"kind": {"leaf": True, "fruit": False}}
    write_regions(tmp_path, region)
    assert open_labelled(tmp_path).classes.names == ("background", "leaf")


def test_several_attributes_are_refused_but_for_one_called_class(tmp_path):
    region = make_via_region()
    region["region_attributes"] = {"name": "x", "quality": "good"}
    write_regions(tmp_path, region)
    with pytest.raises(SegfitError, match=r"several attributes .*'name' 2 times, 'quality' 2"):
        open_labelled(tmp_path)
    region["region_attributes"] = {"Class": "leaf", "quality": "good"}
    write_regions(tmp_path, region)
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "leaf")
    assert "by their attribute 'Class'" in " ".join(data.notes)


def test_an_attribute_that_is_never_filled_in_is_refused(tmp_path):
    write_regions(tmp_path, make_via_region(label=""))
    with pytest.raises(SegfitError, match=r"2 regions, but no attribute is filled in \('kind' 0"):
        open_labelled(tmp_path)


def test_a_region_without_a_class_or_a_shape_is_left_out_by_name(tmp_path):
    empty = make_via_region(label="", name="rect", x=0, y=0, width=3, height=3)
    point = make_via_region(name="point", cx=1, cy=1)
    write_regions(tmp_path, make_via_region(), empty, point)
    notes = " ".join(open_labelled(tmp_path).notes)
    assert "4 objects left out" in notes
    assert "a.png: region 2: 'kind' does not say one class" in notes
    assert "a.png: region 3 is a point" in notes


def test_polylines_bare_and_missing_images_are_said(tmp_path):
    write_images(tmp_path)
    line = make_via_region(name="polyline", all_points_x=[1, 9, 9], all_points_y=[1, 1, 9])
    images = {
        "a": make_via_image("a", line), "b": make_via_image("b"), "c": make_via_image("c", line)
    }  # fmt: skip
    save_json({"_via_img_metadata": images}, tmp_path / "via.json")
    notes = " ".join(open_labelled(tmp_path).notes)
    assert "2 polylines closed, and read as outlines." in notes
    assert "1 image without regions (b.png), taken as background throughout" in notes
    assert "1 image of via.json not found near" in notes


def test_other_versions_and_several_files_are_refused(tmp_path):
    write_via(tmp_path)
    save_json({"_via_img_metadata": {}}, tmp_path / "older.json")
    with pytest.raises(SegfitError, match=r"holds 2 VIA files \(older\.json, via_project\.json\)"):
        open_labelled(tmp_path)
    (tmp_path / "older.json").unlink()
    third = {"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}}
    save_json(third, tmp_path / "via_project.json")
    with pytest.raises(SegfitError, match="VIA 3"):
        open_labelled(tmp_path)
