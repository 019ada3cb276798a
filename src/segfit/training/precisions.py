"""What a model loses where its classifier is computed faster than in single precision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import torch

from segfit.basics.arrays import UInt8Array
from segfit.basics.text import count_noun
from segfit.classification.classify import WINDOW_PX, pad_image
from segfit.datasets import Dataset, LabelledData
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import GroupFigures
from segfit.imaging.pyramid import Pyramid
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard
from segfit.model.precision import FasterPrecisions, Precision
from segfit.model.scaling import Scaling
from segfit.result.scores import Score
from segfit.runtime.precision import list_fast
from segfit.runtime.session import Backend, Opening
from segfit.runtime.sessions import open_session, open_sessions
from segfit.segmenter import Segmenter
from segfit.training.clock import read_clock
from segfit.training.data.subsets import pick_evenly
from segfit.training.domain import spread_order

MOST_TRAINING, MOST_VALIDATION = 40, 100
"""Images that are looked at; with 20 or 60 training images the ranges differ by little."""
FEWEST = 3
"""Validation images below which nothing is measured."""
LEAST_SECONDS = 8.0
"""Opening a model in three precisions alone takes half of it."""
DIGITS = 5


def add_precisions(
    model: ModelFile[ModelCard],
    data: LabelledData,
    *,
    scaling: Scaling | None = None,
    seconds: float | None = None,
) -> ModelFile[ModelCard]:
    """The same model, its card with what faster precisions need and what they cost.

    Measured are those that this processor has instructions for. ``data``: what the model learned
    from, with its validation images. ``scaling``: that of the data, where it is not the card's.
    ``seconds``: the most that it may take, None for as long as it takes. Without the time or the
    images for it, the card says nothing of them.
    """
    validation = data.splits["val"]
    fast = list_fast()
    too_short = seconds is not None and seconds < LEAST_SECONDS
    if not fast or too_short or len(validation) < FEWEST:
        return with_precisions(model, None)
    end = math.inf if seconds is None else read_clock() + seconds
    half = math.inf if seconds is None else end - seconds / 2
    card = model.card.model_copy(update={"scaling": scaling or model.card.scaling})
    images = (one.image for one in pick_evenly(data.splits["train"], MOST_TRAINING))
    tried = add_ranges(ModelFile(card, model.networks), images, until=half)
    losses, images_seen = measure_losses(tried, validation, fast, until=end)
    if not losses:
        return with_precisions(model, None)
    measured = with_losses(tried, losses, images_seen)
    return with_precisions(model, measured.card.classifier.faster)


def with_losses(
    model: ModelFile[ModelCard], losses: Mapping[Precision, Mapping[str, float]], images: int
) -> ModelFile[ModelCard]:
    """The same model with what is lost, as measured on so many validation images."""
    faster = model.card.classifier.faster or FasterPrecisions({}, {})
    measured_on = count_noun(images, "validation image")
    return with_precisions(model, replace(faster, losses=losses, measured_on=measured_on))


def with_precisions(
    model: ModelFile[ModelCard], faster: FasterPrecisions | None
) -> ModelFile[ModelCard]:
    """The same model, its classifier's card with these precisions."""
    classifier = replace(model.card.classifier, faster=faster)
    networks = model.card.networks | {ClassifierArchitecture.NAME: classifier}
    return ModelFile(model.card.with_networks(*networks.values()), model.networks)


def add_ranges(
    model: ModelFile[ModelCard], images: Iterable[UInt8Array], *, until: float = math.inf
) -> ModelFile[ModelCard]:
    """The same model with what its int8 form needs, and no losses; ``images``: it learned from."""
    from segfit.runtime.quantization import find_ranges  # OpenVINO's; a training does without it

    opening = Opening(model, Backend.OPENVINO, torch.get_num_threads(), Precision.SINGLE)
    seen = list_seen(images, model.card.scaling, until=until)
    ranges = find_ranges(opening.find_graph(ClassifierArchitecture.NAME), seen)
    return with_precisions(model, FasterPrecisions(ranges, {}))


def list_seen(
    images: Iterable[UInt8Array], scaling: Scaling, *, until: float
) -> Iterator[UInt8Array]:
    """Images as the classifier takes them, (1, h, w, 3), or a window of each that is larger."""
    for image in images:
        working = scaling.prepare(Pyramid(image))[:WINDOW_PX, :WINDOW_PX]
        yield pad_image(working)[None]
        if read_clock() > until:
            return


def measure_losses(
    model: ModelFile[ModelCard],
    validation: Dataset,
    precisions: tuple[Precision, ...],
    *,
    until: float = math.inf,
) -> tuple[dict[Precision, dict[str, float]], int]:
    """What is lost in each precision, by figure, and on how many images that was measured.

    The model is measured whole, with its regression network if it has one. Nothing is lost, on no
    images, where there is time for fewer than ``FEWEST``.
    """
    methods = open_precisions(model, (Precision.SINGLE, *precisions))
    order = spread_order(len(validation))[:MOST_VALIDATION]
    began = read_clock()
    evaluate(methods[Precision.SINGLE], validation.subset(order[:1]))
    now = read_clock()
    affordable = (until - now) / ((now - began) * len(methods))
    if affordable < FEWEST:
        return {}, 0
    chosen = validation.subset(sorted(order[: int(min(affordable, len(order)))]))
    figures = {one: read_figures(evaluate(method, chosen)) for one, method in methods.items()}
    return find_losses(figures), len(chosen)


def find_losses(
    figures: Mapping[Precision, Mapping[str, float]],
) -> dict[Precision, dict[str, float]]:
    """How much lower each figure is than in single precision, in those that are not single."""
    single = figures[Precision.SINGLE]
    return {
        precision: {name: round(single[name] - value, DIGITS) for name, value in found.items()}
        for precision, found in figures.items()
        if precision is not Precision.SINGLE
    }


def open_precisions(
    model: ModelFile[ModelCard], precisions: tuple[Precision, ...]
) -> dict[Precision, Segmenter]:
    """The model with its classifier in each of these precisions; the other networks are shared."""
    threads = torch.get_num_threads()
    sessions = open_sessions(model, threads=threads, precision=Precision.SINGLE)
    name = ClassifierArchitecture.NAME
    segmenters = {}
    for precision in precisions:
        opening = Opening(model, Backend.OPENVINO, threads, precision)
        own = sessions | {name: open_session(opening, name)}
        segmenters[precision] = Segmenter(model.card, own)
    return segmenters


def list_faster_scores(
    model: ModelFile[ModelCard], *, scaling: Scaling | None = None
) -> list[Score]:
    """The classifier in each faster precision that may be taken by itself, as a model has them."""
    faster = model.card.classifier.faster
    if faster is None or not any(map(faster.costs_little, faster.losses)):
        return []
    little = tuple(filter(faster.costs_little, faster.losses))
    card = model.card.model_copy(update={"scaling": scaling or model.card.scaling})
    return [one.score for one in open_precisions(ModelFile(card, model.networks), little).values()]


def read_figures(report: GroupFigures) -> dict[str, float]:
    """The figures that a precision is judged by."""
    figures = {"mean IoU": report.mean_iou, "boundary F at 1 px": report.boundary_f[1.0]}
    if report.instances is not None:
        figures["average precision of objects"] = report.instances.mean_average_precision
    return {name: value for name, value in figures.items() if math.isfinite(value)}
