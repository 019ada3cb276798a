"""Decoders: an encoder's feature maps → feature vectors at the finest of their strides.

Shapes: ``N`` images; ``h, w`` their size divided by the output stride; ``F`` features, ``D`` the
decoder's width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.model.architecture import Branch
from segfit.networks.blocks import ConvNorm, separable_conv


class PyramidDecoder(nn.Module):
    """Feature maps of an encoder → feature vectors at the finest stride, with global context.

    Top-down addition as in a feature pyramid network (Lin et al., 2017); the mean over the whole
    image is added at the top, as in ParseNet (Liu et al., 2015).
    """

    def __init__(self, channels: tuple[int, ...], *, width: int, features: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(ConvNorm(c, width) for c in channels)
        self.context = nn.Conv2d(channels[-1], width, 1)
        self.smoothing = nn.ModuleList(separable_conv(width, width) for _ in channels[1:])
        self.fuse = separable_conv(width, features)

    def forward(self, taps: list[Tensor]) -> Tensor:
        """Map feature maps, finest first, each half of the one before, to (N, F, h, w)."""
        coarsest = taps[-1]
        x = self.laterals[-1](coarsest) + self.context(coarsest.mean((2, 3), keepdim=True))
        for lateral, smooth, tap in zip(
            reversed(self.laterals[:-1]), reversed(self.smoothing), reversed(taps[:-1]), strict=True
        ):
            x = smooth(x)
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = x + lateral(tap)  # (N, D, …) of this level
        features: Tensor = self.fuse(F.relu(x))  # (N, F, h, w)
        return features


class BranchedDecoder(nn.Module):
    """Branches for different classes' features, merged at the end.

    Each branch is a pyramid of its own on the same encoder and scores its classes; a fusion layer
    makes of all branches' feature vectors those of the whole, at the finest branch's stride.
    """

    def __init__(
        self,
        branches: tuple[Branch, ...],
        *,
        strides: tuple[int, ...],
        channels: tuple[int, ...],
        features: int,
    ) -> None:
        super().__init__()
        self.branches = branches
        self.firsts = [strides.index(branch.stride) for branch in branches]
        self.pyramids = nn.ModuleList(
            PyramidDecoder(channels[first:], width=branch.width, features=branch.width)
            for branch, first in zip(branches, self.firsts, strict=True)
        )
        self.scorers = nn.ModuleList(
            nn.Conv2d(branch.width, len(branch.classes), 1) for branch in branches
        )
        total = sum(branch.width for branch in branches)
        self.fuse = ConvNorm(total, features, activation=nn.ReLU(inplace=True))

    def forward(self, taps: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Map all feature maps of the encoder, finest first, to (N, F, h, w) and branch scores.

        The scores are (N, classes, h, w) of each branch, at the output stride.
        """
        finest = min(branch.stride for branch in self.branches)
        features, scores = [], []
        parts = zip(self.branches, self.firsts, self.pyramids, self.scorers, strict=True)
        for branch, first, pyramid, scorer in parts:
            own = pyramid(taps[first:])
            both = torch.cat([own, scorer(own)], dim=1)  # (N, width + classes, …)
            if branch.stride > finest:
                factor = branch.stride / finest
                both = F.interpolate(
                    both, scale_factor=factor, mode="bilinear", align_corners=False
                )
            features.append(both[:, : branch.width])
            scores.append(both[:, branch.width :])
        return self.fuse(torch.cat(features, dim=1)), scores
