"""What a segmentation network is built like; a description that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PLAIN_WIDTHS: tuple[tuple[int, ...], ...] = ((16,), (32, 32), (64, 64), (96, 96), (128, 128))


@dataclass(frozen=True)
class Architecture:
    """All that it takes to build a classifier; kept in the model file.

    ``outputs``: 1 for background/foreground, else the number of classes. ``widths``: layers of the
    ``plain`` encoder, one tuple per stride 2, 4, 8, 16, 32. ``decoder_width``: channels of the
    pyramid. ``feature_width``: length of the feature vector at each position, before the fully
    connected layer. ``output_stride``: working pixels per cell of the score grid.
    """

    outputs: int
    encoder: str = "efficientnet-lite0"
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS
    decoder_width: int = 96
    feature_width: int = 64
    output_stride: Literal[2, 4] = 4


@dataclass(frozen=True)
class RegressorArchitecture:
    """All that it takes to build a regression network; kept in the model file.

    ``strip_points``: samples across an outline at each vertex. ``width``: channels of the layers
    along the outline. ``features``: length of the classifier's feature vectors, 0 for a regressor
    that works without a classifier; ``squeezed``: channels that they are reduced to.
    """

    features: int = 0
    strip_points: int = 17
    width: int = 64
    squeezed: int = 8


@dataclass(frozen=True)
class BoxArchitecture:
    """All that it takes to build a network that moves the edges of rectangles.

    ``grid_points``: samples along either side of a rectangle and its margins. ``width``: channels
    of the convolutions. ``features``, ``squeezed``: as in ``RegressorArchitecture``.
    """

    features: int = 0
    grid_points: int = 16
    width: int = 32
    squeezed: int = 8
