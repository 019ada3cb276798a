"""Labelled images made up in memory, drawn so that a network can learn them at once."""

import cv2
import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.datasets import Dataset, LabelledData, measure_labels
from segfit.datasets.labelled import Reading, Source


@pytest.fixture(scope="session")
def make_dataset():
    """Makes a data set of (image, labels) pairs, or (image, labels, objects)."""

    def make(pairs, names=("background", "square"), background=0):
        object_classes = tuple(range(1, len(names))) if any(len(pair) > 2 for pair in pairs) else ()
        classes = ClassTable.from_names(
            tuple(names), background=background, object_classes=object_classes
        )
        sources = [
            Source(f"{index:03}", lambda pair=pair: Reading(*pair))
            for index, pair in enumerate(pairs)
        ]
        stats = [
            measure_labels(labels, class_count=len(classes), given=objects[0] if objects else None)
            for _, labels, *objects in pairs
        ]
        return Dataset(classes, sources, stats=stats)

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
            image = np.where(labels[..., None] == 1, (210, 200, 90), (40, 60, 50))
            image = image + rng.integers(-20, 20, (size, size, 1))
            labels[:4, :4] = 255
            return image.astype(np.uint8), labels

        splits = {
            "train": make_dataset([draw() for _ in range(training)]),
            "val": make_dataset([draw() for _ in range(validation)]),
        }
        return LabelledData(splits["train"].classes, splits, ())

    return make


@pytest.fixture(scope="session")
def squares(make_squares):
    return make_squares()


@pytest.fixture(scope="session")
def pairs_of_cells(make_dataset):
    """Data of bright cells that touch in pairs, on a dark background; one image has none."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((96, 96)) + 0.5

    def draw(*, pairs):
        objects = np.zeros((96, 96), np.int32)
        for number in range(pairs):
            x, y = rng.uniform(16, 80, 2)
            angle = rng.uniform(0, np.pi)
            along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
            across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
            for side in (-1, 1):
                disc = np.hypot(along - 8 * side, across) < 9
                objects[disc & (along * side > 0)] = 2 * number + (3 + side) // 2
        shade = np.where(objects > 0, 190, 40)[..., None] * np.ones(3)
        # As nuclei are: a dark line where they meet.
        edge = cv2.dilate(objects.astype(np.float32), np.ones((3, 3))) != objects
        shade[edge & (objects > 0)] = 110
        image = np.clip(shade + rng.normal(0, 6, (96, 96, 1)), 0, 255).astype(np.uint8)
        return image, (objects > 0).astype(np.uint8), objects

    splits = {
        "train": make_dataset([*(draw(pairs=3) for _ in range(11)), draw(pairs=0)]),
        "val": make_dataset([*(draw(pairs=3) for _ in range(4)), draw(pairs=0)]),
    }
    return LabelledData(splits["train"].classes, splits, ())
