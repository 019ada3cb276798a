"""Stacked convolutions, trained from scratch: the encoder to add layers to."""

from __future__ import annotations

from torch import Tensor, nn

from segfit.errors import SegfitError
from segfit.networks.blocks import ConvNorm
from segfit.networks.encoders import STRIDES, EncoderSettings, Normalisation


class PlainEncoder(nn.Module):
    """Stacked 3×3 convolutions, trained from scratch; a number in ``widths`` is a layer.

    ``widths`` lists one tuple of layer widths per stride 2, 4, 8, 16, 32; the first layer of each
    halves the resolution.
    """

    strides = STRIDES
    mean: Normalisation = (127.0, 127.0, 127.0)
    std: Normalisation = (64.0, 64.0, 64.0)
    pretrainable = False

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


def build(settings: EncoderSettings) -> PlainEncoder:
    """The network with layers as wide as the settings say."""
    return PlainEncoder(settings.widths)
