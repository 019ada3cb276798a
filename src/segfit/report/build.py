"""Labelled images and a model → what a report says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets import Dataset
from segfit.errors import SegfitError
from segfit.evaluation.examples import match_classes
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import Report
from segfit.report.content import Hints, Measured, ReportContent, WorstImage
from segfit.report.intervals import MEAN_IOU, RESAMPLES, Estimate, Resampled, resample
from segfit.report.learning import LearningCurve, LearningPoint, fit_learning
from segfit.report.pictures import draw_pictures
from segfit.result.method import Method
from segfit.segmenter import AdjustedSegmenter, Segmenter, take_read_images
from segfit.version import __version__

WORST_SHOWN = 12
NO_HINTS = Hints()


@dataclass(frozen=True)
class Candidate:
    """A method to report on, by its name; ``facts``: more to say of it, by what each is about."""

    name: str
    method: Method
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EarlierModel:
    """A model that learned from so many labelled images: a point of the learning curve."""

    name: str
    images: int
    method: Method


def build_report(
    model: Candidate,
    dataset: Dataset,
    *,
    data: str,
    against: Candidate | None = None,
    history: Sequence[LearningPoint | EarlierModel] = (),
    worst: int = WORST_SHOWN,
    settings: Mapping[str, str] | None = None,
    hints: Hints = NO_HINTS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> ReportContent:
    """Measure a model on labelled images, and gather what a report on it says.

    ``data``: what the images are, in a line. ``against``: another one on the same images.
    ``history``: points of the learning curve, ``model``'s own among them; a model of it is measured
    on the same images. ``worst``: how many of the worst images are shown; they are segmented once
    more for it. ``settings``: more to say of how it was made. ``hints``: what a reader can do about
    what is missing. The intervals draw images ``resamples`` times by ``seed``.

    Raises ``SegfitError`` where there are no images, and where the classes of a model are not the
    data's.
    """
    if worst < 0:
        raise SegfitError(f"{worst} worst images asked for; expected 0 or more")
    candidates = [model] if against is None else [model, against]
    earlier = [point for point in history if isinstance(point, EarlierModel)]
    named: list[Candidate | EarlierModel] = [*candidates, *earlier]
    check_classes(named, dataset.classes)
    methods = {id(one.method): one.method for one in named}
    shown = min(worst, len(dataset))
    work = _Work(len(dataset) * len(methods) + shown, on_progress)

    def measure(method: Method) -> tuple[Report, Resampled]:
        figures = evaluate(method, dataset, group_of=str, on_progress=work.part(len(dataset)))
        if len(figures.groups) != len(dataset):
            raise SegfitError(
                f"{len(dataset)} images have {len(figures.groups)} names: rename those that share "
                "one, so that a report can tell them apart"
            )
        drawn = resample(list(figures.groups.values()), resamples=resamples, seed=seed)
        return figures, drawn

    measured = {key: measure(method) for key, method in methods.items()}
    of_model, drawn_of_model = measured[id(model.method)]
    other, differences = None, None
    if against is not None:
        of_other, drawn_of_other = measured[id(against.method)]
        facts = describe_method(against)
        other = Measured(against.name, facts, of_other, drawn_of_other.estimate())
        differences = subtract(drawn_of_model, drawn_of_other)
    return ReportContent(
        data=data,
        classes=dataset.classes,
        model=Measured(model.name, describe_method(model), of_model, drawn_of_model.estimate()),
        against=other,
        differences=differences,
        learning=draw_learning(history, {key: drawn for key, (_, drawn) in measured.items()}, seed),
        worst=tuple(show_worst(candidates, dataset, of_model, shown, work.part(shown))),
        settings={
            **(settings or {}),
            "intervals": f"95 %, from {resamples:,} draws of {count_noun(len(dataset), 'image')} "
            f"with replacement, seed {seed}; percentiles, widened for few images",
            "segfit": __version__,
        },
        hints=hints,
    )


def check_classes(candidates: Sequence[Candidate | EarlierModel], classes: ClassTable) -> None:
    """Raise ``SegfitError`` where a method tells other classes apart than the data has."""
    for one in candidates:
        try:
            match_classes(one.method.classes, classes)
        except SegfitError as error:
            own, wanted = one.method.classes.names, classes.names
            only_own = [name for name in own if name not in wanted]
            only_data = [name for name in wanted if name not in own]
            differ = " and ".join(
                f"only {who} has {list_first(names, limit=5)}"
                for who, names in ((one.name, only_own), ("the data", only_data))
                if names
            )
            raise SegfitError(
                f"{one.name} and the data have other classes: {differ}. Compare models on data "
                "labelled with the classes of all of them, or name the classes alike in the data's "
                "classes.json"
            ) from error


def subtract(model: Resampled, other: Resampled) -> dict[tuple[str, int | None], Estimate]:
    """How much better the first does in the figures that both have, the same images drawn."""
    common = [key for key in model.keys if key in other.keys]
    return (model.take(common) - other.take(common)).estimate()


def draw_learning(
    history: Sequence[LearningPoint | EarlierModel], measured: Mapping[int, Resampled], seed: int
) -> LearningCurve:
    """The learning curve of points that are known and of models measured here."""
    points: list[LearningPoint] = []
    columns: list[Float64Array] = []
    for one in history:
        if isinstance(one, LearningPoint):
            points.append(one)
            columns.append(np.array([one.mean_iou]))
            continue
        drawn = measured[id(one.method)]
        place = drawn.keys.index(MEAN_IOU)
        if np.isnan(drawn.value[place]):
            continue  # one class alone has no mean, of any model
        points.append(LearningPoint(one.images, float(drawn.value[place])))
        columns.append(drawn.drawn[:, place])
    drawn_points = np.column_stack(np.broadcast_arrays(*columns, np.zeros(1)))[:, :-1]
    return fit_learning(points, drawn=drawn_points, seed=seed)


def show_worst(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    figures: Report,
    count: int,
    on_progress: OnProgress,
) -> Iterator[WorstImage]:
    """The first candidate's worst images, each with its truth and with every candidate's answer."""
    places = {name: place for place, name in enumerate(dataset.names)}
    for number, row in enumerate(figures.rows[:count], start=1):
        example = dataset[places[row.name]]
        answers = {}
        for index, one in enumerate(candidates):
            found = take_read_images(one.method)(example.image)
            order = match_classes(one.method.classes, dataset.classes)
            answers[ANSWERS[index]] = found, order
        pictures, size_px = draw_pictures(example, answers, dataset.classes)
        yield WorstImage(row, figures.groups[row.name], pictures, size_px)
        on_progress(number, count)


ANSWERS = ("answer", "other answer")


def describe_method(candidate: Candidate) -> dict[str, str]:
    """What there is to say of a method: what is given, and what a model's card adds to it."""
    method = candidate.method
    segmenter = method.segmenter if isinstance(method, AdjustedSegmenter) else method
    if not isinstance(segmenter, Segmenter):
        return dict(candidate.facts)
    card = segmenter.card
    said = {
        "networks": ", ".join(name.replace("_", " ") for name in card.networks),
        "resolution": str(card.scaling),
        "made": f"{card.created}, segfit {card.segfit_version}",
        "learned from": card.data,
        "about": card.description,
        "licence": card.licence,
    }
    return {title: text for title, text in said.items() if text} | dict(candidate.facts)


@dataclass(eq=False)
class _Work:
    """Progress of several passes as one."""

    total: int
    on_progress: OnProgress | None
    done: int = 0

    def part(self, length: int) -> OnProgress:
        """What a pass of so many steps reports to."""
        began = self.done
        self.done += length

        def report(done: int, _: int) -> None:
            if self.on_progress is not None:
                self.on_progress(began + done, self.total)

        return report
