"""The int8 form of a network, on one small enough to be worked out by hand."""

import numpy as np
import openvino
import pytest
from openvino import opset13

from segfit.model.archive import read_model
from segfit.model.precision import FasterPrecisions, Precision
from segfit.runtime.cache import unpack_networks
from segfit.runtime.quantization import find_ranges, quantize, store_quantized
from segfit.runtime.sessions import open_sessions
from segfit.training.precisions import with_precisions

WEIGHTS = np.array([[1.0, 0.0], [0.25, -1.5], [0.0, 0.0]], np.float32)
"""Of three output channels for two input channels."""


@pytest.fixture
def graph(tmp_path):
    """A network of one convolution of 1×1 px, as a file."""
    image = opset13.parameter([1, 2, -1, -1], np.float32, "image")
    image.output(0).set_names({"image"})
    convolved = opset13.convolution(
        image, opset13.constant(WEIGHTS[:, :, None, None]), [1, 1], [0, 0], [0, 0], [1, 1]
    )
    path = tmp_path / "network.xml"
    model = openvino.Model([convolved], [image])
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


def draw(*pixels):
    """An image, (1, 2, 1, W), of pixels with two values each."""
    return np.array(pixels, np.float32).T[None, :, None]


def run(model, image):
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled([image])[0][0, :, 0].T  # (W, 3)


def test_ranges_are_those_of_all_images(graph):
    images = [draw((0, 3), (2, 1)), draw((-0.5, 1), (0, 0))]
    assert find_ranges(graph, images) == {"image": (-0.5, 3.0)}
    assert find_ranges(graph, []) == {}


def test_numbers_are_rounded_to_the_levels_of_their_range(graph):
    model = quantize(graph, {"image": (0.0, 255.0)})  # a level is 1
    found = run(model, draw((7, 10), (7.2, 9.9), (300, -5)))
    # A weight is a multiple of the largest one of its output channel, over 127: 0.25 is 21 × 1.5.
    eighth = 21 * 1.5 / 127
    expected = [
        [7, 7 * eighth - 15, 0],
        [7, 7 * eighth - 15, 0],  # to the nearest level
        [255, 255 * eighth, 0],  # to the range
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_zero_stays_zero_where_the_range_has_both_signs(graph):
    found = run(quantize(graph, {"image": (-3.0, 1.0)}), draw((0, 0), (-3, 0), (1, 0)))
    np.testing.assert_allclose(found[:, 0], [0, -3, 42 * 3 / 127], rtol=1e-5, atol=1e-6)


def test_ranges_of_another_network_are_refused(graph):
    with pytest.raises(KeyError):
        quantize(graph, {"picture": (0.0, 1.0)})


def test_it_is_stored_once_for_the_same_ranges(graph, tmp_path):
    first = store_quantized(graph, {"image": (0.0, 1.0)}, tmp_path)
    written = first.stat().st_mtime_ns
    assert store_quantized(graph, {"image": (0.0, 1.0)}, tmp_path) == first
    assert first.stat().st_mtime_ns == written
    first.with_suffix(".bin").unlink()  # as pruning may leave it
    assert store_quantized(graph, {"image": (0.0, 1.0)}, tmp_path) == first
    assert first.with_suffix(".bin").is_file()
    assert store_quantized(graph, {"image": (0.0, 2.0)}, tmp_path) != first


@pytest.fixture(scope="module")
def ready(tiny_model):
    """A small model with an int8 form."""
    model = read_model(tiny_model)
    graph = unpack_networks(model) / "classifier.onnx"
    ranges = find_ranges(graph, [make_image(seed) for seed in range(4)])
    return with_precisions(model, FasterPrecisions(ranges, {}))


def make_image(seed):
    return np.random.default_rng(seed).integers(0, 255, (1, 64, 96, 3), np.uint8)


def score(model, image, precision, shape=None):
    (session,) = open_sessions(model, threads=1, precision=precision).values()
    if shape is not None:
        session.prepare({"images": shape})
    return session, session.run({"images": image})[0]


@pytest.mark.parametrize("shape", [None, (1, 64, 96, 3)])
def test_a_classifier_in_int8_answers_about_the_same(ready, shape):
    image = make_image(9)
    _, expected = score(ready, image, Precision.SINGLE)
    session, found = score(ready, image, Precision.INT8, shape)
    assert repr(session) == "openvino with 1 thread in int8"
    difference = np.abs(found - expected).max()
    assert 0 < difference < 0.05 * np.ptp(expected)
    np.testing.assert_array_equal(score(ready, image, Precision.INT8, shape)[1], found)


def test_it_works_without_a_cache_to_store_it(ready, monkeypatch):
    _, expected = score(ready, make_image(9), Precision.INT8)

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr("segfit.runtime.openvino.store_quantized", refuse)
    np.testing.assert_array_equal(score(ready, make_image(9), Precision.INT8)[1], expected)
