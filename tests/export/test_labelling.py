"""The exported graph of a segmenter gives what the segmenter gives, for images of any size."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import openvino
import pytest
from running_graphs import open_graph

from segfit.classification.decision import Decision, decide_labels
from segfit.export.agreement import DEMO_IMAGES
from segfit.export.labelling import write_labelling
from segfit.export.weights import embed_weights
from segfit.imaging.read import read_image
from segfit.model.archive import read_model
from segfit.model.shipped import find_model

LARGEST_SHARE = 0.001
"""Of an image's pixels, those whose label may be another one."""
MODELS = ("face", "nuclei")
SIZES = [(8, 8), (8, 70), (61, 8), (97, 131), (160, 120), (257, 180)]


def show_demo(segmenter, height, width):
    """The demo image of a model at another size."""
    image = read_image(DEMO_IMAGES[segmenter.card.scaling.kind])
    method = cv2.INTER_AREA if height * width < image.size / 3 else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def decide(segmenter, image):
    """Labels and scores of an image by the model itself."""
    scores = segmenter.score(image)
    threshold = segmenter.card.threshold if segmenter.classes.is_binary else None
    labels = decide_labels(scores, Decision(threshold=threshold))
    return labels, scores


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_labels_and_scores_are_the_model_s(name, size, graph_of, segmenter_of):
    segmenter = segmenter_of(name)
    image = show_demo(segmenter, *size)
    found = graph_of(name, "segment")(image=image)
    labels, scores = decide(segmenter, image)
    assert found["labels"].dtype == np.uint8
    assert found["labels"].shape == size
    assert (found["labels"] != labels).mean() <= LARGEST_SHARE
    assert found["scores"].shape == (len(segmenter.classes), *size)
    off = np.abs(found["scores"] - scores.to_probabilities())
    assert off.mean() < 0.01
    np.testing.assert_allclose(found["scores"].sum(axis=0), 1, atol=1e-5)


def test_the_demo_images_have_the_labels_of_a_call(graph_of, segmenter_of):
    """Also those that grouping objects puts right belong to the same classes."""
    segmenter = segmenter_of("face")
    image = read_image(DEMO_IMAGES["frame"])
    found = graph_of("face", "segment")(image=image)["labels"]
    assert len(np.unique(found)) == 6
    assert (found == segmenter(image, refine=False).labels).mean() >= 1 - LARGEST_SHARE


@pytest.mark.parametrize("name", MODELS)
def test_a_long_strip_and_one_level_are_images_like_others(name, graph_of, segmenter_of):
    segmenter = segmenter_of(name)
    height, width = (16, 10_000) if name == "face" else (16, 1500)
    strip = np.ascontiguousarray(np.resize(show_demo(segmenter, 16, 128), (height, width, 3)))
    for image in (strip, np.full((50, 40, 3), 130, np.uint8)):
        found = graph_of(name, "segment")(image=image)["labels"]
        assert (found != decide(segmenter, image)[0]).mean() <= LARGEST_SHARE


def test_objects_are_shown_at_the_image_s_size(graph_of, segmenter_of):
    segmenter = segmenter_of("nuclei")
    image = read_image(DEMO_IMAGES["field"])
    found = graph_of("nuclei", "segment")(image=image)
    scores = segmenter.score(image)
    assert np.abs(found["centres"] - scores.to_centres(image.shape[:2])).mean() < 0.01
    assert found["offsets"].shape == (2, *image.shape[:2])
    cells = [  # at pixels in the middle of nuclei, from there to the centre
        cv2.resize(plane, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        for plane in scores.offsets
    ]
    px = np.array(cells) * scores.cell_px
    inside = found["labels"] == 1
    assert np.median(np.abs(found["offsets"] - px)[:, inside]) < 0.05
    assert np.abs(px[:, inside]).max() > 3


def test_evidence_is_what_the_regressor_is_shown(graph_of, segmenter_of):
    segmenter = segmenter_of("face")
    image = show_demo(segmenter, 150, 201)
    found = graph_of("face", "segment")(image=image)
    scores = segmenter.score(image)
    np.testing.assert_array_equal(found["covered"], scores.covered_shape)
    np.testing.assert_allclose(found["evidence"], scores.to_grid(), atol=0.1)


@pytest.mark.parametrize("name", [*MODELS, "edges", "outlines"])
def test_graphs_are_valid_and_hold_their_weights(name, graphs_of):
    for graph in graphs_of(name).values():
        onnx.checker.check_model(graph, full_check=True)
        for tensor in graph.graph.initializer:
            assert tensor.data_location != onnx.TensorProto.EXTERNAL
        shown = {value.name for value in graph.graph.output}
        assert "logits" not in shown


@pytest.mark.parametrize("name", MODELS)
def test_openvino_gives_the_same(name, graphs_of, graph_of, segmenter_of):
    core = openvino.Core()
    model = core.read_model(graphs_of(name)["segment"].SerializeToString())
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in ((8, 8), (131, 97), (300, 401)):
        image = show_demo(segmenter_of(name), *size)
        expected = graph_of(name, "segment")(image=image)["labels"]
        assert (compiled(image)["labels"] != expected).mean() <= LARGEST_SHARE


def test_other_types_and_shapes_are_refused(graph_of):
    run = graph_of("face", "segment")
    with pytest.raises(Exception, match=r"tensor\(uint16\).*expected.*tensor\(uint8\)"):
        run(image=np.zeros((64, 64, 3), np.uint16))
    with pytest.raises(Exception, match="Invalid rank for input: image"):
        run(image=np.zeros((64, 64), np.uint8))
    with pytest.raises(Exception, match="Got: 4 Expected: 3"):
        run(image=np.zeros((64, 64, 4), np.uint8))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_the_threshold_is_the_card_s(threshold, segmenter_of):
    contents = read_model(find_model("nuclei"))
    card = contents.card.model_copy(update={"threshold": threshold})
    graph = write_labelling(card, embed_weights(contents.networks["classifier"]))
    image = show_demo(segmenter_of("nuclei"), 64, 64)
    found = open_graph(graph)(image=image)
    expected = found["scores"][1] > threshold
    np.testing.assert_array_equal(found["labels"] == 1, expected if threshold else True)
