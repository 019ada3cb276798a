"""The process of ``smp_recipe.py``: what it is given, and what it leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.datasets import LabelledData


def run_recipe(
    data: LabelledData, place: Path, options: Mapping[str, object], *, python: Path | None
) -> tuple[dict[str, Any], list[UInt8Array]]:
    """Train the peer; returns what it took, and its labels of the validation images.

    ``place``: a folder for the exchange, in place of an earlier one, gone afterwards. ``python``:
    that of an environment with the peer's libraries; None for a stand-in without them.
    """
    shutil.rmtree(place, ignore_errors=True)
    for split in ("train", "val"):
        (place / split).mkdir(parents=True)
        for number, example in enumerate(data.splits[split]):
            arrays = {"image": example.image}
            if split == "train":
                arrays["labels"] = example.labels
            np.savez(place / split / f"{number:05}.npz", **arrays)
    outputs = 1 if len(data.classes) == 2 else len(data.classes)
    given = {"--outputs": outputs, **options}
    subprocess.run(
        [
            python or sys.executable,
            Path(__file__).with_name("smp_recipe.py"),
            place,
            *(str(part) for option in given.items() for part in option),
            *([] if python else ["--stand-in"]),
        ],
        check=True,
    )
    told: dict[str, Any] = json.loads((place / "told.json").read_text())
    labels = read_labels(place / "predicted.npz")
    shutil.rmtree(place)
    return told, labels


def read_labels(path: Path) -> list[UInt8Array]:
    """Labels (H, W) of all validation images, in their order."""
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]
