"""Labels of tools that are not read: refused by the tool's name, with what to export instead."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mask_sets import encode

from segfit.datasets import open_labelled
from segfit.errors import SegfitError

FOREIGN = {
    "annotations.xml": (
        '<?xml version="1.0"?><annotations><version>1.1</version><image id="0" name="a.png"/>',
        'is "CVAT for images".*"Segmentation mask 1.1"',
    ),
    "Annotations/a.xml": ("<annotation><object><bndbox/></object></annotation>", "has boxes"),
    "releases/latest/annotations/a.json": (
        json.dumps({"version": "2.0", "item": {"name": "a.png"}, "annotations": []}),
        "is Darwin JSON",
    ),
    "export.json": (json.dumps({"label_classes": [], "images": []}), "is of Hasty"),
    "a.png___objects.json": (
        json.dumps({"metadata": {"name": "a.png"}, "instances": []}),
        "is of SuperAnnotate.*COCO",
    ),
    "release.json": (json.dumps({"name": "v1", "dataset": {}}), "is a release of Segments.ai"),
    "export.ndjson": ("{}\n{}", "is an NDJSON export"),
    "output.manifest": ("{}", "is a manifest of SageMaker"),
    "train/metadata.jsonl": ("{}", "is an image folder of Hugging Face"),
    "train.csv": ("ImageId,EncodedPixels\na.png,1 5\n", "has run lengths.*decode"),
    "a_RoiSet.zip": ("PK", "is of ImageJ's ROI Manager.*label image"),
    "data.zip": ("PK", "is packed.*unpack it"),
    "truth.mat": ("MATLAB 5.0", "is of MATLAB"),
    "arrays.npz": ("PK", "is of NumPy"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_labels_that_are_not_read_are_named(tmp_path, name):
    text, said = FOREIGN[name]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(encode(np.zeros((16, 16), np.uint8)))
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(SegfitError, match=f"{name} {said}"):
        open_labelled(tmp_path)


def test_masks_as_arrays_are_named(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        (tmp_path / "images" / f"{name}.png").write_bytes(encode(np.zeros((16, 16), np.uint8)))
        np.save(tmp_path / "masks" / f"{name}.npy", np.zeros((16, 16), np.uint8))
    with pytest.raises(SegfitError, match=r"without a mask.*masks/a\.npy is of NumPy"):
        open_labelled(tmp_path)


def test_coordinates_on_a_map_are_refused(tmp_path):
    """13° east, 52° north would be a pixel of the image."""
    ring = [[13, 52], [15, 52], [15, 54], [13, 52]]
    feature = {
        "type": "Feature",
        "properties": {"class": "building"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    collection = {"type": "FeatureCollection", "features": [feature]}
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(encode(np.zeros((64, 64), np.uint8)))
        (tmp_path / f"{name}.geojson").write_text(json.dumps({**collection, "crs": crs}))
    with pytest.raises(SegfitError, match=r"a\.geojson lies on the map.*save the image as a"):
        open_labelled(tmp_path)


def test_points_lines_and_unclassified_outlines_of_qupath_are_said(tmp_path):
    def feature(kind, coordinates, **properties):
        geometry = {"type": kind, "coordinates": coordinates}
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    square = [[[4, 4], [12, 4], [12, 12], [4, 12], [4, 4]]]
    features = [
        feature("Polygon", square, classification={"name": "Tumor"}),
        feature("Point", [5, 5], classification={"name": "Tumor"}),
        feature("Polygon", square, objectType="annotation"),
    ]
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(encode(np.zeros((64, 64), np.uint8)))
        (tmp_path / f"{name}.geojson").write_text(json.dumps(features))
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "Tumor")
    assert [one.labels.sum() for split in data.splits.values() for one in split] == [64, 64, 64]
    (note,) = [note for note in data.notes if "left out" in note]
    assert note.startswith("6 objects left out")
    assert "outline 2 is a Point, which has no area" in note
    assert "outline 3 has no class" in note
