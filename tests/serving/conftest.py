"""A model that is served, and images to send."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import segfit
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
