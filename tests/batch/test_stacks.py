"""Stacks by ``segfit predict --planes``: stacks of labels and numbers, and tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import segfit
from segfit.basics.arrays import UInt8Array
from segfit.batch.record import Recording
from segfit.batch.stacks import PlaneOptions, predict_stacks
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.imaging.raster.stack import open_stack
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

FORMATS = ("labels", "numbers", "table")
METADATA = {
    "axes": "TZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0,
    "TimeIncrement": 30.0, "TimeIncrementUnit": "s",
}  # fmt: skip


class Bright:
    """Pixels above half are objects of class 1."""

    classes = ClassTable.from_names(("dark", "cell"), object_classes=(1,))
    provides = frozenset()

    def __call__(self, image: UInt8Array) -> Segmentation:
        labels = (image[..., 0] > 127).astype(np.uint8)
        return Segmentation(image, LabelGrid(labels, None), self.classes)


def draw_stack() -> UInt8Array:
    """A cell that moves by a pixel a plane, and a second one from z 1 on; at t 1 no cell at z 1."""
    values = np.zeros((2, 3, 24, 40), np.uint8)
    for time, z in np.ndindex(2, 3):
        if (time, z) != (1, 1):
            values[time, z, 4:12, 4 + z : 12 + z] = 200
        if z >= 1:
            values[time, z, 4:12, 24:34] = 200
    return values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "embryo.ome.tif"
    tifffile.imwrite(path, draw_stack(), ome=True, metadata=METADATA)
    return path


def predict(images, output, *, force=False, formats=FORMATS, **options):
    return predict_stacks(
        Bright(), images, output, formats, options=PlaneOptions(**options), force=force,
        recording=Recording(),
    )  # fmt: skip


def read_rows(output: Path) -> list[dict[str, str]]:
    with open(output / "objects.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_results_are_stacks_of_the_same_axes_and_distances(path: Path, tmp_path: Path) -> None:
    report = predict([path], tmp_path / "out")
    assert [row.path for row in report.done] == [path]
    assert report.done[0].note == "6 planes (2 t × 3 z)."
    labels = tmp_path / "out" / "embryo_labels.ome.tif"
    numbers = tmp_path / "out" / "embryo_numbers.ome.tif"
    np.testing.assert_array_equal(tifffile.imread(labels), draw_stack() > 0)
    assert tifffile.imread(labels).dtype == np.uint8
    assert tifffile.imread(numbers).dtype == np.uint32
    with open_stack(path) as stack:
        for result in (labels, numbers):
            with tifffile.TiffFile(result) as file:
                assert file.series[0].axes == "TZYX"
            with open_stack(result) as of_result:
                assert of_result.axes == stack.axes
                assert of_result.steps == stack.steps
                assert of_result.facts.scale == stack.facts.scale


def test_numbers_count_in_each_plane_and_are_those_of_the_table(path: Path, tmp_path: Path) -> None:
    predict([path], tmp_path / "out")
    numbers = tifffile.imread(tmp_path / "out" / "embryo_numbers.ome.tif")
    rows = read_rows(tmp_path / "out")
    assert list(rows[0])[:5] == ["image", "t", "z", "region", "class"]
    assert [(row["t"], row["z"], row["region"]) for row in rows] == [
        ("0", "0", "1"), ("0", "1", "1"), ("0", "1", "2"), ("0", "2", "1"), ("0", "2", "2"),
        ("1", "0", "1"), ("1", "1", "1"), ("1", "2", "1"), ("1", "2", "2"),
    ]  # fmt: skip
    for row in rows:
        plane = numbers[int(row["t"]), int(row["z"])]
        inside = plane == int(row["region"])
        assert float(row["area_um2"]) == pytest.approx(inside.sum() * 0.25)
        assert float(row["x_um"]) == pytest.approx((np.nonzero(inside)[1].mean() + 0.5) * 0.5)


@pytest.mark.parametrize(
    ("link", "left", "right", "counts"),
    [
        # the left cell is away at (t 1, z 1), where the planes before and after it have it
        ("z", [[1, 1, 1], [3, 0, 5]], [[0, 2, 2], [0, 4, 4]], "5 objects: 4 linked"),
        ("t", [[1, 2, 4], [1, 0, 4]], [[0, 3, 5], [0, 3, 5]], "5 objects: 4 linked"),
    ],
)
def test_linked_objects_have_one_number(
    path: Path, tmp_path: Path, link: str, left: list, right: list, counts: str
) -> None:
    report = predict([path], tmp_path / "out", link=link)
    assert counts in report.done[0].note
    numbers = tifffile.imread(tmp_path / "out" / "embryo_numbers.ome.tif")
    assert numbers[:, :, 8, 8].tolist() == left
    assert numbers[:, :, 8, 30].tolist() == right
    rows = read_rows(tmp_path / "out")
    found = {(row["t"], row["z"], row["region"]) for row in rows}
    assert found == {
        (str(t), str(z), str(number))
        for t, z in np.ndindex(2, 3)
        for number in (left[t][z], right[t][z])
        if number
    }
    assert all(row["object"] == row["region"] for row in rows)


def test_a_choice_of_planes_changes_nothing_in_them(path: Path, tmp_path: Path) -> None:
    predict([path], tmp_path / "all")
    report = predict([path], tmp_path / "some", planes="z=1:,t=1")
    assert report.done[0].note == "2 planes (1 t × 2 z)."
    for name in ("labels", "numbers"):
        whole = tifffile.imread(tmp_path / "all" / f"embryo_{name}.ome.tif")
        some = tifffile.imread(tmp_path / "some" / f"embryo_{name}.ome.tif")
        np.testing.assert_array_equal(some, whole[1, 1:])
    kept = [r for r in read_rows(tmp_path / "all") if r["t"] == "1" and r["z"] in "12"]
    assert read_rows(tmp_path / "some") == kept


def test_the_same_stack_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    for output in ("a", "b"):
        predict([path], tmp_path / output, link="z")
    for name in ("embryo_labels.ome.tif", "embryo_numbers.ome.tif", "objects.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_pages_and_single_images_beside_stacks(path: Path, tmp_path: Path) -> None:
    pages = draw_stack()[0]
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack", metadata=None)
    Image.fromarray(pages[2]).save(tmp_path / "single.png")
    predict([path, tmp_path / "pages.tif", tmp_path / "single.png"], tmp_path / "out")
    found = tifffile.imread(tmp_path / "out" / "pages_labels.ome.tif")
    np.testing.assert_array_equal(found, pages > 0)
    single = tifffile.imread(tmp_path / "out" / "single_labels.ome.tif")
    np.testing.assert_array_equal(single, pages[2] > 0)
    rows = read_rows(tmp_path / "out")
    assert [row["page"] for row in rows if row["image"] == "pages.tif"] == ["0", "1", "1", "2", "2"]
    assert {row["t"] for row in rows if row["image"] == "single.png"} == {""}


def test_a_file_without_the_axis_fails_and_the_others_are_done(path: Path, tmp_path: Path) -> None:
    Image.fromarray(draw_stack()[0, 2]).save(tmp_path / "single.png")
    report = predict([path, tmp_path / "single.png"], tmp_path / "out", link="z")
    assert [row.path for row in report.done] == [path]
    assert "no axis, as a single plane, and none of z" in report.failed[0].reason


def test_planes_larger_than_a_tile(tmp_path: Path) -> None:
    values = np.zeros((3, 520, 1030), np.uint8)
    for z in range(3):
        values[z, 500 : 515 + z, 1000 : 1020 + z] = 200
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, metadata={"axes": "ZYX"})
    predict([tmp_path / "a.tif"], tmp_path / "out")
    found = tifffile.imread(tmp_path / "out" / "a_labels.ome.tif")
    np.testing.assert_array_equal(found, values > 0)


def test_segment_stack_gives_planes_one_by_one(path: Path) -> None:
    found = list(segfit.segment_stack(Bright(), path, planes="t=0", link="z"))
    assert [plane.place for plane in found] == [{"t": 0, "z": z} for z in range(3)]
    assert [plane.ids.tolist() for plane in found] == [[1], [1, 2], [1, 2]]
    for z, plane in enumerate(found):
        np.testing.assert_array_equal(plane.numbers > 0, draw_stack()[0, z] > 0)
        assert plane.result.image_name == "embryo.ome.tif"
    with pytest.raises(SegfitError, match="has t and z, and none of y to link"):
        next(segfit.segment_stack(Bright(), path, link="y"))
