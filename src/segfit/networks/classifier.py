"""The segmentation network: picture → logits of k outputs at every fourth or second pixel.

Shapes: ``N`` pictures, ``H, W`` their size (multiples of 32), ``h, w`` that divided by the output
stride, ``K`` outputs, ``F`` features, ``D`` the decoder's width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.architecture import Architecture
from segfit.errors import SegfitError
from segfit.networks.blocks import ConvNorm, separable_conv
from segfit.networks.encoders import build_encoder


class PyramidDecoder(nn.Module):
    """Feature maps of an encoder → feature vectors at the finest stride, with global context.

    Top-down addition as in a feature pyramid network (Lin et al., 2017); the mean over the whole
    picture is added at the top, as in ParseNet (Liu et al., 2015).
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


class Classifier(nn.Module):
    """Encoder, pyramid decoder, and a fully connected layer at every position.

    Takes uint8 pictures (N, H, W, 3) and normalises them itself, so that training, export and
    prediction cannot differ in how they prepare a picture.
    """

    def __init__(self, architecture: Architecture, *, pretrained: bool = False) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = build_encoder(
            architecture.encoder, widths=architecture.widths, pretrained=pretrained
        )
        stride = architecture.output_stride
        if stride not in self.encoder.strides:
            raise SegfitError(
                f"{architecture.encoder} has no features at stride {stride}: set output_stride=4"
            )
        self.finest = self.encoder.strides.index(stride)
        self.decoder = PyramidDecoder(
            self.encoder.channels[self.finest :],
            width=architecture.decoder_width,
            features=architecture.feature_width,
        )
        self.dropout = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(architecture.feature_width, architecture.outputs, 1)
        mean, std = self.encoder.mean, self.encoder.std
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, H, W, 3) uint8 to logits (N, K, h, w)."""
        return self.score(pictures)[0]

    def score(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, H, W, 3) uint8 to logits (N, K, h, w) and their features (N, F, h, w)."""
        # Normalised first: the runtime then finds the layout that its convolutions want.
        x = (pictures.to(self.head.weight.dtype) - self.mean) / self.std
        x = x.permute(0, 3, 1, 2)  # (N, 3, H, W)
        features = self.decoder(self.encoder(x)[self.finest :])
        logits: Tensor = self.head(self.dropout(features))  # (N, K, h, w)
        return logits, features


class FeatureClassifier(Classifier):
    """A classifier that gives the feature vectors, too: what a regression network goes by."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, H, W, 3) uint8 to logits and features, (N, K + F, h, w)."""
        return torch.cat(self.score(pictures), dim=1)
