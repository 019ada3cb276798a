"""The networks of the timm library."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from segfit.errors import SegfitError
from segfit.networks.encoders import STRIDES, EncoderSettings, Normalisation


class TimmEncoder(nn.Module):
    """Any network of the timm library that gives features at strides 4, 8, 16 and 32, maybe 2."""

    mean: Normalisation = (123.675, 116.28, 103.53)
    std: Normalisation = (58.395, 57.12, 57.375)
    pretrainable = True

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


def build(settings: EncoderSettings) -> TimmEncoder:
    """The library's network of the name."""
    return TimmEncoder(settings.name, pretrained=settings.pretrained)
