#!/usr/bin/env python3
"""What exported graphs say of an image beside the model itself, and what large images cost.

    python benchmarks/exported.py

The share of pixels of the validation images whose label is another one, in ONNX Runtime and in
OpenVINO, the latter also with all weights in half precision. Fields of nuclei, which the model
itself works on in windows, as a whole. Peak memory and seconds are those of a process that runs the
graph on one image for the first time in ONNX Runtime.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
from PIL import Image
from rich.console import Console
from rich.table import Table

import segfit
from footprint import run_python
from memory import Case
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import UInt8Array
from segfit.classification.decision import Decision, decide_labels
from segfit.datasets import open_labelled

SETS = {"face": "fasseg-frontal", "nuclei": "dsb2018"}
"""Data sets by the shipped models that learned from them."""
FIELDS = [Case("nuclei", 2560, 3072)]
LARGE = [
    Case("face", 3000, 4000),
    Case("face", 10_000, 10_000),
    Case("nuclei", 1024, 1024),
    Case("nuclei", 2048, 2048),
]
QUICK_CASES = [Case("nuclei", 64, 80)]

RUN = """
import json, resource, sys, time
from pathlib import Path
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[3])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
image = np.load(sys.argv[2])
began = time.perf_counter()
session.run(["labels", "scores"], {"image": image})
seconds = time.perf_counter() - began
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.is_file() else []
peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
peak = [*peaks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss][0]
print(json.dumps({"seconds": seconds, "peak_mb": peak * 1024 / 1e6}))
"""
Label = Callable[[UInt8Array], UInt8Array]

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    arguments = parse_arguments(parser, quick="")
    folders = {name: find_data(parser, arguments, name) for name in SETS.values()}
    run = describe_run(seeds=(), threads=arguments.threads, data=list(folders.values()))
    figures: dict[str, Any] = {"labels": {}, "fields": [], "large": []}
    with tempfile.TemporaryDirectory() as temporary:
        exported = {model: Path(temporary) / model for model in SETS}
        for model, folder in exported.items():
            segfit.export_model(model, folder, formats=["onnx", "openvino"])
        for model, name in SETS.items():
            runtimes = open_runtimes(exported[model], threads=arguments.threads)
            own = open_own(model, threads=arguments.threads)
            images = list(read_images(folders[name], quick=arguments.quick))
            figures["labels"][name] = {
                runtime: compare(images, own, label) for runtime, label in runtimes.items()
            }
        for case in QUICK_CASES if arguments.quick else FIELDS:
            runtimes = open_runtimes(exported[case.model], threads=arguments.threads)
            own = open_own(case.model, threads=arguments.threads)
            compared = compare([case.draw()], own, runtimes["ONNX Runtime"])
            figures["fields"].append({**asdict(case), **compared})
        for case in QUICK_CASES if arguments.quick else LARGE:
            measured = measure(case, exported[case.model], threads=arguments.threads)
            figures["large"].append({**asdict(case), **measured})
    console.print(to_table(figures))
    console.print(write_result("exported", run, figures, folder=arguments.results))


def open_own(model: str, *, threads: int) -> Label:
    """Labels by the model itself, as its classifier has them."""
    segmenter = segfit.load(model, backend="onnxruntime", threads=threads)
    threshold = segmenter.card.threshold if segmenter.classes.is_binary else None
    return lambda image: decide_labels(segmenter.score(image), Decision(threshold=threshold))


def open_runtimes(folder: Path, *, threads: int) -> dict[str, Label]:
    """What runs an exported graph, by names."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        folder / "segment.onnx", options, providers=["CPUExecutionProvider"]
    )
    half = folder / "half.xml"
    core = openvino.Core()
    openvino.save_model(core.read_model(folder / "segment.onnx"), half, compress_to_fp16=True)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    single, in_half = (
        core.compile_model(path, "CPU", settings) for path in (folder / "segment.xml", half)
    )
    return {
        "ONNX Runtime": lambda image: np.asarray(session.run(["labels"], {"image": image})[0]),
        "OpenVINO": lambda image: np.asarray(single(image)["labels"]),
        "OpenVINO, half": lambda image: np.asarray(in_half(image)["labels"]),
    }


def read_images(folder: Path, *, quick: bool) -> Iterator[UInt8Array]:
    """The validation images of a data set."""
    validation = open_labelled(folder).splits["val"]
    for index in range(1 if quick else len(validation)):
        yield np.ascontiguousarray(validation[index].image)


def compare(images: Iterable[UInt8Array], own: Label, label: Label) -> dict[str, Any]:
    """Shares of pixels with another label than the model's: of all, and of the worst image."""
    other, pixels, worst = 0, 0, 0.0
    for image in images:
        differs = own(image) != label(image)
        other, pixels = other + int(differs.sum()), pixels + differs.size
        worst = max(worst, float(differs.mean()))
    return {"pixels": pixels, "share": other / pixels, "worst_share": worst}


def measure(case: Case, folder: Path, *, threads: int) -> dict[str, Any]:
    """Seconds and peak megabytes (10⁶) of one image in a process of its own."""
    if case.model == "face":  # the portrait enlarged
        portrait = Image.fromarray(Case("face", 512, 384).draw())
        image = np.asarray(portrait.resize((case.width, case.height), Image.Resampling.BICUBIC))
    else:
        image = case.draw()
    path = folder / "image.npy"
    np.save(path, image)
    _, printed = run_python(["-c", RUN, str(folder / "segment.onnx"), str(path), str(threads)])
    figures: dict[str, Any] = json.loads(printed)
    return figures


def to_table(figures: dict[str, Any]) -> Table:
    table = Table("what", title="Exported graphs")
    for title in ("other labels", "worst image", "s", "MB"):
        table.add_column(title, justify="right")
    for name, runtimes in figures["labels"].items():
        for runtime, one in runtimes.items():
            shares = (f"{one['share']:.4%}", f"{one['worst_share']:.3%}")
            table.add_row(f"{name}, {runtime}", *shares, "", "")
    for one in figures["fields"]:
        size = f"{one['model']}, {one['height']}×{one['width']} px"
        table.add_row(f"{size}, whole beside windows", f"{one['share']:.4%}", "", "", "")
    for one in figures["large"]:
        size = f"{one['model']}, {one['height']}×{one['width']} px"
        table.add_row(size, "", "", f"{one['seconds']:.1f}", f"{one['peak_mb']:,.0f}")
    return table


if __name__ == "__main__":
    main()
