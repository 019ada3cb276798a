"""Labelled pictures made up in memory, drawn so that a network can learn them at once."""

import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.datasets import Dataset, LabelledData, measure_labels
from segfit.datasets.labelled import Reading, Source


@pytest.fixture(scope="session")
def make_dataset():
    """Makes a data set of (picture, labels) pairs."""

    def make(pairs, names=("background", "square"), background=0):
        classes = ClassTable.from_names(tuple(names), background=background)
        sources = [
            Source(f"{index:03}", lambda pair=pair: Reading(*pair))
            for index, pair in enumerate(pairs)
        ]
        stats = [measure_labels(labels, class_count=len(classes)) for _, labels in pairs]
        return Dataset(classes, sources, stats=stats, has_instances=False)

    return make


@pytest.fixture(scope="session")
def make_squares(make_dataset):
    """Makes data of bright squares on a dark, noisy ground; some pixels at a corner are ignored."""

    def make(*, training=8, validation=4, size=96, seed=0):
        rng = np.random.default_rng(seed)

        def draw():
            labels = np.zeros((size, size), np.uint8)
            for _ in range(2):
                side = rng.integers(size // 4, size // 3)
                top, left = rng.integers(0, size - side, 2)
                labels[top : top + side, left : left + side] = 1
            picture = np.where(labels[..., None] == 1, (210, 200, 90), (40, 60, 50))
            picture = picture + rng.integers(-20, 20, (size, size, 1))
            labels[:4, :4] = 255
            return picture.astype(np.uint8), labels

        parts = {
            "train": make_dataset([draw() for _ in range(training)]),
            "val": make_dataset([draw() for _ in range(validation)]),
        }
        return LabelledData(parts["train"].classes, parts, ())

    return make


@pytest.fixture(scope="session")
def squares(make_squares):
    return make_squares()
