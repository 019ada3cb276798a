"""A refiner: masks from anywhere and an image in, outlines with errors out."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

import segfit
from segfit.classes import IGNORE, ClassTable
from segfit.errors import SegfitError
from segfit.model.architecture import OutlineArchitecture
from segfit.model.card import NetworkCard, RefinerCard, list_networks
from segfit.partition import partition_of
from segfit.refiner import Refiner, load_refiner

SIDE = 48
IMAGE = np.zeros((SIDE, SIDE, 3), np.uint8)
IMAGE[:, 24:] = 200
TABLE = ClassTable.from_names(("background", "cell"))


class GoToTheEdge:
    """A network that finds the middle of the strip's grey levels, and is half a step unsure."""

    def run(self, inputs):
        return go_to_the_edge(inputs["image"])

    def release(self):
        """It computes in no memory of its own."""

    def __repr__(self):
        return "a test"


def go_to_the_edge(image):
    grey = image.mean(axis=2)
    bright = grey > (grey.min(axis=1) + grey.max(axis=1))[:, None] / 2
    place = (bright == bright[:, :1]).sum(axis=1) - 0.5
    offsets = np.where(np.ptp(grey, axis=1) > 0, place - (grey.shape[1] - 1) / 2, 0)
    return offsets.astype(np.float32), np.full(len(grey), 0.5, np.float32)


@pytest.fixture(scope="module")
def refiner():
    networks = list_networks(NetworkCard(OutlineArchitecture(), temperature=2.0))
    card = RefinerCard(name="edges", networks=networks, segfit_version="0", created="today")
    return Refiner(card, {"regressor": GoToTheEdge()})


def halves(border, *, low=0, high=1, dtype=np.uint8):
    labels = np.full((SIDE, SIDE), low, dtype)
    labels[:, border:] = high
    return labels


def test_outlines_move_to_the_image_s_edge_and_say_how_far_off_they_may_be(refiner):
    result = refiner(halves(21), IMAGE)
    np.testing.assert_array_equal(result.labels[5:-5], halves(24)[5:-5])
    assert result.classes.names == ("background", "foreground")
    assert result.model_name == "edges"
    (region,) = result.regions
    assert region.error_px_worst == pytest.approx(1.0), "half a pixel, times the temperature"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (halves(22, low=False, high=True, dtype=bool), ("background", "foreground")),
        (halves(22, high=255), ("background", "foreground")),
        (halves(22, low=3, high=7, dtype=np.int64), ("class_3", "class_7")),
        (halves(22, low=0, high=40_000, dtype=np.uint16), ("background", "foreground")),
        (halves(22, low=300, high=400, dtype=np.uint16), ("class_300", "class_400")),
    ],
)
def test_values_are_classes_where_none_are_given(refiner, labels, names):
    result = refiner(labels, IMAGE)
    assert result.classes.names == names
    np.testing.assert_array_equal(result.labels[5:-5], halves(24)[5:-5])


def test_pixels_to_be_ignored_go_to_what_is_nearest(refiner):
    labels = halves(20)
    labels[:, 20:26] = IGNORE
    labels[:, 40:] = 2
    result = refiner(labels, IMAGE, classes=ClassTable.from_names(("a", "b", "c")))
    np.testing.assert_array_equal(result.labels[5:-5, :30], halves(24)[5:-5, :30])


def test_objects_of_one_class_that_touch_stay_apart(refiner):
    labels, objects = halves(24), np.zeros((SIDE, SIDE), np.uint16)
    objects[:20, 24:], objects[20:, 24:] = 7, 65_535
    result = refiner(labels, IMAGE, objects=objects)
    assert [region.name for region in result.regions] == ["foreground", "foreground"]
    assert sum(region.area_px for region in result.regions) == pytest.approx(24 * SIDE, rel=0.03)
    assert set(np.unique(result.labels)) == {0, 1}


def test_a_mask_of_one_class_has_no_outline_and_stays_as_it_is(refiner):
    result = refiner(halves(0), IMAGE, classes=TABLE)
    assert (result.labels == 1).all()


def test_inputs_stay_as_they_were(refiner):
    labels, image = halves(22), IMAGE.copy()
    refiner(labels, image)
    np.testing.assert_array_equal(labels, halves(22))
    np.testing.assert_array_equal(image, IMAGE)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (halves(9)[:, :40], {}, "labels are 48×40 but the image is 48×48.*resize"),
        (halves(9, dtype=np.float32) * np.nan, {}, "labels are float32.*expected.*whole numbers"),
        (np.zeros((SIDE, SIDE, 3), np.uint8), {}, r"of shape \(48, 48, 3\); expected a grid"),
        (np.zeros((0, 0), np.uint8), {}, "expected a grid"),
        (halves(9, low=-1, dtype=np.int32), {}, "labels are from -1 to 1; expected 0 to 65535"),
        (halves(9, high=70_000, dtype=np.int32), {}, "from 0 to 70000"),
        (halves(0), {}, "every labelled pixel .* has the value 1"),
        (halves(0, high=IGNORE), {}, "means ignore|has the value 255"),
        (np.arange(SIDE * SIDE).reshape(SIDE, SIDE), {}, "2304 different values, too many"),
        (
            halves(9, high=2),
            {"classes": TABLE},
            "the value 2, but .* 2",
        ),
        (
            halves(0, high=IGNORE),
            {"classes": TABLE},
            "every pixel is ignored",
        ),
        (halves(9), {"objects": np.zeros((4, 5), int)}, "objects are 4×5 but"),
        (halves(9), {"objects": np.zeros((SIDE, SIDE))}, "objects are float64; expected whole"),
        (halves(9), {"cell_px": 0.0}, "said to be 0 px off; expected a distance above 0"),
        (halves(9), {"cell_px": float("nan")}, "said to be nan px off"),
        (halves(9), {"cell_px": 1e6}, "up to 64 px"),
    ],
)
def test_a_mistake_is_named(refiner, labels, options, message):
    with pytest.raises(SegfitError, match=message):
        refiner(labels, IMAGE, **options)


@pytest.mark.parametrize(
    ("labels", "given"), [(None, "None"), ([[0, 1], [1]], "a list"), ("mask.png", "a str")]
)
def test_what_is_not_a_mask_gets_one_sentence(refiner, labels, given):
    with pytest.raises(SegfitError, match=f"^{given} is not a mask: give an array"):
        refiner(labels, IMAGE)
    with pytest.raises(SegfitError, match=r"^a list is not a grid of objects: give an array"):
        refiner(halves(21), IMAGE, objects=[[0, 1]])


def test_a_tensor_is_a_mask(refiner):
    labels = torch.from_numpy(halves(21))
    np.testing.assert_array_equal(refiner(labels, IMAGE).labels[5:-5], halves(24)[5:-5])


def test_a_map_of_another_shape_or_with_crossing_borders_is_refused(refiner):
    partition = partition_of(halves(20))
    with pytest.raises(SegfitError, match=r"is 48×48 but the image is 48×40 .*stretch"):
        refiner.refine(partition, IMAGE[:, :40], cell_px=4)
    with pytest.raises(SegfitError, match=r"float64 of shape \(48, 48, 3\); expected uint8"):
        refiner.refine(partition, IMAGE / 255, cell_px=4)
    with pytest.raises(SegfitError, match="points of the partition are not finite"):
        refiner.refine(replace(partition, points=partition.points * np.nan), IMAGE, cell_px=4)
    with pytest.raises(SegfitError, match="0 px off"):
        refiner.refine(partition, IMAGE, cell_px=0)
    inside_out = replace(partition, points=partition.points * (-1, 1) + (SIDE, 0))
    with pytest.raises(SegfitError, match="borders of the given partition cross"):
        refiner.refine(inside_out, IMAGE, cell_px=4)


def test_a_refiner_is_loaded_for_every_backend_and_is_no_segmenter(tiny_refiner):
    results = {
        backend: load_refiner(tiny_refiner, backend=backend, threads=1)(halves(21), IMAGE)
        for backend in ("openvino", "onnxruntime", "torch")
    }
    for result in results.values():
        points = result.partition.points
        np.testing.assert_allclose(points, results["torch"].partition.points, atol=1e-3)
    with pytest.raises(SegfitError, match="is a refiner: it moves the outlines of masks"):
        segfit.load(tiny_refiner)
    with pytest.raises(SegfitError, match="segments images and refines no masks"):
        segfit.load_refiner("face")
    with pytest.raises(SegfitError, match="unknown backend"):
        segfit.load_refiner(tiny_refiner, backend="cuda")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
@pytest.mark.parametrize("name", ["outlines", "tiny"])
def test_a_refiner_can_be_copied_and_pickled(name, copied, tiny_refiner):
    refiner = load_refiner(tiny_refiner if name == "tiny" else name, threads=1)
    result, again = (one(halves(21), IMAGE) for one in (refiner, copied(refiner)))
    np.testing.assert_array_equal(again.partition.points, result.partition.points)


def test_what_is_printed_of_a_refiner_says_what_one_wants_to_know(refiner):
    assert repr(refiner).splitlines() == [
        "<Refiner edges",
        "  moves the outlines of any mask, and says how far off each point may be",
        "  regressor: 17 points across outlines",
        "  run by a test>",
    ]
