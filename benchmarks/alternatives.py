#!/usr/bin/env python3
"""The regression network beside the cheap alternatives, all on the same coarse scores.

    python benchmarks/alternatives.py fasseg-frontal \
        --model build/benchmarks/outlines-fasseg-frontal-coarse.segfit

The model has a classifier, and a regressor on top; every row begins with the very same scores of
that classifier. Bilinear upsampling is what the classifier does by itself; guided filter, dense CRF
and GrabCut look at the image, too; PointRend is trained here, on the images that the regressor
was trained on. Parameters are chosen on training images: of those whose mean of the three figures
is the best to within 0.001, the fastest. Measured on the validation images: boundary F, mean IoU,
and the time from coarse scores to labels of the image's size, so without the classifier. The
regressor runs in OpenVINO, PointRend's linear layers in torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from accuracy import MAY_SHIP
from alternative_methods import (
    Refine,
    RefiningMethod,
    ScoredImage,
    ScoredImages,
    as_class_scores,
    cut_by_color,
    filter_by_guide,
    smooth_by_crf,
    upsample,
)
from images import draw_crops
from options import QUICK_MINUTES, find_data, make_parser, parse_arguments
from outlines import SETS
from pointrend import PointTraining, refine_points, train_point_head
from results import describe_run, write_result
from segfit.basics.arrays import BoolArray, Float32Array, UInt8Array
from segfit.datasets import Dataset, LabelledImage, open_labelled
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import Report
from segfit.model.archive import ModelFile, read_model
from segfit.model.card import ModelCard
from segfit.model.shipped import find_model
from segfit.result.scores import Scores
from segfit.runtime.session import Session
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter
from segfit.training.data.augment import Augmentation
from segfit.training.data.subsets import pick_evenly
from segfit.training.data.views import LabelledViews
from segfit.training.finetuning import restore_classifier
from segfit.training.inference import make_score

EQUALLY_GOOD = 0.001
CROP_PX = 96

console = Console()


@dataclass(frozen=True)
class Alternative:
    """A way to refine scores, and the values of its parameters to choose from."""

    refine: Callable[..., UInt8Array]
    grid: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Trial:
    """Parameters, and what they give on training images."""

    parameters: dict[str, float]
    figures: dict[str, float]
    milliseconds: float

    @property
    def mean(self) -> float:
        """What parameters are chosen by."""
        return sum(self.figures.values()) / len(self.figures)


CHEAP = {
    "bilinear": Alternative(upsample, {}),
    "guided filter": Alternative(
        filter_by_guide, {"radius_px": (2, 4, 8, 16), "epsilon": (1e-5, 1e-4, 1e-3, 1e-2)}
    ),
    "dense CRF": Alternative(
        smooth_by_crf,
        {
            "reach_px": (10.0, 30.0, 60.0),
            "reach_levels": (5.0, 10.0, 20.0),
            "alike_weight": (1.0, 3.0, 10.0),
            "near_weight": (0.0, 1.0),
        },
    ),
    "GrabCut": Alternative(cut_by_color, {"band_px": (2, 4, 8), "rounds": (1, 3)}),
}
POINTREND_GRID = {"share": (0.01, 0.02, 0.05, 0.1)}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument(
        "--model", required=True, help="with a regressor: a file, or a shipped model"
    )
    parser.add_argument(
        "--pointrend-minutes", type=float, default=4.0,
        help="of PointRend's training; to be fair, as many as the regressor had (%(default)g)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of PointRend's training")
    parser.add_argument(
        "--tuning-images", type=int, default=10,
        help="training images on which parameters are chosen (%(default)s)",
    )  # fmt: skip
    arguments = parse_arguments(
        parser,
        quick=f"fasseg-frontal --model face --tuning-images 1 --pointrend-minutes {QUICK_MINUTES}",
    )

    folder = find_data(parser, arguments, arguments.set)
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    model, data = read_model(find_model(arguments.model)), open_labelled(folder)
    if model.card.classes.names != data.classes.names:
        parser.error(f"{arguments.model} tells other classes apart than {folder.name} has")
    classifier = restore_classifier(model)
    score = make_score(classifier, model.card.scaling)
    tuning = score_images(pick_evenly(data.splits["train"], arguments.tuning_images), score, model)
    validation = score_images(data.splits["val"], score, model)

    chosen: dict[str, Refine] = {}
    trials: dict[str, list[Trial]] = {}
    for name, alternative in CHEAP.items():
        chosen[name], trials[name] = choose(alternative, tuning)
        console.print(f"{name}: {best_of(trials[name]).parameters}")
    training = train_points(model, data.splits["train"], score, arguments)
    points = Alternative(partial(refine_points, head=training.head), POINTREND_GRID)
    chosen["PointRend"], trials["PointRend"] = choose(points, tuning)
    console.print(f"PointRend: {training.steps} steps, {best_of(trials['PointRend']).parameters}")
    if model.card.regressor is None:
        console.print(f"{arguments.model} has no regressor: its row is left out")
    else:
        sessions = open_sessions(model, threads=arguments.threads)
        chosen["regressor"] = partial(refine_by_regressor, card=model.card, sessions=sessions)

    reports = {
        name: evaluate(RefiningMethod(validation, refine), validation)
        for name, refine in chosen.items()
    }
    console.print(to_table(reports))
    name = f"alternatives-{arguments.set}-{longest_working_side(model, validation)}"
    if arguments.set in MAY_SHIP:
        draw_worst_crop(validation, chosen, reports, arguments.results / "images" / f"{name}.png")
    figures = {
        "validation": {name: report.to_dict() for name, report in reports.items()},
        "parameters": {name: best_of(tried).parameters for name, tried in trials.items()},
        "trials": {
            name: [{**asdict(trial), "mean": trial.mean} for trial in tried]
            for name, tried in trials.items()
        },
        "tuned_on": [scored.name for scored in tuning],
        "pointrend": {
            "steps": training.steps,
            "seconds": training.seconds,
            "loss": training.loss,
            "parameters": sum(p.numel() for p in training.head.parameters()),
        },
        "regressor": model.card.regressor.metrics if model.card.regressor else None,
        "plan": model.card.plan,
    }
    console.print(write_result(name, run, figures, folder=arguments.results))


def score_images(
    dataset: Dataset, score: Callable[[UInt8Array], Scores], model: ModelFile
) -> ScoredImages:
    """Read images and let the classifier look at each of them once."""

    def score_one(example: LabelledImage) -> ScoredImage:
        scores = score(example.image)
        class_scores = as_class_scores(scores, model.card.threshold)
        return ScoredImage(example.name, example.image, example.labels, scores, class_scores)

    return ScoredImages(dataset.classes, [score_one(example) for example in dataset])


def choose(alternative: Alternative, tuning: ScoredImages) -> tuple[Refine, list[Trial]]:
    """Try all values of the grid; returns the refinement with the best ones, and all trials."""
    trials = []
    for values in itertools.product(*alternative.grid.values()):
        parameters = dict(zip(alternative.grid, values, strict=True))
        refine = partial(alternative.refine, **parameters)
        report = evaluate(RefiningMethod(tuning, refine), tuning)
        milliseconds = 1000 * report.seconds_per_image
        trials.append(Trial(parameters, read_figures(report), milliseconds))
    return partial(alternative.refine, **best_of(trials).parameters), trials


def best_of(trials: list[Trial]) -> Trial:
    """The fastest of those that are as good as the best."""
    best = max(trial.mean for trial in trials)
    good = [trial for trial in trials if trial.mean >= best - EQUALLY_GOOD]
    return min(good, key=lambda trial: trial.milliseconds)


def read_figures(report: Report) -> dict[str, float]:
    """The figures of the table that say how good outlines are."""
    return {
        "boundary_f_1": report.boundary_f[1.0],
        "boundary_f_2": report.boundary_f[2.0],
        "mean_iou": report.mean_iou,
    }


def train_points(
    model: ModelFile[ModelCard],
    images: Dataset,
    score: Callable[[UInt8Array], Scores],
    arguments: Any,
) -> PointTraining:
    """Train PointRend on the views that the regressor learns from."""
    augmentation = Augmentation.model_validate(model.card.plan["augmentation"])
    return train_point_head(
        LabelledViews(images, augmentation, seed=arguments.seed),
        score=score,
        threshold=model.card.threshold,
        minutes=arguments.pointrend_minutes,
        seed=arguments.seed,
    )


@dataclass(frozen=True, eq=False)
class KnownAnswer:
    """A session of a network whose answer is known."""

    answer: Float32Array

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[Float32Array]:
        return (self.answer,)

    def release(self) -> None:
        """It computes in no memory of its own."""


def refine_by_regressor(
    scored: ScoredImage, *, card: ModelCard, sessions: Mapping[str, Session]
) -> UInt8Array:
    """The path of every prediction, with a classifier that has its answer already."""
    scores = scored.scores
    assert scores.features is not None
    answer = np.concatenate([scores.logits, scores.features])[None]
    segmenter = Segmenter(card, {**sessions, "classifier": KnownAnswer(answer)})
    return segmenter(scored.image).labels


def longest_working_side(model: ModelFile[ModelCard], images: ScoredImages) -> int:
    """Of the images as the classifier sees them, in pixels."""
    sizes = [model.card.scaling.working_size(*scored.labels.shape) for scored in images]
    return max(max(size) for size in sizes)


def to_table(reports: dict[str, Report]) -> Table:
    table = Table("refined by", title="Validation images")
    for title in ("F@1 px", "F@2 px", "mean IoU", "ms"):
        table.add_column(title, justify="right")
    for name, report in reports.items():
        figures = [f"{value:.4f}" for value in read_figures(report).values()]
        table.add_row(name, *figures, f"{1000 * report.seconds_per_image:.1f}")
    return table


def draw_worst_crop(
    validation: ScoredImages, chosen: dict[str, Refine], reports: dict[str, Report], path: Path
) -> None:
    """Every method where bilinear upsampling is wrong most, in the image it is worst at."""
    worst = reports["bilinear"].rows[0].name
    scored = next(scored for scored in validation if scored.name == worst)
    labels = {"truth": scored.labels, **{name: refine(scored) for name, refine in chosen.items()}}
    rows, columns = find_crop(labels["bilinear"] != scored.labels)
    crops = {name: grid[rows, columns] for name, grid in labels.items()}
    draw_crops(scored.image[rows, columns], crops, validation.classes, path)


def find_crop(wrong: BoolArray) -> tuple[slice, slice]:
    """The square of ``CROP_PX`` that holds most of what is wrong."""
    totals = np.pad(wrong.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    high, wide = (min(CROP_PX, side) for side in wrong.shape)
    held = totals[high:, wide:] - totals[:-high, wide:] - totals[high:, :-wide]
    held = held + totals[:-high, :-wide]
    row, column = np.unravel_index(held.argmax(), held.shape)
    return slice(int(row), int(row) + high), slice(int(column), int(column) + wide)


if __name__ == "__main__":
    main()
