"""The box network: what it answers before it has learned, and the same in every runtime."""

import pytest
import torch

from runtimes import assert_runtimes_agree
from segfit.model.architecture import BoxArchitecture
from segfit.networks.box_regressor import BoxRegressor, place_edges

GRID_POINTS = BoxArchitecture().grid_points


def draw_inputs(count, *, features, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(shape, generator=generator)

    grid = (count, GRID_POINTS, GRID_POINTS)
    inputs = [draw(*grid, 3) * 255, draw(*grid).round(), 3 + 4 * draw(count, 2)]
    if not features:
        return inputs
    numbers = torch.arange(count) % classes
    return [*inputs, draw(1, features + classes, 6, 8), draw(*grid, 2) * 2 - 1, numbers]


@pytest.fixture(params=[0, 5], ids=["alone", "with a classifier"])
def network(request):
    torch.manual_seed(1)
    made = BoxRegressor(BoxArchitecture(features=request.param, width=8, squeezed=4))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


@pytest.mark.parametrize("features", [0, 5])
def test_before_it_has_learned_it_moves_nothing(features):
    offsets, errors = BoxRegressor(BoxArchitecture(features=features))(
        *draw_inputs(6, features=features)
    )
    assert offsets.abs().max() < 1e-6
    assert (errors > 0).all()


def test_places_run_outwards_for_each_edge():
    places, _ = place_edges(16)
    falls = torch.diff(places, dim=1) < 0
    assert falls.all(dim=1).tolist() == [True, False, False, True], "top and left: smaller is out"


def test_brightness_alone_changes_nothing(network):
    inputs = draw_inputs(6, features=network.architecture.features)
    brighter = [inputs[0] + 40, *inputs[1:]]
    torch.testing.assert_close(network(*inputs)[0], network(*brighter)[0], rtol=1e-3, atol=1e-4)


def test_boxes_do_not_influence_each_other(network):
    features = network.architecture.features
    inputs = draw_inputs(6, features=features)
    alone = [tensor if tensor.shape[0] != 6 else tensor[2:3] for tensor in inputs]
    for together, single in zip(network(*inputs), network(*alone), strict=True):
        torch.testing.assert_close(together[2:3], single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 40])
def test_runtimes_agree(network, count, tmp_path):
    inputs = draw_inputs(count, features=network.architecture.features, classes=4, seed=count)
    assert_runtimes_agree(network, inputs, tmp_path)
