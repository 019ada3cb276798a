"""A model exported as a user of the samples has it, and an image of theirs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import segfit
from segfit.export.agreement import DEMO_IMAGES
from segfit.imaging.read import read_image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
sys.path.insert(0, str(SAMPLES / "python"))


@pytest.fixture(scope="session")
def exports(tmp_path_factory) -> dict[str, Path]:
    """Folders of exported models by their names."""
    root = tmp_path_factory.mktemp("exports")
    names = ("face", "nuclei", "outlines")
    return {name: segfit.export_model(name, root / name).folder for name in names}


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """An image with a face, its sides odd and even."""
    return read_image(DEMO_IMAGES["frame"])[:377, 90:390].copy()
