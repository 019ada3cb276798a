"""Trainings, models, reports and archives answer whatever their description allows."""

from __future__ import annotations

import importlib

import pytest
import schemathesis
from test_studio_fuzz import ELSEWHERE, IMPORTED_LATE, GenerationMode, fuzz

from asking import running
from studio_client import opened, save_image


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    for name in (*IMPORTED_LATE, "segfit.batch.predict", "segfit.studio.jobs.takeaway"):
        importlib.import_module(name)
    folder = tmp_path_factory.mktemp("images")
    save_image(folder / "a.png")
    with opened(folder) as page:
        page.name_classes("a", "b")
        with running(page.app) as listener:
            yield schemathesis.openapi.from_url(f"{listener.address}api/openapi.json")


def test_every_route_of_the_jobs_answers_as_it_is_described(described):
    found = [path for path in described if path.startswith(ELSEWHERE)]
    assert len(found) == 14
    for path in found:
        for method in described[path]:
            operation = described[path][method]
            assert fuzz(operation.as_strategy()) <= {200, 403, 404, 422}
            if "{" not in path and (operation.query or operation.body):
                fuzz(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
