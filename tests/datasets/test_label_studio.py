"""Label Studio's export: strokes, percent, turned shapes, several annotations, images by name."""

import numpy as np
import pytest

from label_files import (
    SIDE,
    SQUARE,
    make_region,
    make_task,
    save_image,
    save_json,
    write_images,
    write_label_studio,
)
from segfit.datasets import open_labelled
from segfit.datasets.label_studio.regions import (
    Region,
    decode_runs,
    fill_region,
    turn_rectangle,
)
from segfit.errors import SegfitError


def pack_bits(bits):
    """Bits as bytes, the last one filled up with zeros."""
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def pack_strokes(mask):
    """Run lengths of RGBA bytes: whole rows at once where they are alike, else byte by byte."""
    values = np.repeat(mask.ravel() * 255, 4)
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    starts = np.flatnonzero(np.diff(values, prepend=values[0] ^ 1))
    for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
        bits += f"111{end - start - 1:016b}{values[start]:08b}"
    return pack_bits(bits)


def test_runs_of_one_value_and_of_several():
    header = f"{6:032b}{7:05b}" + f"{2:04b}{3:04b}{7:04b}{15:04b}"
    repeated = "1" + "00" + f"{3:03b}" + f"{200:08b}"
    listed = "0" + "01" + f"{1:04b}" + f"{7:08b}{9:08b}"
    runs = pack_bits(header + repeated + listed)
    assert decode_runs(runs, count=6).tolist() == [200, 200, 200, 200, 7, 9]
    with pytest.raises(ValueError, match="end too early"):
        decode_runs(runs[:-2], count=6)
    with pytest.raises(ValueError, match=r"are of 1 px, the image has 2"):
        decode_runs(runs, count=8)


def test_brush_strokes_are_the_opaque_pixels(tmp_path):
    write_images(tmp_path)
    value = {"format": "rle", "rle": pack_strokes(SQUARE), "brushlabels": ["foreground"]}
    region = make_region(type="brushlabels", value=value)
    save_json([make_task(name, [region]) for name in "ab"], tmp_path / "export.json")
    data = open_labelled(tmp_path / "export.json", strict=True)
    np.testing.assert_array_equal(data.splits["train"][0].labels, SQUARE)


def test_a_rectangle_turns_about_its_first_corner():
    corners = turn_rectangle(np.array([4.0, 2.0]), np.array([3.0, 1.0]), np.pi / 2)
    np.testing.assert_allclose(corners, [(4, 2), (4, 5), (3, 5), (3, 2)], atol=1e-12)


@pytest.mark.parametrize(
    ("value", "rows", "columns"),
    [
        ({"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0}, (2, 3), (2, 6)),
        ({"x": 50, "y": 50, "radiusX": 25, "radiusY": 0.1, "rotation": 0}, (0, 0), (0, 0)),
        ({"x": 50, "y": 62.5, "radiusX": 25, "radiusY": 5, "rotation": 0}, (2, 3), (2, 6)),
        ({"x": 43.75, "y": 62.5, "radiusX": 22, "radiusY": 5, "rotation": 90}, (1, 4), (3, 4)),
    ],
    ids=["rectangle", "thin", "ellipse", "turned"],
)
def test_shapes_in_percent(value, rows, columns):
    """On an image of 4×8 px, in which a turned ellipse has its own radii in pixels."""
    mask = fill_region(Region(value=value), height=4, width=8, where="here")
    expected = np.zeros((4, 8), bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(mask, expected)


def test_labels_in_an_entry_of_the_same_id(tmp_path):
    write_images(tmp_path)
    points = make_region()["value"]["points"]
    drawn = make_region(type="polygon", value={"points": points})
    named = {"id": "r1", "type": "labels", "value": {"points": points, "labels": ["leaf"]}}
    lone = {"id": "r1", "type": "labels", "value": {"labels": ["leaf"]}}
    save_json(
        [make_task("a", [drawn, lone]), make_task("b", [{**make_region(), **named}])],
        tmp_path / "export.json",
    )
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "leaf")


def test_of_several_annotations_the_ground_truth_or_the_latest_counts(tmp_path):
    write_label_studio(tmp_path)
    points = [[0, 0], [50, 0], [50, 50], [0, 50]]
    other = make_region(value={"points": points, "polygonlabels": ["other"]})
    first = make_task("a", [make_region()], [other])
    for number, annotation in enumerate(first["annotations"]):
        annotation["updated_at"] = f"2024-01-0{number + 1}"
    second = make_task("b", [make_region()], [other])
    second["annotations"][0]["ground_truth"] = True
    save_json([first, second], tmp_path / "project-1.json")
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "foreground", "other")
    found = {e.name: data.classes.names[e.labels[4, 4]] for s in data.splits.values() for e in s}
    assert found == {"a": "other", "b": "foreground"}
    assert "2 tasks with several annotations" in " ".join(data.notes)
    with pytest.raises(SegfitError, match="2 tasks with several annotations"):
        open_labelled(tmp_path, strict=True)


def test_skipped_tasks_and_what_is_no_outline_are_counted(tmp_path):
    write_label_studio(tmp_path)
    point = make_region(type="keypointlabels", value={"x": 1, "y": 1, "width": 0.5})
    choice = {"type": "choices", "value": {"choices": ["good"]}}
    unnamed = make_region(id="r2", value={"points": [[0, 0], [9, 0], [9, 9]]})
    skipped = make_task("b", [make_region()], was_cancelled=True)
    bare = {"id": 3, "data": {"image": "c.png"}, "annotations": []}
    tasks = [
        make_task("a", [make_region(), point, choice, unnamed]), skipped, bare, make_task("b", [])
    ]  # fmt: skip
    save_json(tasks, tmp_path / "project-1.json")
    (note,) = [note for note in open_labelled(tmp_path).notes if note.startswith("Left out")]
    for what in (
        "1 × skipped task",
        "1 × task without an annotation",
        "1 × entry of type keypointlabels",
        "1 × entry of type choices",
        "1 × region without a label",
    ):
        assert what in note


@pytest.mark.parametrize(
    "given",
    [
        "/data/upload/1/0a1b2c3d-a.png",
        "/data/local-files/?d=photos%2Fa.png",
        "s3://bucket/photos/a.png",
        "https://example.com/photos/a.png?signature=1",
        "images/a.png",
    ],
)
def test_images_are_found_by_name(tmp_path, given):
    write_label_studio(tmp_path)
    tasks = [make_task(name, [make_region()]) for name in "ab"]
    tasks[0]["data"] = {"image": given}
    save_json(tasks, tmp_path / "project-1.json")
    data = open_labelled(tmp_path, strict=True)
    assert {*data.splits["train"].names, *data.splits["val"].names} == {"a", "b"}


def test_an_image_that_is_not_there_or_could_be_two_is_said(tmp_path):
    write_label_studio(tmp_path)
    tasks = [make_task(name, [make_region()]) for name in "ab"]
    tasks.append({**tasks[0], "id": 3, "data": {"image": "/data/upload/1/0a1b2c3d-c.png"}})
    save_json(tasks, tmp_path / "project-1.json")
    assert "1 image of project-1.json not found near" in " ".join(open_labelled(tmp_path).notes)
    save_image(tmp_path / "copies" / "a.png")
    with pytest.raises(SegfitError, match="2 files of this name"):
        open_labelled(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"original_width": 99}, r"was drawn on 16×99 px but the image is 16×16"),
        ({"image_rotation": 90}, "drawn on the image turned by 90°"),
        ({"value": {"points": [[0, 0]], "polygonlabels": ["x"]}}, "has 1 points and needs 3"),
        ({"value": {"rle": [1, 2], "brushlabels": ["x"]}}, "cannot be read"),
        (
            {"value": {"points": [[0, 0], [1e9, 0], [0, 9]], "polygonlabels": ["x"]}},
            "has a point at",
        ),
    ],
)
def test_a_region_that_cannot_be_filled_is_left_out_by_name(tmp_path, change, message):
    write_label_studio(tmp_path)
    odd = make_region(id="odd", **change)
    save_json(
        [make_task("a", [make_region(), odd]), make_task("b", [make_region()])],
        tmp_path / "project-1.json",
    )
    notes = " ".join(open_labelled(tmp_path).notes)
    assert "1 object left out" in notes
    assert "region odd" in notes
    with pytest.raises(SegfitError, match=message):
        open_labelled(tmp_path, strict=True)


def test_other_exports_are_refused_by_name(tmp_path):
    write_images(tmp_path)
    least = {"image": "a.png", "id": 1, "label": [{"original_width": SIDE}], "annotation_id": 3}
    save_json([least], tmp_path / "min.json")
    with pytest.raises(SegfitError, match=r"min\.json is Label Studio's JSON-MIN"):
        open_labelled(tmp_path)
    for name in ("one", "two"):
        save_json([make_task("a", [make_region()])], tmp_path / f"{name}.json")
    with pytest.raises(SegfitError, match=r"holds 2 Label Studio exports \(one\.json, two\.json\)"):
        open_labelled(tmp_path)
