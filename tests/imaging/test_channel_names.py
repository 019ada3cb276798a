"""Channels that a model was trained on, found by their names in other files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from segfit.errors import SegfitError
from segfit.imaging.channel_names import (
    TrainedChannels,
    choose_trained,
    describe_choice,
    find_channels,
    has_names,
)
from segfit.imaging.read import read_chosen, read_image

DAPI = TrainedChannels((0,), ("DAPI",))


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["DAPI", "GFP"], (0,)),  # as in training
        (["dapi ", "GFP"], (0,)),
        (["GFP", "RFP", "DAPI"], (2,)),  # elsewhere, and only there
        (["c0", "c1"], (0,)),  # a file that names no channels is taken by number
        (["red", "green", "blue"], (0,)),
    ],
)
def test_channels_by_name_where_names_are_known(names: list[str], taken: tuple[int]) -> None:
    assert find_channels("a.tif", names, DAPI) == taken


@pytest.mark.parametrize("names", [["GFP", "RFP"], ["GFP", "DAPI", "dapi"], ["GFP"]])
def test_a_name_that_is_not_there_or_twice_is_refused(names: list[str]) -> None:
    with pytest.raises(SegfitError) as caught:
        find_channels("a.tif", names, DAPI)
    assert "the model was trained on DAPI (channel 0); a.tif has 0 GFP" in str(caught.value)
    assert "by --channels" in str(caught.value)


def test_three_channels_in_another_order() -> None:
    trained = TrainedChannels(None, ("DAPI", "GFP", "RFP"))
    names = ["RFP", "DAPI", "GFP", "Cy5"]
    assert find_channels("a.tif", names, trained) == (1, 2, 0)
    note = describe_choice(names, trained, (1, 2, 0))
    assert note == (
        "channel 1 DAPI, 2 GFP, 0 RFP was taken, since the model was trained on DAPI, GFP, RFP"
    )
    assert find_channels("a.tif", ["DAPI", "GFP", "RFP"], trained) is None


def test_what_a_user_says_is_taken_whatever_its_name() -> None:
    chosen = choose_trained((1,), DAPI)
    assert chosen == (1,)
    assert find_channels("a.tif", ["DAPI", "GFP"], chosen) == (1,)
    assert choose_trained(None, DAPI) is DAPI
    assert describe_choice(["DAPI", "GFP"], (1,), (1,)) == ""
    assert describe_choice(["DAPI", "GFP"], DAPI, (0,)) == ""


def test_names_of_no_file() -> None:
    assert not has_names(["grey"])
    assert not has_names(["t0 z1 c0", "page 3", "extra 1", "alpha"])
    assert has_names(["c0", "GFP"])


def test_an_image_is_read_by_the_name(tmp_path: Path) -> None:
    values = np.zeros((2, 10, 12), np.uint8)
    values[1] = 9
    tifffile.imwrite(
        tmp_path / "a.ome.tif", values, ome=True,
        metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}},
    )  # fmt: skip
    image, note = read_chosen(tmp_path / "a.ome.tif", channels=DAPI)
    assert image.max() == image.min() == 9
    assert note == "channel 1 DAPI was taken, since the model was trained on DAPI (channel 0)"
    assert read_image(tmp_path / "a.ome.tif", channels=(0,)).max() == 0
