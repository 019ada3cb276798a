"""Our LabelMe files, read by hand as LabelMe reads them."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from samples import SAMPLES, segment
from segfit.basics.geometry import fill_polygon
from segfit.formats.labelme import write_labelme


def read(segmentation, path):
    write_labelme(segmentation, path)
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("name", [name for name, one in SAMPLES.items() if one.refined is None])
def test_pixels_come_back(tmp_path, name):
    segmentation = SAMPLES[name]
    content = read(segmentation, tmp_path / "x.json")
    height, width = segmentation.labels.shape
    assert (content["imageHeight"], content["imageWidth"]) == (height, width)
    names = np.full((height, width), "background", dtype=object)
    for shape in content["shapes"]:
        if shape["shape_type"] == "mask":  # corners are the first and the last pixel
            (left, top), (right, bottom) = shape["points"]
            data = io.BytesIO(base64.b64decode(shape["mask"]))
            names[top : bottom + 1, left : right + 1][np.asarray(Image.open(data)) > 0] = shape[
                "label"
            ]
        else:
            ring = np.array(shape["points"])
            names[fill_polygon([ring], height=height, width=width)] = shape["label"]
    expected = np.array(segmentation.classes.names, dtype=object)[segmentation.labels]
    np.testing.assert_array_equal(names, expected)


def test_every_key_that_labelme_asks_for(tmp_path):
    content = read(segment(np.ones((2, 3))), tmp_path / "x.json")
    assert content == {
        "version": "5.5.0",
        "flags": {},
        "shapes": [
            {
                "label": "left <eye> & brow",
                "points": [[3, 0], [3, 2], [0, 2], [0, 0]],
                "group_id": None,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
                "mask": None,
            }
        ],
        "imagePath": "a b.jpg",
        "imageData": None,
        "imageHeight": 2,
        "imageWidth": 3,
    }


def test_the_path_leads_from_the_file_to_the_image(tmp_path):
    (tmp_path / "out" / "labelme").mkdir(parents=True)
    there = replace(segment(np.ones((2, 3))), image_path=tmp_path / "photos" / "a b.jpg")
    content = read(there, tmp_path / "out" / "labelme" / "x.json")
    assert content["imagePath"] == "../../photos/a b.jpg"
