"""The regression network: what it answers before and after it has learned, in every runtime."""

import numpy as np
import pytest
import torch

from runtimes import assert_runtimes_agree
from segfit.model.architecture import OutlineArchitecture
from segfit.networks.outline_regressor import CELLS_PER_UNIT, ColorDescription, OutlineRegressor

POINTS, EVIDENCE_POINTS = 17, 9


def ring(count):
    """Neighbours of vertices that lie on one closed outline."""
    places = np.arange(count)
    columns = [
        (places + sign * d) % count for d in OutlineArchitecture().dilations for sign in (-1, 1)
    ]
    return torch.from_numpy(np.stack(columns, axis=1))


def draw_inputs(count, *, features, has_objects=False, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(shape, generator=generator)

    levels = (draw(count, POINTS, 3) * 215).to(torch.uint8)
    inputs = [levels, ring(count), torch.tensor([2.0])]
    if not features:
        return [*inputs, draw(count, POINTS).sub(0.5).sign()]
    classes = torch.stack([torch.zeros(count), torch.ones(count)], dim=1).long()
    positions = draw(count, EVIDENCE_POINTS, 2) * 2 - 1
    if not has_objects:
        return [*inputs, draw(1, features + 2, 6, 8), positions, classes]
    angles = draw(count) * 2 * np.pi
    normals = torch.stack([angles.cos(), angles.sin()], dim=1)
    return [*inputs, draw(1, features + 4, 6, 8) - 0.5, positions, classes, normals]


def draw_inputs_of(network, count, **settings):
    features, has_objects = network.architecture.features, network.architecture.has_objects
    return draw_inputs(count, features=features, has_objects=has_objects, **settings)


@pytest.fixture(
    params=[{}, {"features": 5}, {"features": 5, "has_objects": True}, {"shrinkage": 0.4}],
    ids=["alone", "with a classifier", "with one that tells objects apart", "cautious"],
)
def network(request):
    torch.manual_seed(1)
    made = OutlineRegressor(OutlineArchitecture(**request.param, width=16, squeezed=4))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


@pytest.mark.parametrize("features", [0, 5])
def test_before_it_has_learned_it_moves_nothing(features):
    network = OutlineRegressor(OutlineArchitecture(features=features))
    offsets, errors = network(*draw_inputs(20, features=features))
    assert offsets.abs().max() < 1e-6
    assert (errors > 0).all()


def test_offset_is_the_mean_around_the_likeliest_point(network):
    logits = torch.full((2, POINTS), -20.0)
    logits[0, 10] = logits[0, 11] = 5.0
    logits[1, 3], logits[1, 15] = 5.0, 4.0  # the second best is far away and does not count
    np.testing.assert_allclose(network.mean_near_mode(logits), [2.5, -5.0], atol=1e-4)


def test_where_it_is_less_sure_it_moves_less():
    free, cautious = (
        OutlineRegressor(OutlineArchitecture(shrinkage=shrinkage)) for shrinkage in (0.0, 0.5)
    )
    logits, errors = torch.full((3, POINTS), -20.0), torch.tensor([0.2, 2.0, 6.0])
    logits[:, 12] = 5.0
    np.testing.assert_allclose(free.find_offset(logits, errors), [4.0] * 3, atol=1e-4)
    shortened = [4 / 1.01, 4 / 2, 4 / 10]
    np.testing.assert_allclose(cautious.find_offset(logits, errors), shortened, atol=1e-4)


def test_an_edge_looks_the_same_at_any_brightness_contrast_and_color():
    edge = torch.linspace(-8, 8, POINTS).sub(1.5).div(2).sigmoid()[None, :, None]
    change = torch.tensor([[[90.0, 30.0, -60.0]], [[45.0, 15.0, -30.0]], [[-80.0, 0.0, 0.0]]])
    _, profile, *_ = ColorDescription(POINTS)(100 + edge * change)
    torch.testing.assert_close(profile, profile[:1].expand(3, POINTS), rtol=0.02, atol=0.01)
    assert (profile.diff(dim=1) <= 0).all()
    assert 1.0 < profile[0, 0] - profile[0, -1] < 1.5


def test_a_flat_strip_has_nothing_to_show():
    colors, profile, spread, change = ColorDescription(POINTS)(torch.full((1, POINTS, 3), 7.0))
    assert colors.abs().max() < 1e-4
    assert profile.abs().max() < 1e-4
    assert torch.isfinite(spread).all()
    assert torch.isfinite(change).all()


def test_answers_do_not_depend_on_where_a_closed_outline_begins(network):
    inputs = draw_inputs_of(network, 24)
    turned = [
        tensor.roll(7, dims=0) if tensor.shape[0] == 24 and index != 1 else tensor
        for index, tensor in enumerate(inputs)
    ]
    for before, after in zip(network(*inputs), network(*turned), strict=True):
        torch.testing.assert_close(before.roll(7), after, rtol=1e-4, atol=1e-4)


def test_brightness_alone_changes_nothing(network):
    inputs = draw_inputs_of(network, 24)
    brighter = [inputs[0] + 40, *inputs[1:]]
    torch.testing.assert_close(network(*inputs)[0], network(*brighter)[0], rtol=1e-3, atol=1e-3)


def test_between_objects_of_one_class_their_centres_say_where_the_border_is():
    network = OutlineRegressor(OutlineArchitecture(features=1, has_objects=True, squeezed=1))
    columns = torch.arange(8.0) + 0.5
    offsets = torch.where(columns < 4, 2 - columns, 6 - columns)  # two objects, the border at 4
    grid = torch.zeros(1, 1 + 2 + 2, 6, 8)
    grid[:, -2] = offsets
    across = torch.tensor([2.5, 3.5, 4.5, 5.5])  # from the left object to the right one
    positions = torch.stack([across / 4 - 1, torch.zeros(4)], dim=1)[None]
    normals = torch.tensor([[1.0, 0.0]])
    classes = torch.ones(1, 2, dtype=torch.int64)
    _, margin, centres = network._look_up(grid, positions, classes, normals)
    assert not margin.any()
    torch.testing.assert_close(centres * CELLS_PER_UNIT, torch.tensor([[0.5, 1.5, -1.5, -0.5]]))
    _, _, turned = network._look_up(grid, positions.flip(1), classes, -normals)
    torch.testing.assert_close(turned, -centres.flip(1))


@pytest.mark.parametrize("count", [3, 50])
def test_runtimes_agree(network, count, tmp_path):
    inputs = draw_inputs_of(network, count, seed=count)
    assert_runtimes_agree(network, inputs, tmp_path)
