"""What follows a method: noise removed, outlines smoothed and refined."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from segfit.batch.finishing import FinishedMethod, remove_noise
from segfit.classes import ClassTable
from segfit.classical.otsu import Otsu
from segfit.classical.watershed import Watershed
from segfit.errors import SegfitError
from segfit.formats import Content
from segfit.partition import LabelGrid, partition_of
from segfit.refiner import load_refiner
from segfit.result.method import Method
from segfit.result.regions import Known, OrientedBox
from segfit.result.segmentation import Segmentation


def draw_noisy_disc():
    rows, columns = np.indices((64, 64))
    disc = np.hypot(rows - 32, columns - 32) < 18
    grey = np.where(disc, 200, 60)
    grey[10, 10], grey[32, 32] = 200, 60  # a speck and a hole
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), disc


def test_specks_and_holes_go_and_the_outline_stays():
    image, disc = draw_noisy_disc()
    found = Otsu(blur_px=0)(image)
    assert found.partition.region_count == 4
    clean = remove_noise(found, 8)
    np.testing.assert_array_equal(clean.labels, disc)
    assert clean.note == found.note
    assert remove_noise(found, 0) is found


@pytest.mark.parametrize("area", [float("nan"), -1, float("inf")])
def test_an_area_that_cannot_be_is_refused(area):
    found = Otsu(blur_px=0)(draw_noisy_disc()[0])
    with pytest.raises(SegfitError, match=f"min_area_px is 0 px or more, given {area}"):
        remove_noise(found, area)


def touching_objects():
    """Two objects that touch, a third apart, and a speck of the background inside the first."""
    labels = np.zeros((12, 30), np.uint8)
    objects = np.zeros((12, 30), np.int32)
    for number, left in enumerate((2, 10, 20), start=1):
        objects[2:10, left : left + 8] = number
    objects[5, 5] = 0
    labels[objects > 0] = 1
    partition = partition_of(LabelGrid(labels, objects))
    points = partition.points.copy()
    inner = ~partition.is_edge[partition.arc_of_point]
    points[inner] += 0.25  # known better than to a pixel
    errors = np.full(len(points), 0.3)
    boxes = {region: OrientedBox((region, 1), 2, 2, 0) for region in range(1, 4)}
    return Segmentation(
        image=np.zeros((12, 30, 3), np.uint8),
        source=replace(partition, points=points, error_px=errors),
        classes=ClassTable.from_names(("background", "nucleus"), object_classes=(1,)),
        find_boxes=Known(boxes),
    )


def test_objects_of_refined_outlines_stay_apart_with_their_errors_and_boxes():
    found = touching_objects()
    assert len(found.regions) == 3
    clean = remove_noise(found, 4)
    assert [round(region.area_px) for region in clean.regions] == [64, 64, 64]
    assert clean.objects[6, 12] != clean.objects[6, 6], "they touch, and are two"
    assert all(region.error_px_mean == pytest.approx(0.3) for region in clean.regions)
    first, second, third = (region.box.center_xy for region in clean.regions)
    assert second == (2, 1)
    assert third == (3, 1)
    assert first == pytest.approx((6.25, 6.25)), "it took in the speck: its own outline counts"


def test_what_is_small_goes_from_refined_outlines():
    found = touching_objects()
    clean = remove_noise(found, 65)
    assert clean.regions == ()
    assert clean.labels.sum() == 0
    assert clean.refined is not None


def test_a_finished_method_is_a_method_with_errors():
    image, disc = draw_noisy_disc()
    refiner = load_refiner("outlines")
    method: Method = FinishedMethod(Otsu(), min_area_px=8, refiner=refiner, smoothing=2)
    found = method(image)
    (region,) = found.regions
    assert found.classes == method.classes
    assert region.error_px_mean is not None
    assert (found.labels == disc).mean() > 0.97
    assert "foreground" in found.note


def test_refining_keeps_objects_and_no_probabilities():
    class Learned:
        classes = Watershed().classes
        provides = frozenset({Content.SCORES, Content.OBJECTS})

    refiner = load_refiner("outlines")
    assert FinishedMethod(Learned()).provides == Learned.provides
    assert FinishedMethod(Learned(), refiner=refiner).provides == {Content.OBJECTS}


def test_a_finished_method_is_pickled_copied_and_shown():
    image, _ = draw_noisy_disc()
    method = FinishedMethod(Otsu(blur_px=0), min_area_px=8, smoothing=1)
    for twin in (pickle.loads(pickle.dumps(method)), copy.deepcopy(method), copy.copy(method)):
        assert twin == method
        np.testing.assert_array_equal(twin(image).labels, method(image).labels)
    assert "min_area_px=8" in repr(method)
    assert repr(method).count("\n") < 10
