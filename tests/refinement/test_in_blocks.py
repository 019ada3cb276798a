"""A large image looked at block by block: the same answers from less memory."""

import numpy as np
import pytest

import segfit
from segfit.imaging.read import read_image
from segfit.refinement.blocks import add_neighbours, group_by_block

DEMO = segfit.__path__[0] + "/demo_data/nuclei/val/images/fluorescence_b560dba92fbf.png"


def test_points_are_grouped_by_their_block():
    points = np.array([(0.0, 0), (9.9, 9.9), (10, 0), (3, 25), (12, 3)])
    groups = [group.tolist() for group in group_by_block(points, 10.0)]
    assert groups == [[0, 1], [2, 4], [3]]
    assert list(group_by_block(points[:0], 10.0)) == []


def test_a_block_has_what_its_answers_depend_on():
    """Two layers that look 1 and then 2 to either side, along a line of ten vertices."""
    line = np.arange(10)
    near = np.stack([line + shift for shift in (-1, 1, -2, 2)], axis=1).clip(0, 9)
    block = add_neighbours(np.array([4]), near)
    assert block.chosen.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert block.chosen[block.is_own].tolist() == [4]
    first, last = near[:, :2], near[:, 2:]
    answers = line**3 + (line**3)[first].sum(axis=1)
    answers = answers + answers[last].sum(axis=1)
    inside = block.chosen**3
    inside = inside + inside[block.near[:, :2]].sum(axis=1)
    inside = inside + inside[block.near[:, 2:]].sum(axis=1)
    assert inside[block.is_own].tolist() == answers[[4]].tolist()


@pytest.mark.parametrize("model", ["nuclei", "face"])
def test_blocks_change_nothing(model, monkeypatch):
    segmenter = segfit.load(model, threads=1)
    image = read_image(DEMO)
    whole = segmenter(image)
    seen = []
    run = segmenter._sessions["regressor"].run
    monkeypatch.setattr(
        segmenter._sessions["regressor"],
        "run",
        lambda inputs: seen.append(inputs["grid"].shape) or run(inputs),
    )
    monkeypatch.setattr("segfit.refinement.outlines.BLOCK_CELLS", 24)
    blocks = segmenter(image)
    assert len(seen) > 4
    assert max(max(shape[2:]) for shape in seen) < max(whole.scores.logits.shape[1:])
    np.testing.assert_array_equal(blocks.labels, whole.labels)
    np.testing.assert_allclose(blocks.refined.points, whole.refined.points, atol=1e-3)
    np.testing.assert_allclose(blocks.refined.error_px, whole.refined.error_px, atol=1e-3)
