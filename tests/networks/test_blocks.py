"""The layers that every network is built of."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segfit.networks.blocks import ConvNorm, SameConv, separable_conv


def make_lively_conv_norm(**options):
    """A layer whose normalisation differs from the identity in all its four vectors."""
    torch.manual_seed(0)
    layer = ConvNorm(3, 5, **options)
    with torch.no_grad():
        layer.norm.weight.uniform_(0.5, 1.5)
        layer.norm.bias.uniform_(-1, 1)
        layer.norm.running_mean.uniform_(-1, 1)
        layer.norm.running_var.uniform_(0.5, 2)
    return layer


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("size", [(6, 6), (5, 8)])
def test_stride_one_keeps_the_size(kernel, size):
    conv = SameConv(3, 2, kernel=kernel)
    y = conv.apply_weight(torch.zeros(1, 3, *size), conv.weight, None)
    assert y.shape == (1, 2, *size)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_stride_two_halves_an_even_size(kernel):
    conv = SameConv(3, 2, kernel=kernel, stride=2)
    assert conv.apply_weight(torch.zeros(1, 3, 6, 8), conv.weight, None).shape == (1, 2, 3, 4)


def test_stride_two_pads_below_and_to_the_right_as_tensorflow_does():
    conv = SameConv(1, 1, kernel=3, stride=2)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    top_left = torch.zeros(1, 1, 3, 3)
    top_left[..., 0, 0] = 1  # picks the first pixel that a window sees
    y = conv.apply_weight(image, top_left, None)
    assert y[0, 0].tolist() == [[0, 2], [8, 10]]


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_folded_layer_equals_convolution_and_normalisation(kernel, stride):
    layer = make_lively_conv_norm(kernel=kernel, stride=stride, activation=nn.ReLU()).eval()
    x = torch.randn(2, 3, 8, 8)
    y = layer.norm(layer.conv.apply_weight(x, layer.conv.weight, None))
    torch.testing.assert_close(layer(x), F.relu(y), atol=1e-5, rtol=1e-5)


def test_frozen_layer_computes_in_training_as_in_evaluation_and_keeps_its_statistics():
    layer = make_lively_conv_norm(kernel=3)
    x = torch.randn(2, 3, 8, 8)
    expected = layer.eval()(x)
    mean, variance = layer.norm.running_mean.clone(), layer.norm.running_var.clone()
    layer.frozen = True
    y = layer.train()(x)
    torch.testing.assert_close(y, expected, atol=0, rtol=0)
    assert torch.equal(layer.norm.running_mean, mean)
    assert torch.equal(layer.norm.running_var, variance)


def test_frozen_layer_still_learns_scale_shift_and_weight():
    layer = make_lively_conv_norm(kernel=3)
    layer.frozen = True
    layer.train()(torch.randn(2, 3, 8, 8)).square().sum().backward()
    for parameter in (layer.conv.weight, layer.norm.weight, layer.norm.bias):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_training_follows_the_batch_unless_frozen():
    layer = make_lively_conv_norm(kernel=3)
    before = layer.norm.running_mean.clone()
    y = layer.train()(torch.randn(4, 3, 8, 8))
    assert not torch.equal(layer.norm.running_mean, before)
    torch.testing.assert_close(y.mean((0, 2, 3)), layer.norm.bias, atol=1e-5, rtol=1e-5)


def test_separable_convolution_is_a_filter_per_channel_and_a_mixture_of_channels():
    layers = separable_conv(64, 32)
    assert [p.numel() for p in layers.parameters() if p.ndim > 1] == [64 * 9, 64 * 32]
    assert layers(torch.zeros(2, 64, 5, 7)).shape == (2, 32, 5, 7)
