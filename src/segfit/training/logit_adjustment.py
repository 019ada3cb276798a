"""What is added to the logits of each class for the best mean IoU: chosen on validation images.

Where classes weigh differently, or a rare one is hard, a network that is trained by cross-entropy
calls a class too often or too seldom to have the best IoU. One number for each class mends most of
it after the training (post-hoc logit adjustment: Menon et al., ICLR 2021, there by the classes'
shares). It is added to the biases of the network's last layer, so that nothing that uses the
network need know of it.

Shapes: ``P`` pixels that are looked at, ``K`` classes, ``T`` values that an offset may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from segfit.basics.arrays import Float32Array, Float64Array, Int64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.datasets import Dataset
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.networks.classifier import Classifier
from segfit.training.data.subsets import pick_evenly
from segfit.training.inference import make_score
from segfit.training.plan.plan import Plan

OFFSETS = np.linspace(-2, 2, 41, dtype=np.float32)
"""What may be added to a logit, before their mean is taken off and they are shrunk."""
TIES = 1e-4
"""Offsets whose mean IoU differs by no more are equally good; the middle one is the safest."""
MOST_TURNS = 3
"""How often each class's offset is chosen, the others' as they are then."""
SAMPLED_IMAGES, SAMPLED_LOGITS = 100, 1 << 21
"""What the offsets are chosen by, at most; the pixels are drawn at random."""
FEWEST_IMAGES = 2
LEAST_GAIN = 1e-3
"""Of mean IoU on one half by the offsets of the other: less may be chance."""
DOUBT = 2.0
"""Validation images' worth of doubt: offsets that n images ask for are taken times n / (n + 2)."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Pixels of one image: ``logits`` (K, P) but for a constant of each pixel, ``labels`` (P,)."""

    logits: Float32Array
    labels: UInt8Array


def adjust_logits(network: Classifier, dataset: Dataset, plan: Plan) -> Float64Array | None:
    """Add to the network's last biases what gives the best mean IoU on a data set's images.

    Returns the offsets (K,); None, with the network as it was, for one with a single output, which
    has a threshold instead, and where the offsets that each half of the images asks for hardly help
    the other half.
    """
    if network.architecture.outputs == 1 or len(dataset) < FEWEST_IMAGES:
        return None
    offsets = choose_offsets(draw_samples(network, dataset, plan))
    if offsets is not None:
        with torch.no_grad():
            assert network.head.bias is not None
            network.head.bias += torch.from_numpy(offsets).to(network.head.bias)
    return offsets


def draw_samples(network: Classifier, dataset: Dataset, plan: Plan) -> list[Sample]:
    """Labelled pixels of each image, at random, with what the network says of them."""
    score, random = make_score(network, plan.scaling), np.random.default_rng(0)
    images = pick_evenly(dataset, SAMPLED_IMAGES)
    most_px = SAMPLED_LOGITS // (len(images) * network.architecture.outputs)
    samples = []
    for example in images:
        labels = example.labels.ravel()
        pixels = np.flatnonzero(labels != IGNORE)
        if len(pixels) > most_px:
            pixels = random.choice(pixels, most_px, replace=False)
        chances = score(example.image).to_probabilities(pixels=pixels.astype(np.int32))
        logits = np.log(np.maximum(chances, np.finfo(np.float32).tiny))
        samples.append(Sample(logits, labels[pixels]))
    return samples


def choose_offsets(samples: Sequence[Sample]) -> Float64Array | None:
    """Offsets (K,); None where those of each half of the images hardly help the other.

    A class that few images show is moved by less, one that none shows not at all.
    """
    first, second = _join(samples[::2]), _join(samples[1::2])
    none = np.zeros(len(first.logits))
    helped = _count(first, _search(second)) + _count(second, _search(first))
    if not mean_iou(helped) > mean_iou(_count(first, none) + _count(second, none)) + LEAST_GAIN:
        return None
    joined = _join(samples)
    numbers = np.arange(len(joined.logits))
    shown_in = sum(np.isin(numbers, sample.labels) for sample in samples)
    return _search(joined) * shown_in / (shown_in + DOUBT)


def _search(sample: Sample) -> Float64Array:
    """Class by class the offset with the best mean IoU, until none changes.

    Their mean is 0, over the classes that the sample has; the others' are 0, and do not compete:
    to call them never would always seem best.
    """
    shown, labels = np.unique(sample.labels, return_inverse=True)
    found = np.zeros(len(sample.logits))
    if len(shown) < 2:
        return found
    logits, offsets = sample.logits[shown], np.zeros((len(shown), 1), np.float32)
    for _ in range(MOST_TURNS):
        before = offsets.copy()
        for index in range(len(shown)):
            reached = _sweep(logits + offsets, logits[index], labels, index)
            ties = np.flatnonzero(reached >= reached.max() - TIES)
            offsets[index] = OFFSETS[ties[len(ties) // 2]]
        if np.array_equal(offsets, before):
            break
    found[shown] = offsets[:, 0].astype(np.float64) - offsets.mean(dtype=np.float64)
    return found


def _sweep(moved: Float32Array, own: Float32Array, labels: Int64Array, index: int) -> Float64Array:
    """Mean IoU (T,) where one class has each of ``OFFSETS``, and the others what they have.

    ``moved``: logits (K, P) with their offsets. ``own``: those (P,) of the class without.
    """
    class_count, bins = len(moved), len(OFFSETS) + 1
    rival, best = _best_other(moved, index)
    enough = np.searchsorted(OFFSETS, best - own)  # the least offset that makes it this class's
    is_right = rival == labels
    codes = rival * bins + enough

    def count_kept(codes: Int64Array) -> Int64Array:
        counts = np.bincount(codes, minlength=class_count * bins).reshape(class_count, bins)
        return np.asarray(counts.sum(axis=1, keepdims=True) - counts.cumsum(axis=1)[:, :-1])

    called, hits = count_kept(codes), count_kept(codes[is_right])
    called[index] = len(labels) - called.sum(axis=0)
    hits[index] = np.bincount(enough[labels == index], minlength=bins).cumsum()[:-1]
    truth = np.bincount(labels, minlength=class_count)[:, None]
    return np.asarray((hits / (truth + called - hits)).mean(axis=0))


def _best_other(moved: Float32Array, index: int) -> tuple[Int64Array, Float32Array]:
    """The class with the highest logit (P,) but for one, and that logit."""
    best = np.full(moved.shape[1], -np.inf, np.float32)
    number = np.zeros(moved.shape[1], np.int64)
    for other, plane in enumerate(moved):
        if other != index:
            np.copyto(number, other, where=plane > best)
            np.maximum(best, plane, out=best)
    return number, best


def _count(sample: Sample, offsets: Float64Array) -> Int64Array:
    """Confusion matrix (K, K) with some offsets (K,)."""
    found = (sample.logits + offsets[:, None]).argmax(axis=0).astype(np.uint8)
    return confusion_matrix(sample.labels[None], found[None], len(offsets))


def _join(samples: Sequence[Sample]) -> Sample:
    return Sample(
        np.concatenate([one.logits for one in samples], axis=1),
        np.concatenate([one.labels for one in samples]),
    )
