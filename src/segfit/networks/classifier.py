"""The segmentation network: image → logits of k outputs at every fourth or second pixel.

Shapes: ``N`` images, ``H, W`` their size (multiples of 32), ``h, w`` that divided by the output
stride, ``K`` outputs, ``F`` features, ``D`` the decoder's width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.classification.classify import OBJECT_MAPS
from segfit.errors import SegfitError
from segfit.model.architecture import Branch, ClassifierArchitecture
from segfit.networks.blocks import ConvNorm, separable_conv
from segfit.networks.encoders import build_encoder


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


class Classifier(nn.Module):
    """Encoder, pyramid decoder, and a fully connected layer at every position.

    With branches, the score of a class is the sum of its branch's own and that of the whole.

    Takes uint8 images (N, H, W, 3) and normalises them itself, so that training, export and
    prediction cannot differ in how they prepare an image.
    """

    def __init__(self, architecture: ClassifierArchitecture, *, pretrained: bool = False) -> None:
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
        self.decoder: PyramidDecoder | BranchedDecoder
        if architecture.branches:
            self.decoder = BranchedDecoder(
                architecture.branches,
                strides=self.encoder.strides,
                channels=self.encoder.channels,
                features=architecture.feature_width,
            )
        else:
            self.decoder = PyramidDecoder(
                self.encoder.channels[self.finest :],
                width=architecture.decoder_width,
                features=architecture.feature_width,
            )
        self.dropout = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(architecture.feature_width, architecture.outputs, 1)
        self.object_head = (
            nn.Sequential(
                separable_conv(architecture.feature_width, architecture.feature_width),
                nn.Conv2d(architecture.feature_width, OBJECT_MAPS, 1),
            )
            if architecture.has_objects
            else None
        )
        mean, std = self.encoder.mean, self.encoder.std
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, H, W, 3) uint8 to logits and object maps, if any, (N, K + 3, h, w)."""
        logits, maps, _ = self.score(images)
        return logits if maps is None else torch.cat([logits, maps], dim=1)

    def score(self, images: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Map (N, H, W, 3) uint8 to logits (N, K, h, w), object maps and features (N, F, h, w).

        The maps (N, 3, h, w) are those of ``Scores.object_maps``, None without a head for them.
        """
        # Normalised first: the runtime then finds the layout that its convolutions want.
        x = (images.to(self.head.weight.dtype) - self.mean) / self.std
        x = x.permute(0, 3, 1, 2)  # (N, 3, H, W)
        taps = self.encoder(x)
        if isinstance(self.decoder, BranchedDecoder):
            features, of_branches = self.decoder(taps)
            logits = self._merge(self.head(self.dropout(features)), of_branches)
        else:
            features = self.decoder(taps[self.finest :])
            logits = self.head(self.dropout(features))  # (N, K, h, w)
        maps = None if self.object_head is None else self.object_head(features)
        return logits, maps, features

    def _merge(self, logits: Tensor, of_branches: list[Tensor]) -> Tensor:
        """Add to each class's score (N, K, h, w) what its branches say of it."""
        planes = list(logits.unbind(dim=1))
        for branch, scores in zip(self.architecture.branches, of_branches, strict=True):
            for index, own in zip(branch.classes, scores.unbind(dim=1), strict=True):
                planes[index] = planes[index] + own
        return torch.stack(planes, dim=1)


class FeatureClassifier(Classifier):
    """A classifier that gives the feature vectors, too: what a regression network goes by."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, H, W, 3) uint8 to logits, object maps and features, (N, K + 3 + F, h, w)."""
        return torch.cat([part for part in self.score(images) if part is not None], dim=1)
