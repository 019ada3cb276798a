"""EfficientNet-Lite0 without its last stages, in which most of its weights are."""

from __future__ import annotations

from segfit.networks.encoders import EncoderSettings, efficientnet_lite0


def build(settings: EncoderSettings) -> efficientnet_lite0.EfficientNetLite0:
    """The network up to stride 16."""
    return efficientnet_lite0.build(settings, short=True)
