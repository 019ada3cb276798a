"""Whatever the API's description allows, and much that it does not, is answered as it says."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial

import pytest
import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.generation.modes import GenerationMode

from asking import running
from fuzzing import fuzz as send
from studio_client import opened, save_image

EXAMPLES = 6
ELSEWHERE = ("/api/training", "/api/models", "/api/judge", "/api/takeaway")
"""Jobs, which are tested by themselves."""
ENDLESS = "/api/events"
load_all_checks()
fuzz = partial(send, examples=EXAMPLES)


IMPORTED_LATE = (
    "scipy.ndimage",
    "segfit.datasets",
    "segfit.report",
    "segfit.scribbles",
    "segfit.studio.labels.accepting",
    "segfit.studio.folder.adoption",
    "segfit.studio.proposals.outlines",
    "segfit.studio.proposals.regions",
    "skimage.segmentation",
)
"""By the server's threads, where Hypothesis cannot bear that there are new modules."""


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> Iterator[schemathesis.BaseSchema]:
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    folder = tmp_path_factory.mktemp("images")
    for number in range(2):
        save_image(folder / f"{number}.png", seed=number)
    with opened(folder) as page:
        page.name_classes("a", {"name": "b", "has_objects": True})
        with running(page.app) as listener:
            yield schemathesis.openapi.from_url(f"{listener.address}api/openapi.json")


def test_every_route_answers_as_it_is_described(described):
    found = [path for path in described if path != ENDLESS and not path.startswith(ELSEWHERE)]
    assert len(found) >= 15
    for path in found:
        for method in described[path]:
            operation = described[path][method]
            fuzz(operation.as_strategy())
            # A request whose path is not of the described form is another route's, or nobody's.
            if "{" not in path and (operation.query or operation.body):
                fuzz(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def test_an_image_that_is_there_takes_what_is_described(described):
    paths = [path for path in described if path.count("{") == 1 and "{image}" in path]
    assert len(paths) >= 9
    for path in paths:
        for method in described[path]:
            there = described[path][method].as_strategy(path_parameters={"image": 1})
            assert fuzz(there) <= {200, 403, 404, 409, 422}
    operation = described["/api/images/{image}/operations"]["POST"]
    assert 200 in fuzz(operation.as_strategy(path_parameters={"image": 1}), examples=25)


def test_what_is_not_as_described_is_refused(described):
    operation = described["/api/images/{image}/operations"]["POST"]
    assert 422 in fuzz(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    refused = operation.Case(
        path_parameters={"image": 1},
        body={"kind": "stroke", "class": 0, "points": [[1e300, 0]], "radius": 1},
        media_type="application/json",
    ).call()
    assert refused.status_code == 422
