"""Regions of one color."""

from __future__ import annotations

import numpy as np
import pytest

from segfit.scribbles import regions as subject
from segfit.scribbles.regions import find_regions


@pytest.fixture
def disc():
    down, across = np.mgrid[:64, :64] - 31.5
    return (np.hypot(down, across) < 16).astype(np.float32)[..., None]


def test_a_disc_is_a_region(disc):
    found = find_regions(disc, cell_px=1)
    assert found.shape == (32, 32)
    inside, outside = found == found[16, 16], found == found[0, 0]
    assert not (inside & outside).any()
    assert inside[12:20, 12:20].all()
    assert outside[:4].all()


def test_wide_cells_stay_and_very_many_are_joined(disc, monkeypatch):
    assert find_regions(disc, cell_px=4).shape == (64, 64)
    monkeypatch.setattr(subject, "MOST_CELLS", 16 * 16)
    assert find_regions(disc, cell_px=1).shape == (16, 16)
