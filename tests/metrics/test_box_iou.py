"""How well rectangles agree, by hand and beside shapely."""

import numpy as np
import pytest
from shapely.geometry import Polygon

from segfit.metrics.boxes import box_iou
from segfit.result.regions import OrientedBox


def test_overlap_by_hand():
    first = OrientedBox((2.0, 1.0), 4.0, 2.0, 0.0)
    assert box_iou(first, first) == pytest.approx(1)
    assert box_iou(first, OrientedBox((3.0, 1.0), 4.0, 2.0, 0.0)) == pytest.approx(6 / 10)
    assert box_iou(first, OrientedBox((2.0, 1.0), 2.0, 2.0, 0.0)) == pytest.approx(4 / 8)
    assert box_iou(first, OrientedBox((20.0, 1.0), 4.0, 2.0, 0.0)) == 0
    assert box_iou(first, OrientedBox((2.0, 1.0), 0.0, 0.0, 0.0)) == 0
    nothing = OrientedBox((2.0, 1.0), 0.0, 0.0, 0.0)
    assert box_iou(nothing, nothing) == 0


def test_turned_rectangles_agree_with_shapely():
    rng = np.random.default_rng(0)
    for _ in range(50):
        center, other = rng.uniform(3000, 3010, (2, 2)).tolist()
        sides = rng.uniform(2, 20, 4).tolist()
        first = OrientedBox(tuple(center), *sides[:2], rng.uniform(-45, 45))
        second = OrientedBox(tuple(other), *sides[2:], rng.uniform(-45, 45))
        a, b = Polygon(first.corners), Polygon(second.corners)
        expected = a.intersection(b).area / a.union(b).area
        assert box_iou(first, second) == pytest.approx(expected, abs=1e-4)
        assert box_iou(second, first) == pytest.approx(expected, abs=1e-4)
