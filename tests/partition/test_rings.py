"""Rings of several regions together: what fills them is what was chosen, whatever it is made of."""

import numpy as np
from grids import GRIDS
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.basics.geometry import fill_polygon, measure_area
from segfit.partition import partition_of, rasterize, smooth_arcs, trace_rings, trace_union


def fill(partition, rings):
    height, width = partition.shape
    return fill_polygon([partition.points[ring] for ring in rings], height=height, width=width)


@settings(deadline=None)
@given(GRIDS, st.integers(0, 2**32 - 1))
def test_a_union_is_the_regions_that_were_chosen(labels, seed):
    partition = partition_of(labels)
    chosen = np.random.default_rng(seed).random(partition.region_count) < 0.5
    rings = trace_union(partition, chosen)
    mask = chosen[rasterize(partition)]
    np.testing.assert_array_equal(fill(partition, rings), mask)
    areas = [measure_area(partition.points[ring]) for ring in rings]
    assert sum(areas) == mask.sum()
    assert areas == sorted(areas, key=lambda area: area <= 0), "outer ones first, then holes"
    for ring in rings:
        assert len(np.unique(partition.points[ring], axis=0)) == len(ring), "it touches itself"


@settings(deadline=None)
@given(GRIDS)
def test_a_union_of_one_is_that_region(labels):
    partition = partition_of(labels)
    for region in range(min(partition.region_count, 5)):
        chosen = np.arange(partition.region_count) == region
        found, expected = trace_union(partition, chosen), trace_rings(partition, region)
        as_sets = [sorted(sorted(ring.tolist()) for ring in rings) for rings in (found, expected)]
        assert as_sets[0] == as_sets[1]


def test_unions_beside_each_other_share_their_border():
    labels = np.zeros((12, 12), np.uint8)
    labels[np.tri(12, dtype=bool)] = 1
    labels[6:, :6] = 2
    partition = smooth_arcs(partition_of(labels), 2)
    upper = np.isin(partition.labels, [0])
    together = fill(partition, trace_union(partition, upper)).astype(int)
    together += fill(partition, trace_union(partition, ~upper))
    assert (together == 1).all()
    assert len(trace_union(partition, ~upper)) == 1
    assert trace_union(partition, np.zeros(partition.region_count, bool)) == []
