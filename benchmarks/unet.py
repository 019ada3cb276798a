#!/usr/bin/env python3
"""Our classifier beside a U-Net with the same encoder, in one run.

    python benchmarks/unet.py                       speed alone
    python benchmarks/unet.py --train-minutes 3     accuracy, too: 3 minutes for each

Speed: both networks alone, from uint8 image to logits, in OpenVINO fp32, taking turns; and each
end to end, from array to labels of the original size. The peer's graph has fixed shapes, ours is
the one that ships. Accuracy: both trained by the same code on the same data with the same plan, for
the same wall clock, and measured on the validation images. ``--peer-set`` gives the peer settings
of its own, such as ``--peer-set frozen_stages=0`` or ``--peer-set coarse_share=0.3``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from statistics import median
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
    parse_arguments,
)
from results import DEMO_DATA, describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.basics.text import parse_settings
from segfit.classes import ClassTable
from segfit.classification.classify import ScoreNetwork, classify
from segfit.classification.decision import Decision, decide_labels
from segfit.datasets import LabelledData, open_labelled
from segfit.evaluation.regions import evaluate
from segfit.formats import Content
from segfit.imaging.read import read_image
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile, NetworkFiles
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.runtime.session import Session
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter
from segfit.training.classifier import ClassifierTraining
from segfit.training.engine import Engine
from segfit.training.events import ClassifierRound, Event
from segfit.training.inference import as_score_network
from segfit.training.placement import find_placement
from segfit.training.plan.plan import Plan, make_plan
from unet_peer import Unet, export_peer, unet_in_training

SIZES = ((512, 384), (1024, 768))
QUICK_SIZES = ((128, 96),)
WARM_UP_TURNS = 10
TARGET_MEAN_IOU = 0.86
SPEEDUP_WANTED = 4.0
END_TO_END_WANTED = 1.4
DATA_SET = "fasseg-frontal"
CLASSES = ClassTable.from_names(("background", "hair", "skin", "nose", "eyes", "mouth"))
ASTRONAUT = DEMO_DATA / "astronaut.jpg"

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--turns", type=int, default=40, help="timed, of each (%(default)s)")
    parser.add_argument("--train-minutes", type=float, help="train each for so long, and compare")
    parser.add_argument("--seed", type=int, default=0)
    add_settings(parser, of="both plans")
    parser.add_argument(
        "--peer-set", action="append", default=[], metavar="KEY=VALUE",
        help="a setting of the peer's plan alone",
    )  # fmt: skip
    arguments = parse_arguments(
        parser, quick=f"--turns 1 --train-minutes {QUICK_MINUTES} {QUICK_PLAN}"
    )

    trains = arguments.train_minutes is not None
    folders = [find_data(parser, arguments, DATA_SET)] if trains else []
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=folders)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)

    sizes = QUICK_SIZES if arguments.quick else SIZES
    figures: dict[str, Any] = {
        "speed": [
            measure_speed(size, threads=arguments.threads, turns=arguments.turns) for size in sizes
        ]
    }
    console.print(speed_table(figures["speed"]))
    if trains:
        shared = parse_settings(arguments.settings)
        figures["accuracy"] = compare_training(
            open_labelled(folders[0]),
            minutes=arguments.train_minutes,
            ours=shared,
            peers={**shared, **parse_settings(arguments.peer_set)},
            seed=arguments.seed,
        )
        console.print(accuracy_table(figures["accuracy"]))
    console.print(write_result("unet", run, figures, folder=arguments.results))


def measure_speed(size: tuple[int, int], *, threads: int, turns: int) -> dict[str, Any]:
    """Median milliseconds of both networks and both paths at one size (height, width)."""
    height, width = size
    image = cv2.resize(read_image(ASTRONAUT), (width, height), interpolation=cv2.INTER_AREA)
    batch = np.ascontiguousarray(image[None])
    scaling = Scaling(kind="frame", long_side_px=max(size))
    sessions, card = open_ours(scaling, threads=threads)
    our_network = as_function(sessions["classifier"])
    peer_network = open_peer(size, threads=threads)
    segmenter = Segmenter(card, sessions)
    peer = NetworkMethod(peer_network, CLASSES, scaling)

    seconds = time_in_turns(
        {
            "our_network": lambda: our_network(batch),
            "peer_network": lambda: peer_network(batch),
            "ours_end_to_end": lambda: segmenter(image),
            "peer_end_to_end": lambda: peer(image),
        },
        turns=turns,
    )
    milliseconds = {name: 1000 * median(values) for name, values in seconds.items()}
    return {
        "height": height,
        "width": width,
        "turns": turns,
        "median_ms": milliseconds,
        "fastest_ms": {name: 1000 * min(values) for name, values in seconds.items()},
        "network_speedup": milliseconds["peer_network"] / milliseconds["our_network"],
        "end_to_end_speedup": milliseconds["peer_end_to_end"] / milliseconds["ours_end_to_end"],
        "end_to_end_per_network": milliseconds["ours_end_to_end"] / milliseconds["our_network"],
    }


def open_ours(scaling: Scaling, *, threads: int) -> tuple[dict[str, Session], ModelCard]:
    """Our classifier as a model file holds it, with an untrained decoder."""
    network = Classifier(ClassifierArchitecture(outputs=len(CLASSES)), pretrained=True).eval()
    card = make_card(network.architecture, scaling)
    model = ModelFile(card, {"classifier": export_network(network)})
    return open_sessions(model, threads=threads), card


def make_card(architecture: ClassifierArchitecture, scaling: Scaling) -> ModelCard:
    return ModelCard(
        name="untrained",
        classes=CLASSES,
        scaling=scaling,
        networks=list_networks(NetworkCard(architecture)),
        segfit_version=segfit.__version__,
        created="",
    )


def open_peer(size: tuple[int, int], *, threads: int) -> ScoreNetwork:
    """The U-Net in the very runtime that ours has, with an untrained decoder."""
    height, width = size
    graph = export_peer(Unet(len(CLASSES)), height=height, width=width)
    card = make_card(ClassifierArchitecture(outputs=len(CLASSES)), Scaling("field"))
    model = ModelFile(card, {"classifier": NetworkFiles(graph, weights=b"")})
    return as_function(open_sessions(model, threads=threads)["classifier"])


def as_function(session: Session) -> ScoreNetwork:
    """A session of a classifier as a function of images."""
    return lambda images: session.run({"images": images})


def time_in_turns(
    jobs: Mapping[str, Callable[[], object]], *, turns: int
) -> dict[str, list[float]]:
    """Seconds of each job, A B C A B C …, so that a busy moment meets all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    warm_up = min(WARM_UP_TURNS, turns)
    for turn in range(warm_up + turns):
        for name, job in jobs.items():
            began = time.perf_counter()
            job()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - began)
    return seconds


@dataclass(frozen=True)
class NetworkMethod:
    """Any network as a ``Method``: the path of ``Segmenter`` without a model file."""

    network: ScoreNetwork
    classes: ClassTable
    scaling: Scaling
    provides: frozenset[Content] = frozenset({Content.SCORES})

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        scores = classify(image, network=self.network, scaling=self.scaling)
        grid = LabelGrid(decide_labels(scores, Decision()))
        return Segmentation(image, grid, self.classes, scores=scores)


def compare_training(
    data: LabelledData,
    *,
    minutes: float,
    ours: Mapping[str, Any],
    peers: Mapping[str, Any],
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Train and measure our classifier, then the peer, each by its own settings."""
    contenders: dict[str, tuple[Mapping[str, Any], AbstractContextManager[None]]] = {
        "ours": (ours, nullcontext()),
        "unet": (peers, unet_in_training()),
    }
    figures = {}
    for name, (settings, context) in contenders.items():
        console.print(f"training {name} for {minutes:g} minutes")
        with context:
            figures[name] = train_and_measure(data, settings, minutes=minutes, seed=seed)
    return figures


def train_and_measure(
    data: LabelledData, settings: Mapping[str, Any], *, minutes: float, seed: int
) -> dict[str, Any]:
    """One training of so many minutes, rounds of validation included, and what it reached."""
    network, engine, plan = train_network(data, settings, minutes=minutes, seed=seed)
    method = NetworkMethod(as_score_network(network), data.classes, plan.scaling)
    report = evaluate(method, data.splits["val"])
    return {
        "mean_iou": report.mean_iou,
        "boundary_f": report.to_dict()["boundary_f"],
        "seconds_to_target": find_time_to(TARGET_MEAN_IOU, engine.rounds),
        "target_mean_iou": TARGET_MEAN_IOU,
        "seconds": engine.seconds,
        "steps": engine.step,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "validation": report.to_dict(),
        "rounds": [asdict(done) for done in engine.rounds],
        "plan": plan.model_dump(mode="json"),
    }


def train_network(
    data: LabelledData,
    settings: Mapping[str, Any],
    *,
    minutes: float,
    seed: int,
    device: str = "cpu",
) -> tuple[Classifier, Engine[Classifier, ClassifierRound], Plan]:
    """Train for so many minutes, rounds of validation included."""
    plan, _ = make_plan(data.splits["train"], overrides={**settings, "minutes": minutes})
    training = ClassifierTraining(
        data,
        plan,
        seed=seed,
        budget_seconds=60 * minutes,
        placement=find_placement(device)[0],
    )
    engine = Engine(training)
    return engine.run(on_event=print_round, save=lambda state: None), engine, plan


def print_round(event: Event) -> None:
    if isinstance(event, ClassifierRound):
        console.print(f"{event.seconds:.0f} s, step {event.step}: mean IoU {event.mean_iou:.4f}")


def find_time_to(target: float, rounds: list[ClassifierRound]) -> float | None:
    """Seconds until the first validation that reached the target; None if none did."""
    return next((done.seconds for done in rounds if done.mean_iou >= target), None)


def speed_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("height × width", title="Milliseconds, medians, OpenVINO fp32")
    for title in ("our network", "U-Net", "times faster", "ours, end to end", "U-Net, end to end"):
        table.add_column(title, justify="right")
    table.add_column("end to end / network", justify="right")
    for row in rows:
        ms = row["median_ms"]
        table.add_row(
            f"{row['height']}×{row['width']}",
            f"{ms['our_network']:.1f}",
            f"{ms['peer_network']:.1f}",
            f"{row['network_speedup']:.2f} (wanted: {SPEEDUP_WANTED})",
            f"{ms['ours_end_to_end']:.1f}",
            f"{ms['peer_end_to_end']:.1f}",
            f"{row['end_to_end_per_network']:.2f} (at most {END_TO_END_WANTED})",
        )
    return table


def accuracy_table(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("network", title=f"{DATA_SET}, validation images")
    for title in ("mean IoU", "F@1 px", "F@2 px", f"seconds to {TARGET_MEAN_IOU}", "steps"):
        table.add_column(title, justify="right")
    for name, row in figures.items():
        reached = row["seconds_to_target"]
        table.add_row(
            name,
            f"{row['mean_iou']:.4f}",
            f"{row['boundary_f']['1']:.3f}",
            f"{row['boundary_f']['2']:.3f}",
            "not reached" if reached is None else f"{reached:.0f}",
            str(row["steps"]),
        )
    return table


if __name__ == "__main__":
    main()
