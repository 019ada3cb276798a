"""Objects of which only a part is labelled do not teach where centres are."""

import numpy as np
import torch

from segfit.classes import IGNORE
from segfit.training.data.augment import Labelled
from segfit.training.data.object_targets import make_targets, object_loss
from segfit.training.data.parts import mark_parts


def draw(width_px=64):
    """Two squares on labelled ground; the image around them is black."""
    labels = np.zeros((64, width_px), np.uint8)
    objects = np.zeros(labels.shape, np.int32)
    for number, left in ((1, 8), (2, 40)):
        labels[20:40, left : left + 16] = 1
        objects[20:40, left : left + 16] = number
    return labels, objects


def numbers_of(labels, objects):
    image = np.zeros((*labels.shape, 3), np.uint8)
    marked = mark_parts(Labelled(image, labels, objects)).objects
    return sorted({*marked.ravel().tolist()})


def test_objects_amid_labels_are_whole():
    labels, objects = draw()
    assert numbers_of(labels, objects) == [0, 1, 2]
    labels[:6] = IGNORE
    assert numbers_of(labels, objects) == [0, 1, 2]


def test_a_stroke_amid_nothing_is_a_part():
    labels, objects = draw()
    labels[:, 32:][objects[:, 32:] == 0] = IGNORE
    assert numbers_of(labels, objects) == [-2, 0, 1]


def test_an_object_with_one_open_side_is_a_part():
    labels, objects = draw()
    labels[40:, :32] = IGNORE
    assert numbers_of(labels, objects) == [-1, 0, 2]


def test_a_line_of_ignored_pixels_around_an_object_says_nothing():
    labels, objects = draw()
    around = np.zeros(labels.shape, bool)
    around[16:44, 4:28] = True
    labels[around & (objects == 0)] = IGNORE
    assert numbers_of(labels, objects) == [0, 1, 2]


def test_an_object_cut_by_the_image_is_whole():
    labels, objects = draw(width_px=48)
    assert numbers_of(labels, objects) == [0, 1, 2]


def test_images_without_objects_stay_as_they_are():
    labels, _ = draw()
    labels[:] = IGNORE
    given = Labelled(np.zeros((64, 64, 3), np.uint8), labels, None)
    assert mark_parts(given) is given


def test_nothing_is_learned_of_a_part_s_centre():
    _, objects = draw()
    marked = np.where(objects == 2, -2, objects)[None]
    targets, without = make_targets(marked, stride=2), make_targets(objects[None], stride=2)
    ones = torch.ones(1, 32, 32)
    assert (targets.weights[0, 10:20, 20:28] == 0).all()
    maps = torch.zeros(1, 3, 32, 32)
    before = object_loss(maps, targets, ones)
    maps[:, :, 10:20, 20:28] = 5.0
    assert object_loss(maps, targets, ones) == before
    assert object_loss(maps, without, ones) != object_loss(torch.zeros_like(maps), without, ones)
