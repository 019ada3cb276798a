"""Networks of other libraries, trained and run as our classifier is.

A U-Net, an FPN and SegFormer's decoder stand on our encoder, pretrained and frozen alike.
DeepLabV3+, SegFormer-B0 and LR-ASPP are as people take them, on encoders of their own that begin
without ImageNet weights, since these cannot be had as packages. Those of
``segmentation_models_pytorch`` and torchvision need an environment that has them.

Shapes: ``N`` images, ``H, W`` their size (multiples of 32), ``K`` outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segfit.classes import ClassTable
from segfit.model.architecture import ClassifierArchitecture
from segfit.networks.encoders.efficientnet_lite0 import EfficientNetLite0
from segfit.networks.network import Network
from segfit.training.plan.plan import Plan
from unet_peer import Unet, in_training

SPREAD = (0.229, 0.224, 0.225)
CENTER = (0.485, 0.456, 0.406)


class Peer(Network):
    """A network of another library; takes images as our classifier does, and scores every pixel.

    ``encoder``: the part that learns at a rate of its own where it was trained before.
    """

    def __init__(self, body: nn.Module, encoder: nn.Module, outputs: int) -> None:
        super().__init__()
        self.architecture = ClassifierArchitecture(outputs=outputs)
        self.body = body
        # Not registered twice: its weights are those of the body.
        self.__dict__["encoder"] = encoder
        own = isinstance(encoder, EfficientNetLite0)
        self.mean: Tensor
        self.std: Tensor
        for name, values in (
            ("mean", encoder.mean if own else [255 * value for value in CENTER]),
            ("std", encoder.std if own else [255 * value for value in SPREAD]),
        ):
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, H, W, 3) uint8 to logits (N, K, H, W)."""
        x = (images.to(self.mean.dtype) - self.mean) / self.std
        answer = self.body(x.permute(0, 3, 1, 2))
        logits: Tensor = answer["out"] if isinstance(answer, dict) else answer
        return logits

    def score(self, images: Tensor) -> tuple[Tensor, None, None]:
        """What ``Classifier.score`` gives: the logits, no object maps, and no features."""
        return self(images), None, None


class OurEncoder(nn.Module):
    """Our encoder as the decoders of ``segmentation_models_pytorch`` want one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.encoder.load_imagenet()
        self.out_channels = [3, *self.encoder.channels]
        self.output_stride = 32

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to itself and the feature maps of all strides."""
        return [x, *self.encoder(x)]


def on_our_encoder(kind: str, outputs: int) -> Peer:
    """A model of ``segmentation_models_pytorch`` with our encoder in the place of the same one."""
    import segmentation_models_pytorch as smp

    body = getattr(smp, kind)("tu-tf_efficientnet_lite0", encoder_weights=None, classes=outputs)
    body.encoder = OurEncoder()
    return Peer(body, body.encoder.encoder, outputs)


def of_smp(kind: str, encoder: str, outputs: int) -> Peer:
    """A model of ``segmentation_models_pytorch`` with an encoder that has learned nothing."""
    import segmentation_models_pytorch as smp

    body = getattr(smp, kind)(encoder, encoder_weights=None, classes=outputs)
    body.encoder.pretrainable = False
    return Peer(body, body.encoder, outputs)


def of_torchvision(outputs: int) -> Peer:
    """LR-ASPP on MobileNetV3-Large, which has learned nothing."""
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    body = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=outputs)
    body.backbone.pretrainable = False
    return Peer(body, body.backbone, outputs)


@dataclass(frozen=True)
class PeerKind:
    """A peer's title in tables, and what builds it for so many outputs."""

    title: str
    build: Callable[[int], Peer | Unet]
    is_pretrained: bool = True


PEERS = {
    "unet": PeerKind("U-Net, our encoder", Unet),
    "fpn": PeerKind("FPN, our encoder", lambda outputs: on_our_encoder("FPN", outputs)),
    "segformer-head": PeerKind(
        "SegFormer's decoder, our encoder", lambda outputs: on_our_encoder("Segformer", outputs)
    ),
    "segformer-b0": PeerKind(
        "SegFormer-B0", lambda outputs: of_smp("Segformer", "mit_b0", outputs), False
    ),
    "deeplabv3plus": PeerKind(
        "DeepLabV3+, MobileNetV2",
        lambda outputs: of_smp("DeepLabV3Plus", "tu-mobilenetv2_100", outputs),
        False,
    ),
    "lraspp": PeerKind("LR-ASPP, MobileNetV3-Large", of_torchvision, False),
}


def peer_in_training(kind: PeerKind) -> AbstractContextManager[None]:
    """Inside, ``ClassifierTraining`` trains the peer instead of our network."""

    def build(plan: Plan, classes: ClassTable) -> nn.Module:
        network = kind.build(1 if classes.is_binary else len(classes))
        if kind.is_pretrained:
            network.encoder.freeze_statistics()
            network.encoder.freeze_stages(plan.frozen_stages)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    return in_training(build)
