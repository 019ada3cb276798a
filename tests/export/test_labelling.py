"""The exported graph of a segmenter gives what the segmenter gives, for images of any size."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import openvino
import pytest
import torch
from running_graphs import open_graph

from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide_labels
from segfit.export.agreement import DEMO_IMAGES
from segfit.export.labelling import write_labelling
from segfit.export.weights import embed_weights
from segfit.imaging.read import read_image
from segfit.model.architecture import Branch, ClassifierArchitecture
from segfit.model.archive import ModelFile, read_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.model.shipped import find_model
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter

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


WIDTHS = ((8,), (8,), (8,), (8,), (8,))
ARCHITECTURES = {
    "objects of several classes": ClassifierArchitecture(4, "plain", WIDTHS, has_objects=True),
    "a branch, cells of 2 px": ClassifierArchitecture(
        4, "plain", WIDTHS, output_stride=2,
        branches=(Branch((0, 1), stride=2, width=8), Branch((2, 3), stride=4, width=8)),
    ),
    "features that nobody goes by": ClassifierArchitecture(
        4, "plain", WIDTHS, has_objects=True, gives_features=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(
    "scaling",
    [Scaling("field", factor=0.5, stretch=True), Scaling("frame", long_side_px=64)],
    ids=["field", "frame"],
)
def test_every_kind_of_model_can_be_exported(name, scaling):
    torch.manual_seed(0)
    network = Classifier(ARCHITECTURES[name]).eval()
    card = ModelCard(
        name="any",
        segfit_version="0.1.0",
        created="2026-01-02",
        networks=list_networks(NetworkCard(network.architecture)),
        classes=ClassTable.from_names(("a", "b", "c", "d"), background=None, object_classes=(1, 2)),
        scaling=scaling,
    )
    contents = ModelFile(card, {"classifier": export_network(network)})
    graph = write_labelling(card, embed_weights(contents.networks["classifier"]))
    onnx.checker.check_model(graph, full_check=True)
    given = [output.name for output in graph.graph.output]
    objects = ["centres", "offsets"] if network.architecture.has_objects else []
    assert given == ["labels", "scores", *objects]
    sessions = open_sessions(contents, backend="onnxruntime", threads=1)
    segmenter, run = Segmenter(card, sessions), open_graph(graph)
    for size in ((8, 8), (131, 97)):
        image = show_demo(segmenter, *size)
        found = run(image=image)
        labels, scores = decide(segmenter, image)
        assert (found["labels"] != labels).mean() <= LARGEST_SHARE
        np.testing.assert_allclose(found["scores"], scores.to_probabilities(), atol=0.01)
        if objects:
            np.testing.assert_allclose(found["centres"], scores.to_centres(size), atol=0.01)
