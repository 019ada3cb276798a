"""A model that is served, and images to send."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfit
from segfit.datasets import LabelledImage
from segfit.segmenter import Segmenter
from segfit.serving.answering import Limits
from segfit.serving.app import make_app
from segfit.serving.hosts import AllowedHosts

NUCLEI = sorted((Path(segfit.__file__).parent / "demo_data/nuclei/val/images").iterdir())


@pytest.fixture(scope="session")
def nuclei() -> Segmenter:
    return segfit.load("nuclei", threads=1)


@pytest.fixture(scope="session")
def images() -> list[Path]:
    return NUCLEI


@pytest.fixture(scope="session")
def scribbles(nuclei, images, tmp_path_factory) -> Segmenter:
    """A model that was fitted to strokes, and lies in a file."""
    image = np.asarray(Image.open(images[0]).convert("RGB"))
    strokes = nuclei(image).labels.copy()
    strokes[::2], strokes[:, ::2] = 255, 255
    stroked = LabelledImage("strokes", image, strokes, None)
    fitted = segfit.fit_scribbles([stroked], nuclei.classes, threads=1)
    return segfit.load(fitted.save(tmp_path_factory.mktemp("scribbles") / "strokes.segfit"))


@pytest.fixture(scope="session")
def serve(nuclei):
    """Make the app of the nuclei's model, or of another one, within other limits."""

    def make(segmenter=nuclei, *, token=None, **limits):
        return make_app(segmenter, hosts=AllowedHosts(), token=token, limits=Limits(**limits))

    return make


class HeldSegmenter(Segmenter):
    """A segmenter that does not answer before it may."""

    def __init__(self, other: Segmenter) -> None:
        super().__init__(other.card, other._sessions)
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()
        self.calls = 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        self.has_begun.set()
        assert self.may_go_on.wait(20)
        return super().__call__(*arguments, **options)


@pytest.fixture
def held(nuclei):
    segmenter = HeldSegmenter(nuclei)
    yield segmenter
    segmenter.may_go_on.set()
