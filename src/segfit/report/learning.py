"""What more labelled images would bring: a curve through models that learned from fewer.

Shapes: ``P`` points of the curve, ``R`` draws, ``G`` exponents that are tried.

The error, 1 minus mean IoU, falls with the number n of images as a·n^-b + c, the power law that
learning curves follow (Hestness et al., arXiv 1712.00409); a and c are 0 or more, b one of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.errors import SegfitError
from segfit.report.intervals import LEVEL, Interval

FEWEST_POINTS = 3
"""As many as the curve has parameters."""
EXPONENTS = np.linspace(0.05, 2.0, 79)
MOST_AHEAD = 2.0
"""How far beyond the last point a curve is believed, in numbers of images."""
SHOWN = 60
"""Places at which a curve is drawn."""


@dataclass(frozen=True)
class LearningPoint:
    """Mean IoU of a model that learned from so many labelled images."""

    images: int
    mean_iou: float

    def __post_init__(self) -> None:
        if self.images < 1 or not 0 <= self.mean_iou <= 1:
            raise SegfitError(
                f"a point of the learning curve has {self.images} images and a mean IoU of "
                f"{self.mean_iou}; expected 1 image or more and 0 to 1"
            )


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Points, and what follows from them; the points alone where ``missing`` says why.

    ``numbers``, ``mean_iou``: the curve, drawn up to twice the last point's images. ``low``,
    ``high``: its interval, None where the points leave nothing to tell it from. ``more``: so many
    further images would bring ``gain`` of mean IoU.
    """

    points: tuple[LearningPoint, ...]
    missing: str = ""
    numbers: Float64Array | None = None
    mean_iou: Float64Array | None = None
    low: Float64Array | None = None
    high: Float64Array | None = None
    more: int = 0
    gain: float = 0.0
    gain_interval: Interval | None = None


def fit_learning(
    points: Sequence[LearningPoint],
    *,
    drawn: Float64Array,
    draws: int = 2000,
    seed: int = 0,
) -> LearningCurve:
    """Fit the curve, and tell what more images would bring.

    ``drawn``: (R, P), the points' mean IoU had other images been evaluated; those for which nobody
    knows that stay as they are. The interval holds that and how the points scatter about the
    curve, by Student's t with P - 3 degrees of freedom: with 3 points there is none.
    """
    order = np.argsort([point.images for point in points], kind="stable")
    points = tuple(points[place] for place in order)
    numbers = np.array([point.images for point in points], np.float64)
    different = len(np.unique(numbers))
    if different < FEWEST_POINTS:
        return LearningCurve(points, missing=describe_missing(different))
    values = np.array([point.mean_iou for point in points])
    last = numbers[-1]
    more = choose_step(int(last))
    at = np.linspace(numbers[0], MOST_AHEAD * last, SHOWN)
    asked = np.concatenate([at, [last, last + more]])
    curve = 1 - _predict(_fit(numbers, 1 - values[None]), asked)[0]
    fitted = 1 - _predict(_fit(numbers, 1 - values[None]), numbers)[0]
    spare = len(points) - FEWEST_POINTS
    low = high = gain_interval = None
    if spare:
        rng = np.random.default_rng(seed)
        scatter = np.sqrt(((values - fitted) ** 2).sum() / spare)
        noise = scatter * rng.standard_t(spare, (draws, len(points)))
        known = drawn[~np.isnan(drawn).any(axis=1)]
        moved = (known[:, order] - values)[np.arange(draws) % len(known)] if len(known) else 0.0
        others = np.clip(fitted + noise + moved, 0, 1)
        curves = 1 - _predict(_fit(numbers, 1 - others), asked)
        tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
        low, high = np.nanquantile(curves[:, :SHOWN], tails, axis=0)
        gains = curves[:, -1] - curves[:, -2]
        gain_interval = Interval(*np.nanquantile(gains, tails).tolist())
    return LearningCurve(
        points,
        numbers=at,
        mean_iou=curve[:SHOWN],
        low=low,
        high=high,
        more=more,
        gain=float(curve[-1] - curve[-2]),
        gain_interval=gain_interval,
    )


def describe_missing(different: int) -> str:
    """What is missing for a curve through so many different numbers of images."""
    known = {0: "none is known", 1: "one is known"}.get(different, f"{different} are known")
    return (
        f"A learning curve needs models that learned from {FEWEST_POINTS} different numbers of "
        f"labelled images or more; {known}, and nothing is guessed from that."
    )


def choose_step(images: int) -> int:
    """How many images more to ask about: half of those there are, a round number.

    >>> [choose_step(images) for images in (3, 20, 40, 482)]
    [1, 10, 20, 200]
    """
    half = max(1, images // 2)
    digits: int = 10 ** (len(str(half)) - 1)
    return half // digits * digits


@dataclass(frozen=True, eq=False)
class _PowerLaws:
    """Errors a·n^-b + c, each (R,)."""

    a: Float64Array
    b: Float64Array
    c: Float64Array


def _fit(numbers: Float64Array, errors: Float64Array) -> _PowerLaws:
    """The nearest power law by least squares of each row of ``errors`` (R, P)."""
    powers = numbers ** -EXPONENTS[:, None]  # (G, P)
    centred = powers - powers.mean(axis=1, keepdims=True)
    mean = errors.mean(axis=1, keepdims=True)
    slope = (errors - mean) @ (centred / (centred**2).sum(axis=1, keepdims=True)).T  # (R, G)
    slope = np.maximum(slope, 0)
    base = mean - slope * powers.mean(axis=1)
    # Where the best c is below 0, the best of those that are not is 0.
    through = np.maximum(errors @ (powers / (powers**2).sum(axis=1, keepdims=True)).T, 0)
    slope, base = np.where(base < 0, through, slope), np.maximum(base, 0)
    rests = errors[:, None] - slope[..., None] * powers - base[..., None]  # (R, G, P)
    best = (rests**2).sum(axis=2).argmin(axis=1)
    rows = np.arange(len(errors))
    return _PowerLaws(slope[rows, best], EXPONENTS[best], base[rows, best])


def _predict(laws: _PowerLaws, numbers: Float64Array) -> Float64Array:
    """Errors at numbers of images, (R, len(numbers))."""
    powers = numbers ** -laws.b[:, None]
    return np.asarray(laws.a[:, None] * powers + laws.c[:, None])
