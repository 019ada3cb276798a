"""Regions → how sure a result is of each of them.

Shapes: ``R`` regions; ``K`` classes; ``P`` pixels of a grid over the image.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import Float32Array, Float64Array, Int32Array, UInt8Array
from segfit.classes import ClassTable
from segfit.partition import Filling
from segfit.result.offsets import follow_pixels
from segfit.result.regions import are_in_results
from segfit.result.scores import Scores

SHORTEST_WAY_CELLS = 0.5
"""Of an object's pixels to its centre, on average: shorter ones say little of how they meet."""


def score_regions(
    filling: Filling, labels: UInt8Array, scores: Scores, classes: ClassTable
) -> Float64Array:
    """Mean probability of each region's class over its samples, (R,).

    Where objects are told apart, times how tightly an object's samples meet, see
    ``measure_tightness``. ``filling``: the regions on a grid over the image. ``labels``: (R,) their
    classes. NaN of a region without a sample, and of what no result has.
    """
    chosen = are_in_results(labels, classes)[filling.regions]
    if not chosen.any():
        return np.full(len(labels), np.nan)
    lengths, regions = filling.lengths[chosen], filling.regions[chosen]
    starts = np.cumsum(lengths) - lengths
    gaps = (np.cumsum(filling.lengths) - filling.lengths)[chosen] - starts
    pixels = np.repeat(gaps.astype(np.int32), lengths)
    pixels += np.arange(len(pixels), dtype=np.int32)
    of_pixels = np.repeat(regions.astype(np.int32), lengths)
    probabilities = scores.to_probabilities(shape=filling.shape, pixels=pixels)
    means = average_in_regions(probabilities, labels, of_pixels)
    is_object = np.isin(labels, classes.object_classes)
    inside = is_object[of_pixels]
    led = follow_pixels(*np.divmod(pixels[inside], filling.shape[1]), filling.shape, scores)
    if led is not None:
        tightness = measure_tightness(*led, of_pixels[inside], count=len(labels))
        means[is_object] *= tightness[is_object]
    return means


def measure_tightness(
    cells: Float32Array, ends: Float32Array, of_pixels: Int32Array, *, count: int
) -> Float64Array:
    """How tightly the pixels of each region meet, (R,): 1 where all are led to one place.

    1 / √(1 + spread / way): the root of the mean squared distance of where its pixels are led from
    the middle of that, beside how far they are led on average. Two objects taken for one score
    lower than one of the same probability. ``cells``, ``ends``: (2, P), x and y in cells of where
    pixels are and of where they are led. ``of_pixels``: (P,) the region of each. ``count``: R. NaN
    of a region without a pixel.
    """

    def average(values: Float32Array) -> Float64Array:
        totals = np.bincount(of_pixels, weights=values, minlength=count)
        return np.asarray(np.divide(totals, counts, out=np.full(count, np.nan), where=counts > 0))

    counts = np.bincount(of_pixels, minlength=count)
    middles = np.stack([average(side) for side in ends]).astype(np.float32)
    spread = np.sqrt(average(((ends - middles[:, of_pixels]) ** 2).sum(axis=0)))
    way = average(np.hypot(*(ends - cells)))
    return np.asarray(1 / np.sqrt(1 + spread / np.maximum(way, SHORTEST_WAY_CELLS)))


def average_in_regions(
    probabilities: Float32Array, labels: UInt8Array, of_pixels: Int32Array
) -> Float64Array:
    """Mean probability (R,) of each region's own class over its pixels, NaN for one without.

    ``probabilities``: (K, …) of pixels. ``labels``: (R,) the regions' classes; NaN also for what is
    none. ``of_pixels``: the region of each pixel, one after another.
    """
    count = len(probabilities)
    of_label = np.minimum(labels, count - 1)[of_pixels]  # what is no class is not asked for below
    own = probabilities.reshape(count, -1)[of_label, np.arange(len(of_label))]
    totals = np.bincount(of_pixels, weights=own, minlength=len(labels))
    counts = np.bincount(of_pixels, minlength=len(labels))
    known = (counts > 0) & (labels < count)
    means = np.full(len(labels), np.nan)
    means[known] = totals[known] / counts[known]
    return means
