"""The exported graphs of regressors give the moves that segfit makes."""

from __future__ import annotations

import numpy as np
import pytest
from running_graphs import open_graph

import segfit
from segfit.classification.decision import Decision, decide_partition
from segfit.export.agreement import DEMO_IMAGES
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.read import read_image
from segfit.model.archive import read_archive
from segfit.model.shipped import find_model
from segfit.refinement.boxes import BoxNetwork, fit_boxes, sample_patches
from segfit.refinement.outlines import open_scene, sample_strips, start_walk, stay_where_flat
from segfit.runtime.sessions import open_sessions


@pytest.fixture(scope="module")
def seen():
    """A portrait, its scores and its first outlines by the face model."""
    segmenter = segfit.load("face", backend="onnxruntime", threads=1)
    pyramid = Pyramid(read_image(DEMO_IMAGES["frame"])[:300, 90:390].copy())
    scores = segmenter.score(pyramid)
    return pyramid, scores, decide_partition(scores, Decision(), segmenter.classes)


@pytest.mark.parametrize("name", ["face", "outlines"])
def test_outlines_move_as_in_segfit(name, seen, graphs_of):
    pyramid, scores, first = seen
    contents = read_archive(find_model(name))
    card = contents.card.regressor
    session = open_sessions(contents, backend="onnxruntime", threads=1)["regressor"]
    scene = open_scene(
        first, pyramid, scores if name == "face" else None, cell_px=4.0,
        architecture=card.architecture,
    )  # fmt: skip
    strips = sample_strips(start_walk(first, 2.0), scene)
    strips.image[5:9] = 77  # no edge to be seen
    offsets, errors = stay_where_flat(strips, *session.run(strips.inputs()))
    inputs = strips.inputs()
    if name == "face":
        inputs["grid"] = scores.to_grid()
    found = open_graph(graphs_of(name)["outlines"])(**inputs)
    np.testing.assert_allclose(found["offsets"], offsets, atol=1e-4)
    np.testing.assert_allclose(found["errors"], errors * card.temperature, rtol=1e-4)
    np.testing.assert_array_equal(found["offsets"][5:9], 0)
    np.testing.assert_allclose(found["errors"][5:9], 8 * card.temperature, rtol=1e-6)


def test_boxes_move_as_in_segfit(seen, graphs_of):
    pyramid, scores, first = seen
    contents = read_archive(find_model("face"))
    card = contents.card.boxes
    session = open_sessions(contents, backend="onnxruntime", threads=1)["box_regressor"]
    network = BoxNetwork(session.run, card.architecture, card.temperature)
    regions = np.flatnonzero(first.labels != 0).tolist()
    patches = sample_patches(
        fit_boxes(first, regions), regions, first, pyramid, scores,
        architecture=card.architecture,
    )  # fmt: skip
    offsets, errors = network.run(patches.inputs())
    inputs = {**patches.inputs(), "grid": scores.to_grid()}
    found = open_graph(graphs_of("face")["boxes"])(**inputs)
    np.testing.assert_allclose(found["offsets"], offsets, atol=1e-5)
    np.testing.assert_allclose(found["errors"], errors * card.temperature, rtol=1e-5)
