"""Which planes of a stack are chosen, and where they lie in a file."""

from __future__ import annotations

import numpy as np
import pytest

from segfit.errors import SegfitError
from segfit.imaging.layout import Layout
from segfit.imaging.planes import choose_places
from segfit.imaging.stored import StoredImage

SIZES = {"T": 2, "Z": 3}
PLANE = StoredImage("a.tif", np.empty((0, 0, 2)), ("c0", "c1"))


def choose(choice: str, **options: str) -> list[tuple[int, ...]]:
    found = choose_places(SIZES, choice, name="a.tif", **options)
    return [tuple(place.values()) for place in found]


@pytest.mark.parametrize(
    ("choice", "places"),
    [
        ("all", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ("z=1:,t=0", [(0, 1), (0, 2)]),
        ("t = -1, Z = :2", [(1, 0), (1, 1)]),
        ("z=-2", [(0, 1), (1, 1)]),
        ("z=0:99,t=1", [(1, 0), (1, 1), (1, 2)]),
    ],
)
def test_planes_are_chosen_as_python_counts(choice: str, places: list[tuple[int, int]]) -> None:
    assert choose(choice) == places


def test_neighbours_along_another_axis_follow_each_other() -> None:
    assert choose("z=:2", last="T") == [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize("choice", ["", "z", "z=", "z=a", "z=1,z=2", "3", "z=0:4:2", "z=1.5"])
def test_another_form_is_refused(choice: str) -> None:
    with pytest.raises(SegfitError, match="give all, or numbers counted from 0"):
        choose(choice)


@pytest.mark.parametrize("choice", ["z=3", "z=5:", "z=-9", "t=1:1"])
def test_no_plane_is_refused(choice: str) -> None:
    with pytest.raises(SegfitError, match=r"a.tif has [zt] 0 to [12], so"):
        choose(choice)


def test_an_axis_that_there_is_not_is_refused() -> None:
    with pytest.raises(SegfitError, match="planes along t and z, and none along page"):
        choose("page=0")
    with pytest.raises(SegfitError, match="a single plane, and none along z"):
        choose_places({}, "z=0", name="a.png")


@pytest.mark.parametrize("order", ["TZC", "CTZ", "TCZ"])
def test_channels_of_a_plane_wherever_their_axis_is(order: str) -> None:
    sizes = {"T": 2, "Z": 3, "C": 2}
    numbers = np.arange(12).reshape([sizes[axis] for axis in order])
    layout = Layout({axis: sizes[axis] for axis in order}, PLANE, {})
    by_plane = numbers.transpose([order.index(axis) for axis in "TZC"])
    assert layout.count == 6
    for place in layout.list_places():
        expected = by_plane[place["T"], place["Z"]].tolist()
        assert layout.list_channels(place) == expected


def test_an_axis_of_one_is_none() -> None:
    layout = Layout({"T": 1, "S": 3, "Z": 1}, PLANE, {})
    assert layout.axes == {}
    assert list(layout.list_places()) == [{}]
    assert layout.list_channels({}) == [0, 1, 2]
