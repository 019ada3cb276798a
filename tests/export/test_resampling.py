"""In a graph, an image comes to its working resolution as it does in segfit."""

from __future__ import annotations

import numpy as np
import pytest
from running_graphs import open_graph

from segfit.classification.classify import pad_image
from segfit.export.graph import GraphWriter
from segfit.export.resampling import pad_to_multiples, stretch, write_scaling
from segfit.imaging.contrast import stretch_levels
from segfit.imaging.pyramid import Pyramid
from segfit.model.scaling import Scaling

SIZES = [
    (8, 8), (8, 300), (300, 8), (65, 64), (64, 64), (100, 130), (127, 255), (128, 256), (129, 257),
    (333, 500), (512, 384), (501, 1000), (16, 4000), (700, 41),
]  # fmt: skip


def draw_image(height, width):
    """Waves of color with noise: smooth enough to be resampled, and nothing is symmetric."""
    rows, columns = np.mgrid[:height, :width]
    waves = [120 + 90 * np.sin(rows / (7 + c) + columns / (11 - c) + c) for c in range(3)]
    noise = np.random.default_rng(0).normal(0, 8, (height, width, 3))
    return np.clip(np.stack(waves, axis=2) + noise, 0, 255).astype(np.uint8)


def write(step):
    """What runs a step on an image."""
    graph = GraphWriter()
    image = graph.take("image", np.uint8, ["height", "width", 3])
    graph.give("working", step(image), ["h", "w", 3])
    run = open_graph(graph.build("step"))
    return lambda image: run(image=image)["working"]


@pytest.mark.parametrize(
    "scaling",
    [
        Scaling("frame", long_side_px=64),
        Scaling("frame", long_side_px=256),
        Scaling("field", factor=1.0),
        Scaling("field", factor=0.5),
        Scaling("field", factor=0.37),
        Scaling("field", factor=1.33),
        Scaling("frame", long_side_px=128, stretch=True),
    ],
    ids=str,
)
def test_images_come_to_the_working_resolution(scaling):
    prepare = write(lambda image: write_scaling(image, scaling))
    for size in SIZES:
        image = draw_image(*size)
        expected, found = scaling.prepare(Pyramid(image)), prepare(image)
        assert found.shape == expected.shape, size
        off = np.abs(found.astype(int) - expected)
        assert off.max() <= (3 if scaling.stretch else 1), size
        assert (off > 0).mean() <= 0.02, size


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_image_of_one_level_stays_one(level):
    image = np.full((90, 250, 3), level, np.uint8)
    prepare = write(lambda image: write_scaling(image, Scaling("frame", long_side_px=64)))
    assert (prepare(image) == level).all()


def test_levels_are_spread_out():
    spread = write(stretch)
    rng = np.random.default_rng(1)
    for low, high in ((0, 256), (100, 120), (3, 40), (250, 256)):
        image = rng.integers(low, high, (40, 50, 3), dtype=np.uint8)
        np.testing.assert_array_equal(spread(image), stretch_levels(image))


def test_the_last_row_and_column_are_repeated():
    pad = write(pad_to_multiples)
    for size in ((8, 8), (32, 64), (33, 95)):
        image = draw_image(*size)
        np.testing.assert_array_equal(pad(image), pad_image(image))
