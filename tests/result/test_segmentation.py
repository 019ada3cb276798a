import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import Polygon

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.draw import draw_overlay
from segfit.partition import LabelGrid, partition_of
from segfit.result.regions import OrientedBox
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation
from segfit.result.summary import ClassSummary

CLASSES = ClassTable.from_names(("background", "cell", "seam"))
# Two cells that touch by a corner, and one apart.
LABELS = np.uint8([[1, 0, 0, 1], [0, 1, 0, 1]])


def segment(scores=None):
    return Segmentation(np.full((2, 4, 3), 90, np.uint8), LabelGrid(LABELS), CLASSES, scores)


def test_summary_counts_area_and_regions():
    assert segment().summary() == (
        ClassSummary("background", 4, 0.5, 2, None, None),
        ClassSummary("cell", 4, 0.5, 3, None, None),
        ClassSummary("seam", 0, 0.0, 0, None, None),
    )
    assert len(segment().regions) == 3, "the summary counts what the result has"


def test_summary_of_one_output_has_the_foreground_s_probability():
    classes = ClassTable.from_names(("background", "cell"))
    logits = np.full((1, 2, 4), np.log(3), np.float32)
    image = np.zeros((2, 4, 3), np.uint8)
    segmentation = Segmentation(image, LabelGrid(LABELS), classes, Scores(logits, (2, 4), (2, 4)))
    background, cell = segmentation.summary()
    assert cell.mean_probability == pytest.approx(0.75)
    assert background.mean_probability == pytest.approx(0.25)


def test_probabilities_are_not_kept():
    logits = np.zeros((3, 2, 4), np.float32)
    segmentation = segment(Scores(logits, (2, 4), (2, 4)))
    assert segmentation.probabilities.shape == (3, 2, 4)
    assert not any(
        value.shape == (3, 2, 4)
        for value in vars(segmentation).values()
        if isinstance(value, np.ndarray)
    )
    assert segment().probabilities is None


def test_regions_are_those_of_the_labels_without_the_background():
    regions = segment().regions
    # Joined by their sides: the two that touch by a corner are two.
    assert [(region.name, region.area_px) for region in regions] == [
        ("cell", 1),
        ("cell", 2),
        ("cell", 1),
    ]
    assert segment().partition.region_areas_px.sum() == 8
    assert all(region.score is None for region in regions)


def test_a_region_s_score_is_the_mean_over_its_pixels():
    logits = np.zeros((3, 2, 4), np.float32)
    logits[1] = np.log([[2, 1, 1, 2], [1, 6, 1, 2]])
    logits[1, 1, 3] = np.log(6)
    scores = [region.score for region in segment(Scores(logits, (2, 4), (2, 4))).regions]
    assert sorted(scores) == pytest.approx([1 / 2, (1 / 2 + 3 / 4) / 2, 3 / 4])


def test_refined_borders_come_before_those_of_the_pixels():
    partition = partition_of(LABELS)
    errors = np.full(len(partition.points), 0.25)
    refined = replace(segment(), source=replace(partition, error_px=errors))
    assert refined.partition.error_px is errors
    assert [region.error_px_worst for region in refined.regions] == [0.25] * 3
    assert [region.box.error_px.tolist() for region in refined.regions] == [[0.25] * 4] * 3


def test_a_region_without_a_pixel_has_no_score():
    partition = partition_of(np.uint8([[0, 1, 0]]))
    # So narrow that it lies between the pixels' centres.
    x = np.select([partition.points[:, 0] == 1, partition.points[:, 0] == 2], [1.6, 2.4])
    x = np.where(x > 0, x, partition.points[:, 0])
    narrow = replace(partition, points=np.stack([x, partition.points[:, 1]], axis=1))
    logits = np.zeros((3, 1, 3), np.float32)
    image = np.zeros((1, 3, 3), np.uint8)
    scores = Scores(logits, (1, 3), (1, 3))
    segmentation = Segmentation(image, narrow, CLASSES, scores)
    (region,) = segmentation.regions
    assert segmentation.labels.tolist() == [[0, 0, 0]]
    assert (region.score, region.area_px) == (None, pytest.approx(0.8))


def test_rasterize_repeats_pixels_and_takes_any_scale():
    doubled = segment().rasterize(scale=2)
    assert doubled.dtype == np.uint8
    np.testing.assert_array_equal(doubled, np.kron(LABELS, np.ones((2, 2), np.uint8)))
    assert segment().rasterize(scale=1.5).shape == (3, 6)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_rasterize_refuses_a_scale_that_is_none(scale):
    with pytest.raises(SegfitError, match="expected a number above 0"):
        segment().rasterize(scale=scale)


def test_polygons_are_by_class():
    polygons = segment().to_polygons()
    assert list(polygons) == ["cell", "seam"]
    assert [Polygon(rings[0]).area for rings in polygons["cell"]] == [1, 2, 1]
    assert polygons["seam"] == []


def staircase():
    labels = np.tri(8, dtype=np.uint8)
    return Segmentation(np.zeros((8, 8, 3), np.uint8), LabelGrid(labels), CLASSES)


def test_simplify_makes_labels_of_the_simpler_borders():
    before = staircase()
    after = before.simplify(0.8)
    (region,) = after.regions
    assert len(region.polygon[0]) < len(before.regions[0].polygon[0])
    np.testing.assert_array_equal(after.labels, after.rasterize())
    assert after.labels.dtype == np.uint8
    assert (before.refined, after.classes, after.image) == (None, CLASSES, before.image)


@pytest.mark.parametrize("tolerance_px", [-1, float("nan"), float("inf")])
def test_simplify_refuses_a_tolerance_that_is_none(tolerance_px):
    with pytest.raises(SegfitError, match="expected 0 or more"):
        segment().simplify(tolerance_px)


def test_crop_is_the_region_on_nothing():
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    labels = np.uint8([[0] * 5, [0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0]])
    segmentation = Segmentation(image, LabelGrid(labels), CLASSES)
    (region,) = segmentation.regions
    cut = segmentation.crop(region)
    assert (cut.shape, cut.dtype) == ((3, 3, 4), np.uint8)
    np.testing.assert_array_equal(cut[..., :3], image[1:, 1:4])
    np.testing.assert_array_equal(cut[..., 3], labels[1:, 1:4] * 255)


def test_crop_with_a_margin_ends_where_the_image_does():
    (region,) = staircase().simplify(0.8).regions
    assert staircase().crop(region, margin_px=3).shape == (8, 8, 4)
    labels = np.pad(np.ones((1, 1), np.uint8), ((2, 5), (3, 4)))
    one = replace(staircase(), source=LabelGrid(labels))
    assert one.crop(one.regions[0], margin_px=2).shape == (5, 5, 4)
    assert one.crop(one.regions[0], margin_px=3).shape == (6, 7, 4)


def test_crop_fades_where_the_border_cuts_a_pixel():
    (region,) = staircase().simplify(0.8).regions
    alpha = staircase().crop(region)[..., 3] / 255
    assert alpha.sum() == pytest.approx(region.area_px, abs=0.05 * region.perimeter_px)
    assert ((alpha > 0.2) & (alpha < 0.8)).any()


def test_overlay_is_the_drawn_image():
    np.testing.assert_array_equal(
        segment().overlay(opacity=0.2),
        draw_overlay(segment().image, LABELS, CLASSES, opacity=0.2),
    )


def test_save_refuses_an_unknown_suffix_and_lists_the_known(tmp_path):
    with pytest.raises(SegfitError, match=r"'\.gif' of .*x\.gif .*: use one of \.geojson, \.png"):
        segment().save(tmp_path / "x.gif")


def test_save_takes_a_format_by_name(tmp_path):
    segment().save(tmp_path / "x.json", format="coco")
    assert json.loads((tmp_path / "x.json").read_text()).keys() >= {"images", "annotations"}
    with pytest.raises(SegfitError, match="unknown format gif: choose from coco"):
        segment().save(tmp_path / "x.json", format="gif")


def test_save_takes_a_string_and_overwrites_only_with_force(tmp_path):
    path = str(tmp_path / "x.png")
    segment().save(path)
    with pytest.raises(SegfitError, match="exists already"):
        segment().save(path)
    segment().save(path, force=True)


def test_labels_and_objects_are_those_of_refined_borders():
    classes = ClassTable.from_names(("background", "cell", "seam"), object_classes=(1,))
    segmentation = Segmentation(segment().image, partition_of(LABELS), classes)
    np.testing.assert_array_equal(segmentation.labels, LABELS)
    np.testing.assert_array_equal(segmentation.objects > 0, LABELS == 1)
    assert [region.object_number for region in segmentation.regions] == [1, 2, 3]
    np.testing.assert_array_equal(segmentation.grid.objects, segmentation.objects)


def test_printed_it_says_what_was_found_on_ten_lines_at_most():
    said = repr(replace(segment(), image_name="plate.png", model_name="cells", note="noisy"))
    assert said.splitlines() == [
        "<Segmentation of plate.png, 4×2 px by cells",
        "  background: 50.0%, 2 regions",
        "  cell: 50.0%, 3 regions",
        "  seam: 0.0%, 0 regions",
        "  noisy>",
    ]
    many = ClassTable.from_names(tuple(f"class {number}" for number in range(40)))
    assert len(repr(replace(segment(), classes=many, note="noisy")).splitlines()) == 10
    assert repr(segment().regions[1]) == "<Region cell: 2.0 px²>"


def test_a_notebook_shows_overlay_and_table():
    shown = replace(segment(), image_name="<plate>.png")._repr_html_()
    assert "data:image/png;base64," in shown
    assert "</span> seam</td>" in shown
    assert "&lt;plate&gt;.png" in shown
    assert f"color:rgb{CLASSES.colors[1]}" in shown, "each class has its color of the overlay"


def test_a_notebook_shows_the_largest_of_many_classes():
    many = ClassTable.from_names(tuple(f"class {number}" for number in range(40)))
    shown = replace(segment(), classes=many)._repr_html_()
    assert shown.count("<tr>") == 21
    assert "and 20 more classes" in shown


def test_comparing_and_hashing_never_raise():
    first, second = segment(), segment()
    assert first == first
    assert first != second
    assert len({first, second, *first.regions}) == 5
    assert first.regions[0] != second.regions[0]
    assert first.partition != second.partition


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_hold_what_the_original_holds(duplicate):
    boxes = {1: OrientedBox((0.5, 0.5), 1.0, 1.0, 0.0), 2: OrientedBox((1.0, 1.0), 2.0, 1.0, 9.0)}
    segmentation = replace(
        segment(), source=partition_of(np.uint8([[1, 0, 0, 1]])), find_boxes=lambda: boxes
    )
    again = duplicate(segmentation)
    np.testing.assert_array_equal(again.labels, segmentation.labels)
    assert [region.area_px for region in again.regions] == [1, 1]


def test_a_copied_region_keeps_the_box_that_a_network_moved():
    box = OrientedBox((3.0, 4.0), 5.0, 6.0, 7.0)
    region = replace(segment().regions[0], moved_box=lambda: box)
    assert pickle.loads(pickle.dumps(region)).box.corners.tolist() == box.corners.tolist()
