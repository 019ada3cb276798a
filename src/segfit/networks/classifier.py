"""The segmentation network: image → logits of k outputs at every fourth or second pixel.

Shapes: ``N`` images, ``H, W`` their size (multiples of 32), ``h, w`` that divided by the output
stride, ``K`` outputs, ``F`` features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segfit.classification.classify import OBJECT_MAPS
from segfit.errors import SegfitError
from segfit.model.architecture import ClassifierArchitecture
from segfit.networks.blocks import separable_conv
from segfit.networks.decoders import BranchedDecoder, PyramidDecoder
from segfit.networks.encoders import build_encoder
from segfit.networks.network import Axes, Input, Network, NetworkKind


class Classifier(Network):
    """Encoder, pyramid decoder, and a fully connected layer at every position.

    With branches, the score of a class is the sum of its branch's own and that of the whole.

    Takes uint8 images (N, H, W, 3) and normalises them itself, so that training, export and
    prediction cannot differ in how they prepare an image.
    """

    architecture: ClassifierArchitecture

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
        self.squeezers = nn.ModuleList()
        """Of the networks that go by features, where the architecture has ``squeezed``."""
        mean, std = self.encoder.mean, self.encoder.std
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Map (N, H, W, 3) uint8 to logits and, if any, object maps and features behind them.

        Where features are squeezed, the second answer is what they were like, see ``describe``.
        """
        logits, maps, features = self.score(images)
        parts = [logits] if maps is None else [logits, maps]
        if self.architecture.squeezed:
            squeezed = [squeeze(features) for squeeze in self.squeezers]
            return torch.cat([*parts, *squeezed], dim=1), describe(features)  # (N, K + 3 + S, h, w)
        if self.architecture.gives_features:
            parts.append(features)
        return logits if len(parts) == 1 else torch.cat(parts, dim=1)  # (N, K + 3 + F, h, w)

    def inputs(self) -> dict[str, Input]:
        """Images."""
        example = torch.zeros((1, 64, 64, 3), dtype=torch.uint8)
        return {"images": Input(example, {1: "height", 2: "width"})}

    def outputs(self) -> dict[str, Axes]:
        """Logits, and what is behind them; what features were like, where they are squeezed."""
        figures: dict[str, Axes] = {"figures": {}} if self.architecture.squeezed else {}
        return {"logits": {2: "h", 3: "w"}, **figures}

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


def describe(features: Tensor) -> Tensor:
    """Mean and standard deviation of each feature (1, F, h, w) over the image, (2, F)."""
    cells = features.shape[2] * features.shape[3]
    mean = features.mean(dim=(2, 3))
    # A norm needs no squares of all features in memory.
    square = torch.linalg.vector_norm(features, dim=(2, 3)) ** 2 / cells
    return torch.cat([mean, (square - mean**2).clamp(min=0).sqrt()])


NETWORK = NetworkKind(ClassifierArchitecture, Classifier)
