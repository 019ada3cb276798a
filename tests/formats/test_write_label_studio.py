"""Our Label Studio tasks, decoded as its own front end decodes them."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from samples import CLASSES, SAMPLES, segment
from segfit.basics.geometry import fill_polygon
from segfit.formats.label_studio import describe_project, pack_runs, write_tasks


def decode(data):
    """The decoder of ``@thi.ng/rle-pack`` in words: bits, from the first byte's highest on."""
    bits = "".join(f"{byte:08b}" for byte in data)
    place = 0

    def read(width):
        nonlocal place
        place += width
        return int(bits[place - width : place], 2)

    count, value_bits = read(32), read(5) + 1
    length_bits = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        repeated = read(1)
        length = read(length_bits[read(2)]) + 1
        values += (
            [read(value_bits)] * length if repeated else [read(value_bits) for _ in range(length)]
        )
    assert len(bits) - place < 8
    return np.array(values)


def read(segmentation, folder):
    write_tasks(segmentation, folder / "x.json")
    ((task),) = json.loads((folder / "x.json").read_text("utf-8"))
    return task


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_strokes_come_back(mask):
    pixels = decode(pack_runs(mask)).reshape(*mask.shape, 4)
    np.testing.assert_array_equal(pixels, np.repeat(mask[..., None] * 255, 4, axis=2))


@pytest.mark.parametrize("length", [1, 2, 4, 64, 16_384, 16_385])
def test_runs_of_every_width(length):
    mask = np.zeros((1, length + 1), bool)
    mask[0, 1:] = True
    np.testing.assert_array_equal(decode(pack_runs(mask)), np.repeat(mask.ravel() * 255, 4))


def test_a_stroke_by_hand():
    """One pixel: 4 values; 8 bits each; widths of 3, 4, 8, 16; one run of 4 in 3 bits, of 255."""
    head = f"{4:032b}" + f"{7:05b}" + "0010" + "0011" + "0111" + "1111"
    run = "1" + "00" + "011" + "11111111"
    bits = head + run + "0" * 5
    assert pack_runs(np.array([[True]])) == [int(bits[i : i + 8], 2) for i in range(0, 72, 8)]


@pytest.mark.parametrize("name", [name for name, one in SAMPLES.items() if one.refined is None])
def test_pixels_come_back(tmp_path, name):
    segmentation = SAMPLES[name]
    height, width = segmentation.labels.shape
    (prediction,) = read(segmentation, tmp_path)["predictions"]
    names = np.full((height, width), "background", dtype=object)
    for entry in prediction["result"]:
        assert (entry["original_height"], entry["original_width"]) == (height, width)
        value = entry["value"]
        if entry["type"] == "brushlabels":
            inside = decode(value["rle"]).reshape(height, width, 4)[..., 3] > 0
        else:
            ring = np.array(value["points"]) / 100 * (width, height)
            inside = fill_polygon([ring], height=height, width=width)
        names[inside] = value[entry["type"]][0]
    expected = np.array(segmentation.classes.names, dtype=object)[segmentation.labels]
    np.testing.assert_array_equal(names, expected)


def test_a_task_by_hand(tmp_path):
    assert read(segment([[0, 0, 2, 2]]), tmp_path) == {
        "data": {"image": "/data/local-files/?d=a%20b.jpg"},
        "predictions": [
            {
                "model_version": "segfit",
                "score": 0.8,
                "result": [
                    {
                        "id": "region1",
                        "from_name": "polygon",
                        "to_name": "image",
                        "type": "polygonlabels",
                        "original_width": 4,
                        "original_height": 1,
                        "image_rotation": 0,
                        "score": 0.8,
                        "value": {
                            "points": [[100, 0], [100, 100], [50, 100], [50, 0]],
                            "closed": True,
                            "polygonlabels": ["Zähne"],
                        },
                    }
                ],
            }
        ],
    }


def test_the_project_has_the_names_that_tasks_use():
    ((path, text),) = describe_project(CLASSES).items()
    assert path == "label_studio.xml"
    root = ElementTree.fromstring(text)
    assert root.find("Image").attrib["name"] == "image"
    for tag, name in (("PolygonLabels", "polygon"), ("BrushLabels", "brush")):
        labels = root.find(tag)
        assert (labels.attrib["name"], labels.attrib["toName"]) == (name, "image")
        assert [one.attrib["value"] for one in labels] == ["left <eye> & brow", "Zähne"]
