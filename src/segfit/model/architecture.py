"""What a segmentation network is built like; a description that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PLAIN_WIDTHS: tuple[tuple[int, ...], ...] = ((16,), (32, 32), (64, 64), (96, 96), (128, 128))


@dataclass(frozen=True)
class Branch:
    """A part of a classifier's decoder that serves some of the classes.

    ``classes``: their indices. ``stride``: working pixels per cell of the branch. ``width``:
    channels of its pyramid.
    """

    classes: tuple[int, ...]
    stride: Literal[2, 4, 8]
    width: int = 64


@dataclass(frozen=True)
class ClassifierArchitecture:
    """All that it takes to build a classifier; kept in the model file.

    ``outputs``: 1 for background/foreground, else the number of classes. ``widths``: layers of the
    ``plain`` encoder, one tuple per stride 2, 4, 8, 16, 32. ``decoder_width``: channels of the
    pyramid. ``feature_width``: length of the feature vector at each position, before the fully
    connected layer. ``output_stride``: working pixels per cell of the score grid. ``has_objects``:
    whether a second head tells objects apart. ``branches``: of the decoder, where it has any; the
    finest one works at the output stride.
    """

    outputs: int
    encoder: str = "efficientnet-lite0"
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS
    decoder_width: int = 96
    feature_width: int = 64
    output_stride: Literal[2, 4] = 4
    has_objects: bool = False
    branches: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class OutlineArchitecture:
    """All that it takes to build a regression network; kept in the model file.

    ``strip_points``: samples across an outline at each vertex. ``width``: channels of the layers
    along the outline. ``features``: length of the classifier's feature vectors, 0 for a regressor
    that works without a classifier; ``squeezed``: channels that they are reduced to.
    ``has_objects``: whether the classifier tells objects apart, so that a border between two of one
    class is where its offsets change direction.
    """

    features: int = 0
    has_objects: bool = False
    strip_points: int = 17
    width: int = 64
    squeezed: int = 8


@dataclass(frozen=True)
class BoxArchitecture:
    """All that it takes to build a network that moves the edges of rectangles.

    ``grid_points``: samples along either side of a rectangle and its margins. ``width``: channels
    of the convolutions. ``features``, ``squeezed``: as in ``OutlineArchitecture``.
    """

    features: int = 0
    grid_points: int = 16
    width: int = 32
    squeezed: int = 8
