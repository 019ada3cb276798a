"""Layers that the networks are built of.

Shapes: ``N`` images, ``C`` channels, ``H, W`` the size at which a layer works.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SameConv(nn.Module):
    """Convolution without bias that keeps the size at stride 1 and halves an even size at stride 2.

    At stride 2 it pads as TensorFlow's "same" does for even inputs, the odd pixel below and to the
    right, so that weights trained there keep their meaning.
    """

    def __init__(
        self, c_in: int, c_out: int, *, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c_out, c_in // groups, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        self.stride, self.groups = stride, groups
        self.padding = kernel // 2 if stride == 1 else 0
        spare = kernel - stride
        self.edge = (spare // 2, spare - spare // 2) * 2 if stride > 1 and spare > 0 else None

    def apply_weight(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve (N, C, H, W) with this weight instead of the layer's own."""
        padded = x if self.edge is None else F.pad(x, self.edge)
        return F.conv2d(padded, weight, bias, self.stride, self.padding, groups=self.groups)


class ConvNorm(nn.Module):
    """Convolution, batch normalisation and, where given, an activation.

    With ``frozen`` statistics, and always outside training, the normalisation is a scale and a
    shift per channel that go into the convolution; in training this saves a third of a step,
    and scale and shift still learn.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        eps: float = 1e-5,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv = SameConv(c_in, c_out, kernel=kernel, stride=stride, groups=groups)
        self.norm = nn.BatchNorm2d(c_out, eps=eps)
        self.activation = activation or nn.Identity()
        self.frozen = False

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        if self.frozen or not self.training:
            y = self.conv.apply_weight(x, *self._fold())
        else:
            y = self.norm(self.conv.apply_weight(x, self.conv.weight, None))
        z: Tensor = self.activation(y)
        return z

    def _fold(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one convolution that does what both do."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        return self.conv.weight * scale[:, None, None, None], self.norm.bias - mean * scale


def separable_conv(c_in: int, c_out: int) -> nn.Sequential:
    """Depthwise 3×3, then pointwise convolution: a full one at a fraction of the price."""
    return nn.Sequential(
        ConvNorm(c_in, c_in, kernel=3, groups=c_in),
        ConvNorm(c_in, c_out, activation=nn.ReLU(inplace=True)),
    )
