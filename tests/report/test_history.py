"""Points of the learning curve from a file."""

from __future__ import annotations

import json

import pytest

from segfit.errors import SegfitError
from segfit.report.history import read_history


def test_models_and_figures_are_read(tmp_path):
    (tmp_path / "ten.segfit").touch()
    path = tmp_path / "history.json"
    points = [
        {"images": 10, "model": "ten.segfit"},
        {"images": 30, "model": "face"},
        {"images": 20, "mean_iou": 0},
    ]
    path.write_text(json.dumps(points))
    ten, face, twenty = read_history(path)
    assert ten.model == str(tmp_path / "ten.segfit")
    assert face.model == "face"
    assert (twenty.images, twenty.mean_iou, twenty.model) == (20, 0, None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "Invalid JSON"),
        ("{}", "a list|an array|valid array|expected"),
        ('[{"images": 3}]', "give a model, or its mean_iou"),
        ('[{"images": 3, "model": "a", "mean_iou": 0.5}]', "and not both"),
        ('[{"images": 0, "mean_iou": 0.5}]', "0.images: expected greater than or equal to 1"),
        ('[{"images": 3, "mean_iou": 50}]', "0.mean_iou: expected less than or equal to 1"),
        ('[{"images": 3, "iou": 0.5}]', "0.iou"),
    ],
)
def test_other_files_are_refused(tmp_path, text, complaint):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(SegfitError, match=complaint):
        read_history(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SegfitError, match="cannot read"):
        read_history(tmp_path / "none.json")
