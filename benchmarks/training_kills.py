#!/usr/bin/env python3
"""Trainings of the studio whose process, or whose server, is killed at random moments.

    python benchmarks/training_kills.py

A server follows one small training after the other; ``kill -9`` ends it, the training, or both
after 1 to 8 seconds, each time anew, and a server that was killed is started again. It goes on
with a training that waits for a person. In the end the last one runs through. Counted are the
trainings that were finished, whether each model opens and segments, and whether each log has every
step once, after what was repeated is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

import segfit
from options import make_parser, open_build_folder, parse_arguments
from results import describe_run, write_result
from segfit.studio.jobs.following import TrainingFollower
from segfit.studio.jobs.job import JOB_NAME, LOG_NAME
from segfit.studio.jobs.models import ModelShelf
from segfit.studio.jobs.process import Life, ProcessName, look_at, send
from segfit.studio.jobs.training import TrainingJobs

SIDE_PX, IMAGES = 64, 4
PLAN = [
    *("--threads", "1", "--component", "classifier", "--batch", "1"),
    *("--set", "encoder=plain", "--set", "widths=[[8],[16],[16],[24],[32]]"),
    *("--set", "crop_px=[64,64]", "--set", "scaling.kind=field"),
]
ENOUGH = "enough"
"""A file of this name tells the server to start no further training."""
SOONEST_S, LATEST_S = 1.0, 8.0
END_S = 600.0

console = Console()


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]), steps=int(sys.argv[3]))
        return
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--kills", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="of a training (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    arguments = parse_arguments(parser, quick="--kills 0 --steps 2")
    run = describe_run(seeds=[arguments.seed], threads=1)
    folder = open_build_folder(arguments) / f"training-kills-{os.getpid()}"
    draw_images(folder)
    began = time.perf_counter()
    rng = np.random.default_rng(arguments.seed)
    killed = kill(folder, arguments.kills, rng, steps=arguments.steps)
    figures = {
        **killed,
        **check(folder, steps=arguments.steps),
        "seconds": time.perf_counter() - began,
    }
    shutil.rmtree(folder)
    console.print(figures)
    console.print(write_result("training_kills", run, figures, folder=arguments.results))


def draw_images(folder: Path) -> None:
    """Images of a square each, labelled but for their upper edge."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    classes = [{"name": "sky", "value": 0}, {"name": "cell", "value": 1}]
    (folder / "classes.json").write_text(json.dumps({"classes": classes, "ignore": [255]}))
    for number in range(IMAGES):
        labels = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        labels[20 + number : 40, 10:40] = 1
        Image.fromarray(labels * 200).save(folder / "images" / f"{number}.png")
        labels[:4] = 255
        Image.fromarray(labels).save(folder / "masks" / f"{number}.png")


def open_jobs(folder: Path) -> TrainingJobs:
    return TrainingJobs(
        folder,
        folder / ".segfit" / "jobs",
        ModelShelf(folder / ".segfit" / "models"),
        flush=lambda: None,
        wait=lambda: None,
        on_change=lambda told: None,
        on_preview=lambda path: None,
        on_model=lambda model: None,
    )


def serve(folder: Path, *, steps: int) -> None:
    """What stands for the studio: a training, and the next one, until there are enough."""
    jobs = open_jobs(folder)
    plan = [*PLAN, f"--steps={steps}"]
    jobs.open()
    while True:
        told = jobs.describe()
        if told["state"] == "failed":
            jobs.resume()
        elif told["state"] in ("idle", "finished"):
            if told["state"] == "finished" and (folder / ENOUGH).exists():
                break
            jobs.start(settings=plan)
        time.sleep(0.05)
    jobs.close()


def kill(folder: Path, kills: int, rng: np.random.Generator, *, steps: int) -> dict[str, int]:
    """Kill so many times, then let all come to its end; returns how often whom."""
    counts = {"server": 0, "training": 0, "both": 0}
    server = start_server(folder, steps)
    for _ in range(kills):
        time.sleep(rng.uniform(SOONEST_S, LATEST_S))
        whom = list(counts)[rng.integers(3)]
        counts[whom] += 1
        if whom != "server":
            for process in find_trainings(folder):
                send(process, signal.SIGKILL)
        if whom != "training":
            server.kill()
            server.wait()
            server = start_server(folder, steps)
    (folder / ENOUGH).touch()
    assert server.wait(timeout=END_S) == 0
    return {f"killed_{whom}": count for whom, count in counts.items()}


def start_server(folder: Path, steps: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, "--serve", str(folder), str(steps)])


def find_trainings(folder: Path) -> list[ProcessName]:
    """The processes that jobs name and that are there."""
    found = []
    for path in folder.glob(f".segfit/jobs/*/{JOB_NAME}"):
        job = json.loads(path.read_text())
        if job["pid"] is not None:
            found.append(ProcessName(job["pid"], job["started"]))
    return [process for process in found if look_at(process) is not Life.GONE]


def check(folder: Path, *, steps: int) -> dict[str, int]:
    """Every training is finished, every model opens, every step was taken once."""
    image = np.asarray(Image.open(folder / "images" / "0.png").convert("RGB"))
    jobs = sorted(folder.glob(f".segfit/jobs/*/{JOB_NAME}"))
    for path in jobs:
        job = json.loads(path.read_text())
        assert job["outcome"] == "finished", job
        follower = TrainingFollower(path.with_name(LOG_NAME))
        follower.read()
        assert [step for step, *_ in follower.steps] == list(range(1, steps + 1)), path
        model = segfit.load(folder / ".segfit" / "models" / f"{job['model']}.segfit")
        assert model(image).labels.shape == image.shape[:2]
    assert not find_trainings(folder)
    return {"trainings": len(jobs), "models_that_open": len(jobs), "processes_left": 0}


if __name__ == "__main__":
    main()
