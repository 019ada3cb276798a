"""COCO's mask AP, beside another implementation of it."""

import math
from itertools import chain

import numpy as np
import pytest
from scenes import draw_scene

from segfit.metrics.coco_ap import ScoredObjects, encode_image, measure_coco


def score_scene(seed):
    """True and predicted objects of a scene, with classes and scores drawn by the seed."""
    true, predicted = draw_scene(seed)
    rng = np.random.default_rng(seed)
    class_of = rng.integers(1, 3, 200)
    parts = []
    for grid, is_true in ((true, True), (predicted, False)):
        numbers = [int(number) for number in np.unique(grid) if number]
        scores = [1.0 if is_true else float(rng.random()) for _ in numbers]
        classes = [int(class_of[number % 50]) for number in numbers]
        parts.append(ScoredObjects(grid, numbers, classes, scores))
    return parts


def list_annotations(images):
    """The objects of each image as a file of COCO's has them."""
    objects = chain.from_iterable([(place, one) for one in of] for place, of in enumerate(images))
    return [
        {
            "id": number,
            "image_id": place,
            "category_id": one.label,
            "segmentation": {**one.runs, "counts": one.runs["counts"].decode()},
            "area": one.area_px,
            "iscrowd": 0,
            "score": one.score,
        }
        for number, (place, one) in enumerate(objects, start=1)
    ]


def test_figures_are_those_of_another_implementation():
    faster = pytest.importorskip("faster_coco_eval")
    images = [encode_image(*score_scene(seed)) for seed in range(8)]
    truth = {
        "images": [
            {"id": place, "height": one.height, "width": one.width}
            for place, one in enumerate(images)
        ],
        "annotations": list_annotations([one.true for one in images]),
        "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
    }
    found = list_annotations([one.predicted for one in images])
    api = faster.COCO(truth)
    run = faster.COCOeval_faster(api, api.loadRes(found), "segm")
    run.evaluate()
    run.accumulate()
    run.summarize()
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    expected = dict(zip(names, run.stats[:6], strict=True))
    for name, value in measure_coco(images, (1, 2)).items():
        if math.isnan(value):
            assert expected[name] == -1
        else:
            assert value == pytest.approx(expected[name], abs=1e-9), name


def test_all_found_is_1_and_nothing_found_is_0():
    grid = np.int32([[1, 1, 0, 2], [1, 1, 0, 2]])
    objects = ScoredObjects(grid, (1, 2), (1, 1), (1.0, 0.5))
    nothing = ScoredObjects(np.zeros_like(grid), (), (), ())
    assert measure_coco([encode_image(objects, objects)], (1,))["ap"] == 1
    assert measure_coco([encode_image(objects, nothing)], (1,))["ap"] == 0
    assert math.isnan(measure_coco([encode_image(nothing, nothing)], (1,))["ap"])


def test_more_than_a_hundred_objects_all_count():
    grid = np.arange(1, 151, dtype=np.int32).repeat(4).reshape(30, 20)
    numbers = list(range(1, 151))
    objects = ScoredObjects(grid, numbers, [1] * 150, [0.9] * 150)
    assert measure_coco([encode_image(objects, objects)], (1,))["ap"] == 1
