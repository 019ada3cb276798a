"""What the images that a model has learned from look like to its classifier.

Shapes: ``D`` figures of an image, see ``segfit.classification.surprise``; ``R`` axes.
"""

from __future__ import annotations

from dataclasses import dataclass

from segfit.errors import SegfitError


@dataclass(frozen=True)
class Domain:
    """A Gaussian over the figures of a model's own images, and how far from its middle they lie.

    ``mean`` and ``deviation``: (D,) of each figure. ``axes``: (R, D), directions of unit length in
    which the standardised figures vary most; ``variances``: (R,) along them, ``rest`` along every
    other direction. ``bound``: the distance that 99 of 100 images like the validation images stay
    within. ``measured_on``: which images these are.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    variances: tuple[float, ...]
    rest: float
    bound: float
    measured_on: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.deviation), *map(len, self.axes)}
        if lengths != {len(self.mean)} or len(self.axes) != len(self.variances):
            raise SegfitError("domain: its mean, deviation and axes are of different lengths")
        if not min(*self.deviation, *self.variances, self.rest, self.bound) > 0:
            raise SegfitError("domain: deviations, variances and the bound are above 0")

    def __repr__(self) -> str:
        return f"<Domain of {len(self.mean)} figures, {len(self.axes)} axes>"
