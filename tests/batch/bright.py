"""A method that is quick, dies when it is told to, and images for it; results to compare."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from segfit.batch.predict import apply_method
from segfit.batch.record import Recording
from segfit.classes import ClassTable
from segfit.partition import LabelGrid
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation

FORMATS = ("mask", "coco", "cvat", "label-studio", "table")
SETTINGS = {"model": "bright", "threshold": 0.5}


class KilledError(BaseException):
    """What ends a process at once, as far as it can be had within one."""


class Bright:
    """Brighter pixels are of class 1; it remembers the images, and dies at one of them.

    ``dies_at``: the number of images after which it ends as by a kill. ``kills_at``: the image at
    which it kills its process; -1 for each. ``waits_s``: that each image takes.
    """

    classes = ClassTable.from_names(("dark", "bright"))
    provides = frozenset()

    def __init__(
        self, *, dies_at: int | None = None, kills_at: int | None = None, waits_s: float = 0
    ) -> None:
        self.seen: list[int] = []
        self.dies_at, self.kills_at, self.waits_s = dies_at, kills_at, waits_s

    def __call__(self, image) -> Segmentation:
        if len(self.seen) == self.dies_at:
            raise KilledError
        time.sleep(self.waits_s)
        self.seen.append(int(image[0, 0, 0]))
        if self.kills_at in (self.seen[-1], -1):
            os.kill(os.getpid(), signal.SIGKILL)
        labels = (image[..., 0] > 127).astype(np.uint8)
        return Segmentation(image, LabelGrid(labels, None), self.classes)


class Slow:
    """A method that takes some seconds longer."""

    def __init__(self, method: Method, waits_s: float) -> None:
        self.classes, self.provides = method.classes, method.provides
        self.method, self.waits_s = method, waits_s

    def __call__(self, image) -> Segmentation:
        time.sleep(self.waits_s)
        return self.method(image)


def draw_squares(folder: Path) -> list[Path]:
    """Seven images, told apart by their first pixel, with one to seven bright squares."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(7)]
    for number, path in enumerate(paths):
        values = np.zeros((16, 60), np.uint8)
        values[0, 0] = number
        for square in range(number + 1):
            values[6:10, 4 + 8 * square : 8 + 8 * square] = 200
        Image.fromarray(values).save(path)
    return paths


def run(
    images, output, method=None, *, formats=FORMATS, settings=SETTINGS, resume=True, shard=None,
    **options,
):  # fmt: skip
    recording = Recording(settings, resume=resume, shard=shard)
    method = method or Bright()
    return apply_method(method, images, output, formats, recording=recording, **options)


def read_results(output: Path) -> dict[str, bytes]:
    """All files but the manifests, which have times in them."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and not path.name.startswith("manifest")
    }


def count_done(output: Path) -> Counter[str]:
    lines = [
        json.loads(line)
        for file in output.glob("manifest*.jsonl")
        for line in file.read_text().splitlines()
    ]
    return Counter(Path(line["path"]).name for line in lines if line.get("status") == "done")
