"""What the head that tells objects apart learns."""

import numpy as np
import pytest
import torch

from segfit.classification.grouping import group_objects
from segfit.training.data.object_targets import make_targets, object_loss


def draw_crops():
    """Two crops: two squares that touch, and one alone; a third square has a hole in its middle."""
    objects = np.zeros((2, 32, 48), np.int32)
    objects[0, 4:16, 4:16], objects[0, 4:16, 16:28] = 7, 70_000
    objects[1, 8:24, 8:24] = 3
    objects[1, 14:18, 14:18] = 0
    return objects


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_targets_lead_every_cell_to_its_object_s_centre(stride):
    targets = make_targets(draw_crops(), stride=stride)
    assert targets.centres.shape == (2, 32 // stride, 48 // stride)
    down, right = np.indices(targets.centres.shape[1:]) + 0.5
    ends = targets.offsets.numpy() + np.stack([right, down])
    cells = draw_crops()[:, stride // 2 :: stride, stride // 2 :: stride]
    for crop, number, centre in ((0, 7, (10, 10)), (0, 70_000, (22, 10)), (1, 3, (16, 16))):
        inside = cells[crop] == number
        np.testing.assert_allclose(
            ends[crop][:, inside].T,
            np.tile(np.array(centre) / stride, (inside.sum(), 1)),
            rtol=1e-6,
        )
    outside = torch.from_numpy(cells == 0)
    assert (targets.weights[outside] == 0).all()
    assert (targets.centres[outside] == 0).all()
    assert (targets.weights[~outside] > 0).all()
    assert targets.centres.max() <= 1


def test_targets_group_into_the_objects_that_they_were_made_from():
    crops = draw_crops()
    targets = make_targets(crops, stride=2)
    grid = group_objects(
        (crops[0] > 0).astype(np.uint8),
        (1,),
        targets.offsets[0].numpy(),
        cells_per_label=(0.5, 0.5),
    )
    pairs = {*zip(crops[0].ravel().tolist(), grid.objects.ravel().tolist(), strict=True)}
    assert len(pairs) == 3


def test_a_crop_without_objects_has_nothing_to_learn_but_that_there_are_none():
    targets = make_targets(np.zeros((1, 8, 8), np.int32), stride=2)
    known = torch.ones(1, 4, 4)
    far = torch.full((1, 3, 4, 4), -20.0)
    assert object_loss(far, targets, known) == pytest.approx(0, abs=1e-6)
    assert object_loss(-far, targets, known) > 10


def test_loss_falls_to_that_of_the_bells_and_ignores_what_is_unknown():
    targets = make_targets(draw_crops(), stride=2)
    known = torch.ones_like(targets.centres)
    maps = torch.cat(
        [targets.centres.clamp(1e-4, 1 - 1e-4).logit()[:, None], targets.offsets], dim=1
    )
    right = object_loss(maps, targets, known)
    wrong = maps.clone()
    wrong[:, 1] += 1
    assert object_loss(wrong, targets, known) > right + 0.05
    wrong = maps.clone()
    wrong[0, 0, 0, 0] = 9.0  # claims a centre in a corner
    assert object_loss(wrong, targets, known) > right
    known[0, 0, 0] = 0
    nothing_wrong = object_loss(maps, targets, known)
    assert object_loss(wrong, targets, known) == pytest.approx(nothing_wrong.item())


def test_objects_count_alike_whatever_their_size():
    """An offset that is off by a fifth of the radius costs a large object no more than a small."""
    small, large = np.zeros((1, 64, 64), np.int32), np.zeros((1, 64, 64), np.int32)
    small[0, 20:32, 20:32], large[0, 4:60, 4:60] = 1, 1
    costs = []
    for crop, off_cells in ((small, 0.2 * 3.4), (large, 0.2 * 15.8)):
        targets = make_targets(crop, stride=2)
        maps = torch.cat([torch.full((1, 1, 32, 32), -9.0), targets.offsets], dim=1)
        right = object_loss(maps, targets, torch.ones(1, 32, 32))
        maps[:, 1] += off_cells
        costs.append((object_loss(maps, targets, torch.ones(1, 32, 32)) - right).item())
    assert costs[0] == pytest.approx(costs[1], rel=0.3)
