#!/usr/bin/env python3
"""A loaded model in many threads, over images of many sizes: right answers, memory that levels off.

    python benchmarks/threads.py

Memory is measured in a fresh process per model and setting, against what OpenVINO keeps by itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from segfit.methods import open_edge_finder
from segfit.result.segmentation import Segmentation
from segfit.runtime.openvino import KEPT_PRIMITIVES
from segfit.runtime.session import Backend

PORTRAIT, NUCLEI = (
    DEMO_DATA / "astronaut.jpg",
    DEMO_DATA / "nuclei" / "train" / "images" / "fluorescence_0287e7ee5b00.png",
)
SIZES = ((96, 128), (160, 120), (200, 180), (64, 64), (140, 150), (90, 200), (128, 128), (75, 110))
CALLERS = 8
KEPT_BY_OPENVINO = 5000

MEMORY = """
import json, sys
from pathlib import Path
import cv2, numpy as np, segfit
from segfit.runtime import openvino

model, path, images, kept, largest = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
openvino.KEPT_PRIMITIVES = kept
image = cv2.imread(path)[..., ::-1]
segmenter = segfit.load(model, threads=1)

def show(width, height):
    segmenter(np.ascontiguousarray(cv2.resize(image, (width, height))))
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

rng = np.random.default_rng(0)
held = [show(largest, largest)]
held += [show(*rng.integers(96, largest, 2).tolist()) for _ in range(images)]
print(json.dumps([held[number * images // 6] for number in range(7)]))
"""
"""Resident megabytes (10⁶) after the largest image and after each sixth of the others."""

console = Console()


@dataclass(frozen=True)
class Load:
    """How much is asked for.

    Of each model, calls in threads on images of ``sizes``; of ``memory_models``, memory over
    ``images`` of up to ``largest_px`` for each number of primitives kept; looks at a prepared size.
    """

    calls: int
    images: int
    largest_px: int
    looks: int
    sizes: tuple[tuple[int, int], ...]
    backends: tuple[Backend, ...]
    memory_models: tuple[str, ...]
    kept_primitives: tuple[int, ...]


LOAD = Load(
    400,
    600,
    400,
    100,
    SIZES,
    tuple(Backend),
    ("face", "nuclei"),
    (KEPT_PRIMITIVES, KEPT_BY_OPENVINO),
)
QUICK_LOAD = Load(8, 6, 128, 2, SIZES[:2], (Backend.OPENVINO,), ("nuclei",), (KEPT_PRIMITIVES,))


def main() -> None:
    parser = make_parser(__doc__, data=False)
    arguments = parse_arguments(parser, quick="")
    load = QUICK_LOAD if arguments.quick else LOAD
    run = describe_run(seeds=(0,), threads=arguments.threads)
    figures: dict[str, Any] = {
        "callers": CALLERS,
        "threads": count_wrong(load, threads=arguments.threads),
        "memory_mb": measure_memory(load),
        "prepare": measure_prepare(load.looks, threads=arguments.threads),
    }
    console.print(to_table(figures))
    console.print(write_result("threads", run, figures, folder=arguments.results))


def count_wrong(load: Load, *, threads: int) -> list[dict[str, Any]]:
    """How many answers in threads are not to the last bit those of one thread, and the seconds."""
    rows = []
    for backend in load.backends:
        for name, answer in open_models(backend, load.sizes, threads=threads).items():
            expected = [answer(index) for index in range(len(load.sizes))]
            turns = [call % len(load.sizes) for call in range(load.calls)]
            began = time.perf_counter()
            with ThreadPoolExecutor(CALLERS) as pool:
                found = list(pool.map(answer, turns))
            seconds = time.perf_counter() - began
            wrong = sum(one != expected[turn] for turn, one in zip(turns, found, strict=True))
            rows.append(
                {"model": name, "backend": backend.value, "calls": load.calls, "wrong": wrong}
                | {"seconds": seconds}
            )
            console.print(rows[-1])
    return rows


def open_models(
    backend: Backend, sizes: Sequence[tuple[int, int]], *, threads: int
) -> dict[str, Callable[[int], bytes]]:
    """What answers for the image of a number, to the last bit, by the model's name."""
    portrait, nuclei = read_sizes(PORTRAIT, sizes), read_sizes(NUCLEI, sizes)
    masks = [(image.mean(axis=2) > 110).astype(np.uint8) for image in portrait]
    face, cells = (
        segfit.load(name, backend=backend, threads=threads) for name in ("face", "nuclei")
    )
    refiner = segfit.load_refiner("outlines", backend=backend, threads=threads)
    finder = open_edge_finder("learned", backend=backend, threads=threads)
    return {
        "face": lambda index: read_bits(face(portrait[index])),
        "face, boxes": lambda index: read_boxes(face(portrait[index])),
        "nuclei": lambda index: read_bits(cells(nuclei[index])),
        "outlines": lambda index: read_bits(refiner(masks[index], portrait[index])),
        "edges": lambda index: finder.find(portrait[index])[0].strength.tobytes(),
    }


def read_sizes(path: Path, sizes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """An image at all sizes (width, height), RGB."""
    image = cv2.imread(str(path))[..., ::-1]
    return [np.ascontiguousarray(cv2.resize(image, size)) for size in sizes]


def read_bits(result: Segmentation) -> bytes:
    partition = result.partition
    arrays = (result.labels, partition.points, partition.error_px)
    return b" ".join(array.tobytes() for array in arrays if array is not None)


def read_boxes(result: Segmentation) -> bytes:
    """The rectangles that the box network has moved, with their errors."""
    boxes = [region.box for region in result.regions]
    moved = [box.error_px for box in boxes if box.error_px is not None]
    assert moved, "no box was moved"
    return b" ".join([repr(boxes).encode(), *(error.tobytes() for error in moved)])


def measure_memory(load: Load) -> list[dict[str, Any]]:
    """Resident memory over images of different sizes, as shipped and as OpenVINO would have it."""
    rows = []
    for model in load.memory_models:
        path = {"face": PORTRAIT, "nuclei": NUCLEI}[model]
        for kept in load.kept_primitives:
            answer = subprocess.run(
                [sys.executable, "-c", MEMORY, model, str(path)]
                + [str(number) for number in (load.images, kept, load.largest_px)],
                capture_output=True,
                text=True,
                check=True,
            )
            held = json.loads(answer.stdout)
            rows.append(
                {"model": model, "images": load.images, "kept_primitives": kept, "held": held}
            )
            console.print(rows[-1])
    return rows


def measure_prepare(turns: int, *, threads: int) -> dict[str, float]:
    """Seconds that preparing a size takes, and milliseconds a classifier's look then takes less."""
    any_size, prepared = (segfit.load("face", threads=threads) for _ in range(2))
    image = cv2.resize(cv2.imread(str(PORTRAIT))[..., ::-1], (192, 256))
    began = time.perf_counter()
    prepared.prepare((256, 192))
    seconds = time.perf_counter() - began
    took: dict[str, list[float]] = {"any_size": [], "prepared": []}
    for _ in range(turns):
        for name, segmenter in (("any_size", any_size), ("prepared", prepared)):
            began = time.perf_counter()
            segmenter.score(image)
            took[name].append((time.perf_counter() - began) * 1e3)
    return {"seconds": seconds} | {
        f"{name}_ms": float(np.median(values)) for name, values in took.items()
    }


def to_table(figures: dict[str, Any]) -> Table:
    table = Table("what", title=f"{CALLERS} threads")
    table.add_column("measured", justify="right")
    for row in figures["threads"]:
        table.add_row(
            f"{row['model']}, {row['backend']}",
            f"{row['wrong']} of {row['calls']} wrong, {row['seconds']:.0f} s",
        )
    for row in figures["memory_mb"]:
        table.add_row(
            f"{row['model']}, {row['images']} sizes, {row['kept_primitives']} primitives kept",
            " → ".join(f"{held:.0f}" for held in row["held"]) + " MB",
        )
    prepare = figures["prepare"]
    table.add_row("preparing a size", f"{prepare['seconds']:.2f} s")
    table.add_row(
        "a look, any size → prepared",
        f"{prepare['any_size_ms']:.1f} → {prepare['prepared_ms']:.1f} ms",
    )
    return table


if __name__ == "__main__":
    main()
