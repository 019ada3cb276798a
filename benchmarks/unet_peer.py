"""The peer: a U-Net with our encoder, as segmentation_models_pytorch builds it.

Its decoder (Ronneberger et al., 2015; ``smp.Unet`` with its default widths) doubles the resolution
five times, nearest neighbour, joins the encoder's features of the new size where there are any, and
convolves twice; the 3×3 head works at full resolution.

Shapes: ``N`` images, ``H, W`` their size (multiples of 32), ``K`` outputs.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.classes import ClassTable
from segfit.model.architecture import ClassifierArchitecture
from segfit.networks.encoders.efficientnet_lite0 import EfficientNetLite0
from segfit.networks.network import Network
from segfit.training import classifier as training
from segfit.training.plan.plan import Plan

DECODER_CHANNELS = (256, 128, 64, 32, 16)
OPSET = 18


def conv_norm_relu(c_in: int, c_out: int) -> nn.Sequential:
    """``smp.base.modules.Conv2dReLU`` with its initial weights."""
    conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
    nn.init.kaiming_uniform_(conv.weight, mode="fan_in", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))


class DecoderBlock(nn.Module):
    """Twice the resolution, joined with the encoder's features of that size."""

    def __init__(self, c_in: int, c_skip: int, c_out: int) -> None:
        super().__init__()
        self.first = conv_norm_relu(c_in + c_skip, c_out)
        self.second = conv_norm_relu(c_out, c_out)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """Map (N, C, h, w) and (N, C', 2h, 2w) to (N, C'', 2h, 2w)."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        y: Tensor = self.second(self.first(x))
        return y


class Unet(Network):
    """Encoder, U-Net decoder and head; takes images as our classifier does."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.architecture = ClassifierArchitecture(outputs=outputs)
        self.encoder = EfficientNetLite0()
        self.encoder.load_imagenet()
        *finer, coarsest = self.encoder.channels
        skips = (*reversed(finer), 0)
        inputs = (coarsest, *DECODER_CHANNELS[:-1])
        self.blocks = nn.ModuleList(
            DecoderBlock(c_in, c_skip, c_out)
            for c_in, c_skip, c_out in zip(inputs, skips, DECODER_CHANNELS, strict=True)
        )
        self.head = nn.Conv2d(DECODER_CHANNELS[-1], outputs, 3, padding=1)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.mean: Tensor
        self.std: Tensor
        for name, value in (("mean", self.encoder.mean), ("std", self.encoder.std)):
            self.register_buffer(name, torch.tensor(value), persistent=False)

    def score(self, images: Tensor) -> tuple[Tensor, None, None]:
        """What ``Classifier.score`` gives: the logits, no object maps, and no features."""
        return self(images), None, None

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, H, W, 3) uint8 to logits (N, K, H, W)."""
        x = (images.to(self.head.weight.dtype) - self.mean) / self.std
        *skips, x = self.encoder(x.permute(0, 3, 1, 2))
        for block, skip in zip(self.blocks, (*reversed(skips), None), strict=True):
            x = block(x, skip)
        logits: Tensor = self.head(x)  # (N, K, H, W)
        return logits


def build_unet(plan: Plan, classes: ClassTable) -> Unet:
    """What ``training.classifier.build_network`` does, for the peer."""
    network = Unet(1 if classes.is_binary else len(classes))
    network.encoder.freeze_statistics()
    network.encoder.freeze_stages(plan.frozen_stages)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@contextmanager
def in_training(build: Callable[[Plan, ClassTable], nn.Module]) -> Iterator[None]:
    """Inside, ``ClassifierTraining`` trains what is built so instead of our network."""
    with patch.object(training, "build_network", build):
        yield


def unet_in_training() -> AbstractContextManager[None]:
    """Inside, ``ClassifierTraining`` trains the U-Net instead of our network."""
    return in_training(build_unet)


def export_peer(network: nn.Module, *, height: int, width: int, any_size: bool = False) -> bytes:
    """ONNX for images of one size, a peer's best case, or of any with sides of multiples of 32."""
    sides = {"images": {1: "height", 2: "width"}, "logits": {2: "height", 3: "width"}}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The tracing exporter says that it is the older one.
        torch.onnx.export(
            network.cpu().eval(),
            (torch.zeros((1, height, width, 3), dtype=torch.uint8),),
            buffer,
            dynamo=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes=sides if any_size else None,
            opset_version=OPSET,
        )
    return buffer.getvalue()
