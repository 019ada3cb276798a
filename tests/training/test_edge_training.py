"""A network learns where people draw edges, and resumes after an interruption."""

import copy

import numpy as np
import torch

from region_edges import draw_edges
from segfit.classes import IGNORE
from segfit.datasets.drawn import Drawing, DrawnImage
from segfit.model.architecture import ClassifierArchitecture
from segfit.networks.classifier import Classifier
from segfit.training.data.augment import Augmentation
from segfit.training.edges import FULL_SHARE, EdgeTraining, draw_shares, share_loss
from segfit.training.engine import Engine
from segfit.training.torch_state import use_seed

TINY = ClassifierArchitecture(outputs=1, encoder="plain", widths=((8,), (16,), (16,), (16,), (16,)))


class Squares(list):
    """Images of a bright square that two people drew, one of them its left half only."""


def draw_squares(count=4):
    images = Squares()
    for number in range(count):
        regions = np.zeros((64, 64), int)
        regions[12 + number : 44, 16:52] = 1
        half = np.where(np.arange(64) < 34, regions, 0)
        image = np.repeat((60 + 120 * regions).astype(np.uint8)[..., None], 3, axis=2)
        drawings = tuple(Drawing(draw_edges(grid), grid) for grid in (regions, half))
        images.append(DrawnImage(f"square {number}", image, drawings))
    return images


def make_training(steps):
    with use_seed(0):
        network = Classifier(TINY)
    return EdgeTraining(
        network,
        draw_squares(),
        draw_squares(2),
        augmentation=Augmentation(rotation_deg=0, zoom=1, color=0, noise=0, blur=0),
        crop_px=(64, 64),
        batch=2,
        learning_rate=2e-2,
        encoder_rate=1.0,
        seed=0,
        budget_seconds=None,
        steps=steps,
    )


def test_shares_say_how_many_people_drew_an_edge_near():
    shares = draw_shares(draw_squares(1)[0])
    assert shares[30, 5] == 0
    assert shares[30, 15] == FULL_SHARE  # both
    assert shares[30, 51] == FULL_SHARE // 2  # one
    assert shares[30, 13] == 0
    assert shares[30, 14] == FULL_SHARE  # a pixel beside it


def test_loss_is_least_at_the_share_and_leaves_out_what_is_unknown():
    shares = torch.full((1, 4, 4), FULL_SHARE // 2)
    losses = [share_loss(torch.full((1, 4, 4), z), shares).item() for z in (-1.0, 0.0, 1.0)]
    assert losses[1] == min(losses)
    shares[0, :2] = IGNORE
    wrong = torch.zeros(1, 4, 4)
    wrong[0, :2] = 9.0
    assert share_loss(wrong, shares).item() == losses[1]


def test_learns_and_resumes_where_it_stood():
    whole, states = Engine(make_training(24)), []
    whole.run(on_event=lambda event: None, save=lambda state: states.append(copy.deepcopy(state)))
    losses = [done.loss for done in whole.rounds]
    assert losses[-1] < 0.75 * losses[0]
    resumed = Engine(make_training(24))
    middle = next(state for state in states if state["step"] >= 12)
    resumed.restore(middle)
    assert resumed.step == middle["step"]
    network = resumed.run(on_event=lambda event: None, save=lambda state: None)
    for name, value in whole.best.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, atol=1e-6, rtol=0)
