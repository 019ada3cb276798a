"""An encoder by itself: image → features at several strides, for learners that go by them.

Shapes: ``N`` images, ``H, W`` their size (multiples of 16), ``C`` channels of a stride.
"""

from __future__ import annotations

import torch
from torch import Tensor

from segfit.model.architecture import EncoderArchitecture
from segfit.networks.encoders import build_encoder
from segfit.networks.network import Axes, Input, Network, NetworkKind


class FeatureEncoder(Network):
    """An encoder that takes uint8 images (N, H, W, 3) and normalises them itself."""

    architecture: EncoderArchitecture

    def __init__(self, architecture: EncoderArchitecture, *, pretrained: bool = False) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = build_encoder(architecture.encoder, pretrained=pretrained)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(self.encoder.mean), persistent=False)
        self.register_buffer("std", torch.tensor(self.encoder.std), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map (N, H, W, 3) uint8 to features (N, C, H / s, W / s) at each stride s."""
        x = (images.to(self.mean.dtype) - self.mean) / self.std
        return tuple(self.encoder(x.permute(0, 3, 1, 2)))

    def inputs(self) -> dict[str, Input]:
        """Images."""
        example = torch.zeros((1, 64, 64, 3), dtype=torch.uint8)
        return {"images": Input(example, {1: "height", 2: "width"})}

    def outputs(self) -> dict[str, Axes]:
        """Features at each stride, the finest first."""
        return {
            f"stride_{stride}": {2: f"h{stride}", 3: f"w{stride}"}
            for stride in self.encoder.strides
        }


NETWORK = NetworkKind(EncoderArchitecture, FeatureEncoder)
"""The encoder that learners from strokes go by."""
