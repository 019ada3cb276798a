"""What the networks of a model are built like; descriptions that need no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

PLAIN_WIDTHS: tuple[tuple[int, ...], ...] = ((16,), (32, 32), (64, 64), (96, 96), (128, 128))


class Architecture:
    """All that it takes to build a network; kept in the model file.

    ``NAME``: of the network in cards, model files and sessions. ``GOES_WITH``: networks without
    which it is of no use. ``MAY_BE_ROUGH``: whether numbers right to two digits do for its answers.
    As a string, it says in a few words what the network does.
    """

    NAME: ClassVar[str]
    GOES_WITH: ClassVar[tuple[str, ...]] = ()
    MAY_BE_ROUGH: ClassVar[bool] = False

    @property
    def needs_features(self) -> bool:
        """Whether the network goes by a classifier's features."""
        return False


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
class ClassifierArchitecture(Architecture):
    """All that it takes to build a classifier.

    ``outputs``: 1 for background/foreground, else the number of classes. ``widths``: layers of the
    ``plain`` encoder, one tuple per stride 2, 4, 8, 16, 32. ``decoder_width``: channels of the
    pyramid. ``feature_width``: length of the feature vector at each position, before the fully
    connected layer. ``output_stride``: working pixels per cell of the score grid. ``has_objects``:
    whether a second head tells objects apart. ``branches``: of the decoder, where it has any; the
    finest one works at the output stride. ``gives_features``: whether the feature vectors are an
    answer, too, for networks that go by them. ``squeezed``: how many numbers it gives of each
    vector instead, what these networks squeeze it to; 0 for the vectors themselves.
    """

    NAME = "classifier"
    MAY_BE_ROUGH = True

    outputs: int
    encoder: str = "efficientnet-lite0"
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS
    decoder_width: int = 96
    feature_width: int = 64
    output_stride: Literal[2, 4] = 4
    has_objects: bool = False
    branches: tuple[Branch, ...] = ()
    gives_features: bool = False
    squeezed: int = 0

    @property
    def described_planes(self) -> int:
        """Planes of the scores by which an image is known as like or unlike others."""
        return self.feature_width if self.gives_features else self.outputs

    def __str__(self) -> str:
        return f"{self.encoder}, scores every {self.output_stride} px"


@dataclass(frozen=True)
class ReaderArchitecture(Architecture):
    """Of a network that may go by a classifier's features.

    ``features``: length of the classifier's feature vectors, 0 for a network that works without a
    classifier; ``squeezed``: channels that they are reduced to. ``squeezed_at``: where, among the
    numbers that the classifier gives instead of features, those of this network begin; None for one
    that is given the features themselves.
    """

    features: int = 0
    squeezed: int = 8
    squeezed_at: int | None = None

    @property
    def needs_features(self) -> bool:
        """Whether the network goes by a classifier's features."""
        return self.features > 0

    @property
    def sees(self) -> slice:
        """Which of the planes that a classifier gives of its features the network looks at."""
        if self.squeezed_at is None:
            return slice(None)
        return slice(self.squeezed_at, self.squeezed_at + self.squeezed)

    @property
    def seen_planes(self) -> int:
        """How many these are."""
        return self.features if self.squeezed_at is None else self.squeezed


@dataclass(frozen=True)
class OutlineArchitecture(ReaderArchitecture):
    """All that it takes to build a network that moves outlines.

    ``strip_points``: samples across an outline at each vertex, an odd number. ``dilations``: a
    layer each, how many vertices to either side it looks at. ``width``: channels
    of the layers along the outline.
    ``has_objects``: whether the classifier tells objects apart, so that a border between two of one
    class is where its offsets change direction.
    ``shrinkage``: an offset is divided by 1 + (shrinkage · its error)², so that vertices move less
    where the network is less sure.
    """

    NAME = "regressor"

    has_objects: bool = False
    strip_points: int = 17
    dilations: tuple[int, ...] = (1, 1, 2, 4, 8)
    width: int = 64
    shrinkage: float = 0.0

    def __str__(self) -> str:
        return f"{self.strip_points} points across outlines"


@dataclass(frozen=True)
class BoxArchitecture(ReaderArchitecture):
    """All that it takes to build a network that moves the edges of boxes.

    ``grid_points``: samples along either side of a box and its margins. ``width``: channels
    of the convolutions.
    """

    NAME = "box_regressor"
    GOES_WITH = (OutlineArchitecture.NAME,)

    grid_points: int = 16
    width: int = 32

    def __str__(self) -> str:
        return f"{self.grid_points}×{self.grid_points} points over boxes"


@dataclass(frozen=True)
class EncoderArchitecture(Architecture):
    """All that it takes to build an encoder that gives its features as they are.

    ``encoder``: one whose features are at strides 2, 4, 8, 16 and no others.
    """

    NAME = "encoder"

    encoder: str = "efficientnet-lite0-short"

    def __str__(self) -> str:
        return f"{self.encoder}, its features at strides 2 to 16"


ARCHITECTURES: dict[str, type[Architecture]] = {
    kind.NAME: kind
    for kind in (ClassifierArchitecture, OutlineArchitecture, BoxArchitecture, EncoderArchitecture)
}
"""Of every network that a model may have, by its name, in the order of the path of an image."""
