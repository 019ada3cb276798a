#!/usr/bin/env python3
"""Our classifier at half resolution with the regression network, beside networks of others.

    python benchmarks/peers.py --train --minutes 1 --device cuda    where these libraries are
    python benchmarks/peers.py                                      compares what was trained

Training: each on the 20 faces for the same minutes on the same machine, by the same code with the
same images, augmentation, loss and optimiser; the peers look at the images at ``--full-side``, ours
at half of it. What was trained is left in ``--models``. Comparison, anywhere: boundary F and mean
IoU on the validation images, and the time from array to labels of some of them, enlarged to 512×384
and 1024×768, in turns, in OpenVINO, in single precision and in the fastest that costs less than 0.1
point. See ``peer_networks.py`` for who they are, and which have begun without ImageNet weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
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
from outlines import frame
from peer_networks import PEERS, peer_in_training
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.basics.text import parse_settings
from segfit.datasets import LabelledData, open_labelled
from segfit.evaluation.regions import evaluate
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile, NetworkFiles, read_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.precision import Precision
from segfit.model.scaling import Scaling
from segfit.result.method import Method
from segfit.runtime.session import Session
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter
from segfit.training.events import ClassifierRound
from segfit.training.precisions import add_precisions
from unet import TARGET_MEAN_IOU, find_time_to, print_round, time_in_turns, train_network
from unet_peer import export_peer

DATA_SET = "fasseg-frontal"
OURS = "ours"
SIZES, QUICK_SIZES = ((512, 384), (1024, 768)), ((128, 96),)
EVERY = 8
"""Of the validation images, every such one is timed."""
PRECISIONS = (Precision.SINGLE, Precision.AUTO)

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--train", action="store_true", help="train, instead of comparing")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--minutes", type=float, default=1.0, help="of each (%(default)s)")
    parser.add_argument("--device", default="auto", help="to train on (%(default)s)")
    parser.add_argument("--full-side", type=int, default=512, help="px (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, help="folder of what was trained")
    parser.add_argument("--turns", type=int, default=30, help="timed, of each (%(default)s)")
    add_settings(parser, of="all plans")
    arguments = parse_arguments(
        parser,
        quick=f"--peers unet --full-side 96 --turns 1 --minutes {QUICK_MINUTES} {QUICK_PLAN}",
    )
    folder = find_data(parser, arguments, DATA_SET)
    models = arguments.models or open_build_folder(arguments) / "peers"
    data = open_labelled(folder)
    if arguments.train or arguments.quick:
        models.mkdir(parents=True, exist_ok=True)
        train(data, models, arguments)
    if not arguments.train:
        run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
        figures = compare(data, models, arguments)
        console.print(to_table(figures))
        console.print(write_result("peers", run, figures, folder=arguments.results))


def train(data: LabelledData, models: Path, arguments: Any) -> None:
    """Leave a model of ours, each peer's graph, and how they were trained."""
    settings = parse_settings(arguments.settings)
    console.print(OURS)
    result = segfit.train(
        data,
        models / "ours.segfit",
        minutes=arguments.minutes,
        plan={"scaling": frame(arguments.full_side // 2), **settings},
        seed=arguments.seed,
        threads=arguments.threads,
        device=arguments.device,
        force=True,
        on_event=print_round,
    )
    trained = {OURS: describe_training(result.rounds)}
    for name in arguments.peers:
        console.print(PEERS[name].title)
        with peer_in_training(PEERS[name]):
            network, engine, _ = train_network(
                data,
                {"scaling": frame(arguments.full_side), **settings},
                minutes=arguments.minutes,
                seed=arguments.seed,
                device=arguments.device,
            )
        (models / f"{name}.onnx").write_bytes(
            export_peer(network, height=128, width=96, any_size=True)
        )
        trained[name] = describe_training(engine.rounds)
    about = {"minutes": arguments.minutes, "device": arguments.device, "trained": trained}
    (models / "trained.json").write_text(json.dumps(about, indent=1))


def describe_training(rounds: Sequence[ClassifierRound]) -> dict[str, Any]:
    """How far a classifier came, and when it reached the target first."""
    return {
        "steps": rounds[-1].step,
        "seconds": rounds[-1].seconds,
        f"seconds_to_{TARGET_MEAN_IOU}": find_time_to(TARGET_MEAN_IOU, list(rounds)),
    }


def compare(data: LabelledData, models: Path, arguments: Any) -> dict[str, Any]:
    """Accuracy of all in all precisions, then their times, in turns."""
    about = json.loads((models / "trained.json").read_text())
    sizes = QUICK_SIZES if arguments.quick else SIZES
    rows: dict[str, Any] = {}
    jobs: dict[tuple[int, int], dict[str, Callable[[], object]]] = {size: {} for size in sizes}
    validation = data.splits["val"]
    chosen = [validation[number].image for number in range(0, len(validation), EVERY)]
    views = {size: [enlarge(image, size) for image in chosen] for size in sizes}
    contenders = read_contenders(data, models, full_side=arguments.full_side)
    for name, model in contenders.items():
        share = 2 if name == OURS else 1  # it sees half as many pixels
        for precision in PRECISIONS:
            key = f"{name} {precision}"
            sessions = open_sessions(model, threads=arguments.threads, precision=precision)
            method = open_contender(model, sessions)
            report = evaluate(method(arguments.full_side // share), data.splits["val"]).to_dict()
            faster = model.card.classifier.faster
            rows[key] = {
                "title": "ours" if name == OURS else PEERS[name].title,
                "pretrained": name == OURS or PEERS[name].is_pretrained,
                "precision": str(precision),
                "losses": None if faster is None else faster.losses,
                "computed": repr(sessions["classifier"]),
                "mean_iou": report["mean_iou"],
                "boundary_f": report["boundary_f"],
                "median_ms": {},
            }
            for size in sizes:
                jobs[size][key] = as_job(method(max(size) // share), views[size])
    for size in sizes:
        seconds = time_in_turns(jobs[size], turns=arguments.turns)
        for key, values in seconds.items():
            each = 1000 * median(values) / len(views[size])
            rows[key]["median_ms"][f"{size[0]}×{size[1]}"] = each
    return {**about, "rows": rows}


def enlarge(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """An image at another size, (height, width)."""
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def as_job(method: Method, images: list[UInt8Array]) -> Callable[[], object]:
    return lambda: [method(image).labels for image in images]


def open_contender(
    model: ModelFile[ModelCard], sessions: Mapping[str, Session]
) -> Callable[[int], Method]:
    """What makes of a long side in pixels what segments by it."""
    return lambda side: Segmenter(scale(model.card, side), sessions)


def read_contenders(
    data: LabelledData, models: Path, *, full_side: int
) -> dict[str, ModelFile[ModelCard]]:
    """Our model and the peers' as models, all measured in faster precisions."""
    found = {OURS: add_precisions(read_model(models / "ours.segfit"), data)}
    outputs = 1 if data.classes.is_binary else len(data.classes)
    for name in PEERS:
        path = models / f"{name}.onnx"
        if path.is_file():
            card = ModelCard(
                name=name,
                classes=data.classes,
                scaling=Scaling("frame", long_side_px=full_side),
                networks=list_networks(NetworkCard(ClassifierArchitecture(outputs=outputs))),
                segfit_version=segfit.__version__,
                created="",
            )
            files = NetworkFiles(path.read_bytes(), weights=b"")
            found[name] = add_precisions(ModelFile(card, {"classifier": files}), data)
    return found


def scale(card: ModelCard, long_side_px: int) -> ModelCard:
    return card.model_copy(update={"scaling": Scaling("frame", long_side_px=long_side_px)})


def to_table(figures: dict[str, Any]) -> Table:
    table = Table("network", "precision", title=f"{DATA_SET}, validation images")
    sizes = list(next(iter(figures["rows"].values()))["median_ms"])
    for title in ("mean IoU", "F@1 px", "F@2 px", *(f"ms at {size}" for size in sizes)):
        table.add_column(title, justify="right")
    for row in figures["rows"].values():
        table.add_row(
            row["title"] + ("" if row["pretrained"] else " (not pretrained)"),
            row["computed"].rpartition(" in ")[2] if " in " in row["computed"] else "single",
            f"{row['mean_iou']:.4f}",
            f"{row['boundary_f']['1']:.4f}",
            f"{row['boundary_f']['2']:.4f}",
            *(f"{row['median_ms'][size]:.1f}" for size in sizes),
        )
    return table


if __name__ == "__main__":
    main()
