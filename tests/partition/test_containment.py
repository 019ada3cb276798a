from dataclasses import replace

import pytest
from grids import GRIDS, draw_grid
from hypothesis import given, settings

from segfit.partition import partition_of
from segfit.partition.containment import find_regions_without_their_holes

ISLAND = partition_of(draw_grid("11111000 11111000 11211000 11111000 11111000"))


def move_island(by, *, height=1.0):
    """Move the only closed arc, and squeeze it to a height."""
    points = ISLAND.points.copy()
    (arc,) = ISLAND.is_closed.nonzero()[0]
    own = ISLAND.arc_of_point == arc
    points[own] = (points[own] - (2, 2)) * (1, height) + (2, 2) + by
    return replace(ISLAND, points=points)


@settings(deadline=None)
@given(GRIDS)
def test_every_traced_hole_is_in_its_region(labels):
    assert len(find_regions_without_their_holes(partition_of(labels))) == 0


@pytest.mark.parametrize("height", [1.0, 1e-3])
@pytest.mark.parametrize(
    ("by", "is_inside"),
    [
        ((0, 0), True),
        ((1.9, 1.5), True),
        ((-1.9, -1.9), True),
        ((4, 0), False),
        ((3.3, 0.2), False),
        ((-9, 0), False),
        ((0, 9), False),
    ],
)
def test_a_hole_that_left_its_region_is_found_however_small(by, is_inside, height):
    found = find_regions_without_their_holes(move_island(by, height=height))
    assert found.tolist() == ([] if is_inside else [0])
