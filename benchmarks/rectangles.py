#!/usr/bin/env python3
"""Rectangles of regions: of the coarse ones, of their refined outlines, and of the box network.

    python benchmarks/rectangles.py --minutes 5

For each set a coarse classifier and a regression network for outlines are trained, half of the
minutes each, or ``--model SET=FILE`` names a model that has both; then the box network, for as long
as the outlines had. Measured on the validation images: mean IoU of each rectangle with the true
one, which is fitted to the middles of the pixel sides around a labelled object, and the mean
distance of its edges. Only regions matched one to one are compared: both share more than half of
each other, and a nucleus that touches another one does not count, since both are one region for the
classifier. Nearly all melt pools touch; there an object is what the labels join, of one pool or
several. They are split by slice: neighbouring images of one show the same places.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import segfit
from options import (
    QUICK_MINUTES,
    QUICK_PLAN,
    add_settings,
    find_data,
    make_parser,
    open_build_folder,
    parse_arguments,
)
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.basics.text import parse_settings
from segfit.classes import IGNORE
from segfit.classification.decision import Decision, decide_labels
from segfit.datasets import Dataset, LabelledData, LabelledImage, open_labelled
from segfit.metrics.boxes import box_iou
from segfit.model.archive import ModelFile, read_model
from segfit.model.card import ModelCard
from segfit.networks.box_regressor import BoxRegressor
from segfit.partition import Partition, partition_of
from segfit.refinement.boxes import fit_boxes, regress_boxes
from segfit.result.regions import OrientedBox
from segfit.result.scores import Scores
from segfit.training.boxes import BoxTraining, measure_edge_errors
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.true_boxes import find_true_boxes
from segfit.training.data.views import LabelledViews
from segfit.training.engine import Engine
from segfit.training.events import Event, Step
from segfit.training.finetuning import restore_classifier
from segfit.training.inference import as_box_network, make_score
from segfit.training.plan.plan import Plan

COARSE = {
    "fasseg-frontal": {"kind": "frame", "long_side_px": 128},
    "dsb2018": {"kind": "field", "factor": 0.5},
    "meltpool": {"kind": "frame", "long_side_px": 128},
}
COUNTED = {"fasseg-frontal": ("eyes", "mouth", "nose")}
"""Classes whose regions are objects; all but the background where not named."""
ISOLATED = {"dsb2018"}
"""Sets of which only objects count that touch no other."""
HELD_OUT_SLICE = "Middle"
METHODS = ("coarse", "refined outline", "box network")
RESAMPLINGS = 1000
SHOWN = (
    "mean_iou_before",
    "mean_iou",
    "iou_before",
    "iou",
    "edge_error_before_px",
    "edge_error_px",
)

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", choices=tuple(COARSE), default=tuple(COARSE))
    parser.add_argument("--minutes", type=float, required=True, help="for each set and its model")
    parser.add_argument("--box-minutes", type=float, help="as long as the outlines had")
    parser.add_argument("--seed", type=int, default=0)
    add_settings(parser)
    parser.add_argument(
        "--model", action="append", default=[], type=parse_model, metavar="SET=FILE",
        help="a trained model for a set instead of training one",
    )  # fmt: skip
    arguments = parse_arguments(
        parser, quick=f"--sets fasseg-frontal --minutes {QUICK_MINUTES} {QUICK_PLAN}"
    )

    sets: Sequence[str] = arguments.sets
    folders = {name: find_data(parser, arguments, name) for name in sets}
    run = describe_run(
        seeds=[arguments.seed], threads=arguments.threads, data=list(folders.values())
    )
    torch.set_num_threads(arguments.threads)
    models = dict(arguments.model)
    figures: dict[str, Any] = {}
    for name, folder in folders.items():
        data = open_split(name, folder)
        path = models.get(name) or train_model(name, data, arguments)
        segmenter = segfit.load(path, threads=arguments.threads)
        model = read_model(path)
        if model.card.regressor is None:
            parser.error(f"{path} has no regression network for outlines: give another model")
        plan = Plan.model_validate(
            {key: model.card.plan[key] for key in Plan.model_fields if key in model.card.plan}
        )
        seconds = 60 * (arguments.box_minutes or arguments.minutes / 2)
        training = begin_boxes(model, data, plan, seconds=seconds, seed=arguments.seed)
        engine = Engine(training)
        network = engine.run(on_event=print_round, save=lambda state: None)
        measured = measure(name, segmenter, data.splits["val"], training, network)
        figures[name] = {
            **measured,
            "scaling": model.card.plan["scaling"],
            "box_training": {"seconds": engine.seconds, "steps": engine.step},
            "validation": list(data.splits["val"].names),
        }
        console.print(to_table(name, measured))
    label = "" if len(sets) == len(COARSE) else "-" + "-".join(sets)
    console.print(write_result(f"rectangles{label}", run, figures, folder=arguments.results))


def parse_model(text: str) -> tuple[str, Path]:
    """Set and file of SET=FILE."""
    name, equals, file = text.partition("=")
    if not equals or name not in COARSE:
        raise argparse.ArgumentTypeError(f"SET=FILE with a set of {', '.join(COARSE)}, not {text}")
    return name, Path(file)


def open_split(name: str, folder: Path) -> LabelledData:
    """A data set; melt pools of one slice are for training, those of the other for measuring."""
    data = open_labelled(folder)
    if name != "meltpool":
        return data
    joined = data.splits["train"].joined_with(data.splits["val"])
    splits: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(joined.names):
        splits["val" if HELD_OUT_SLICE in image else "train"].append(index)
    chosen = {split: joined.subset(indices) for split, indices in splits.items()}
    return LabelledData(data.classes, chosen, data.notes)


def train_model(name: str, data: LabelledData, arguments: argparse.Namespace) -> Path:
    """A coarse classifier, and a regression network that moves its outlines."""
    build, settings = open_build_folder(arguments), parse_settings(arguments.settings)
    coarse, path = (build / f"rectangles-{name}{end}.segfit" for end in ("-coarse", ""))
    for part, base, output in (("classifier", None, coarse), ("regressor", coarse, path)):
        segfit.train(
            data,
            output,
            component=part,  # type: ignore[arg-type]
            base=base,
            plan={"scaling": COARSE[name], "boxes_share": 0.0, **settings},
            minutes=arguments.minutes / 2,
            seed=arguments.seed,
            threads=arguments.threads,
            force=True,
            on_event=print_round,
        )
    return path


def begin_boxes(
    model: ModelFile[ModelCard], data: LabelledData, plan: Plan, *, seconds: float, seed: int
) -> BoxTraining:
    """The training of the box network for a model's classifier."""
    card = model.card
    network = restore_classifier(model)
    return BoxTraining(
        LabelledViews(data.splits["train"], plan.augmentation, seed=seed),
        data.splits["val"],
        plan,
        classifier=FinishedClassifier(
            make_score(network, card.scaling), card.architecture, card.threshold
        ),
        seed=seed,
        budget_seconds=seconds,
    )


def print_round(event: Event) -> None:
    """A line per validation."""
    if not isinstance(event, Step):
        figures = {
            name: value
            for name, value in asdict(event).items()
            if name in SHOWN and isinstance(value, float)
        }
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        console.print(f"{event.seconds:5.0f} s  step {event.step}/{event.steps}  {shown}")


@dataclass(frozen=True)
class Comparison:
    """An object's rectangles: IoU with the true one, mean distance of the edges in pixels."""

    class_name: str
    iou: dict[str, float]
    edge_px: dict[str, float]


def begin(scores: Scores, threshold: float) -> Partition:
    """First outlines of the regions, in the image's frame; connected objects are one region."""
    decision = Decision(threshold=threshold)
    return partition_of(decide_labels(scores, decision, shape=scores.outline_shape)).stretch(
        scores.image_shape
    )


def measure(
    name: str,
    segmenter: segfit.Segmenter,
    validation: Dataset,
    training: BoxTraining,
    network: BoxRegressor,
) -> dict[str, Any]:
    """Figures over the validation images' objects: of all, and of each class."""
    found = training.validate(network, validation)
    run = replace(as_box_network(network), temperature=found.temperature)
    names = validation.classes.names
    counted = COUNTED.get(name, names)
    comparisons: list[list[Comparison]] = []
    touching, milliseconds = 0, []
    for example in validation:
        labels, excluded = ignore_touching(example) if name in ISOLATED else (example.labels, 0)
        touching += excluded
        refined, scores = segmenter(example.image), segmenter.score(example.image)
        first = begin(scores, segmenter.card.threshold)
        true = find_true_boxes(first, labels, background=validation.classes.background)
        began = time.perf_counter()
        moved = regress_boxes(
            first,
            true.regions,
            example.image,
            network=run,
            scores=scores,
        )
        milliseconds.append(1000 * (time.perf_counter() - began))
        boxes = {
            "coarse": fit_boxes(first, true.regions),
            "refined outline": fit_boxes(refined.partition, true.regions),
            "box network": moved,
        }
        labels_of_regions = first.labels[true.regions].tolist()
        comparisons.append(
            [
                compare(names[label], truth, {method: of[i] for method, of in boxes.items()})
                for i, (label, truth) in enumerate(zip(labels_of_regions, true.boxes, strict=True))
                if names[label] in counted
            ]
        )
    classes = sorted({one.class_name for of_image in comparisons for one in of_image})
    return {
        "left_out_since_they_touch": touching,
        "all": summarise(comparisons),
        "classes": {
            class_name: summarise(
                [[one for one in some if one.class_name == class_name] for some in comparisons]
            )
            for class_name in classes
        },
        "judgement": found.to_dict(),
        "temperature": found.temperature,
        "milliseconds_per_image_in_torch": statistics.median(milliseconds),
    }


def ignore_touching(example: LabelledImage) -> tuple[UInt8Array, int]:
    """Labels without the objects that touch another one, and how many those are.

    Labels without instances are as they were.
    """
    if example.objects is None:
        return example.labels, 0
    labels = example.labels.copy()
    count, clusters = cv2.connectedComponents((example.objects > 0).view(np.uint8))
    pairs = np.unique(np.stack([clusters, example.objects])[:, example.objects > 0], axis=1)
    members = np.bincount(pairs[0], minlength=count)
    labels[members[clusters] > 1] = IGNORE
    return labels, int(members[members > 1].sum())


def compare(class_name: str, truth: OrientedBox, boxes: Mapping[str, OrientedBox]) -> Comparison:
    """Every method's rectangle beside the true one."""
    return Comparison(
        class_name,
        {method: box_iou(box, truth) for method, box in boxes.items()},
        {
            method: float(np.abs(measure_edge_errors(box, truth)).mean())
            for method, box in boxes.items()
        },
    )


def summarise(comparisons: list[list[Comparison]]) -> dict[str, Any]:
    """Means over objects, and the box network's gain over the refined outlines.

    The gain's standard error is that of resampled images: an image's objects err alike.
    """
    objects = [one for of_image in comparisons for one in of_image]
    if not objects:
        return {"objects": 0}
    gains = np.array(
        [
            (sum(one.iou["box network"] - one.iou["refined outline"] for one in some), len(some))
            for some in comparisons
        ]
    )
    drawn = np.random.default_rng(0).integers(0, len(gains), (RESAMPLINGS, len(gains)))
    sums = gains[drawn].sum(axis=1)  # (resamplings, 2)
    filled = sums[:, 1] > 0
    return {
        "objects": len(objects),
        "iou": {m: statistics.fmean(one.iou[m] for one in objects) for m in METHODS},
        "edge_px": {m: statistics.fmean(one.edge_px[m] for one in objects) for m in METHODS},
        "gain_over_refined": float(gains[:, 0].sum() / gains[:, 1].sum()),
        "gain_standard_error": float(np.std(sums[filled, 0] / sums[filled, 1])),
    }


def to_table(name: str, figures: dict[str, Any]) -> Table:
    table = Table(name, title="Validation images: IoU of rectangles (edges' distance in px)")
    for title in ("objects", *METHODS, "gain over refined"):
        table.add_column(title, justify="right")
    for row, of_row in {**figures["classes"], "all": figures["all"]}.items():
        if of_row["objects"]:
            table.add_row(
                row,
                str(of_row["objects"]),
                *(f"{of_row['iou'][m]:.4f} ({of_row['edge_px'][m]:.2f})" for m in METHODS),
                f"{of_row['gain_over_refined']:+.4f} ± {of_row['gain_standard_error']:.4f}",
            )
    return table


if __name__ == "__main__":
    main()
