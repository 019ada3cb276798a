#!/usr/bin/env python3
"""Folders of images on one core and on two: throughput of whole runs, and what bounds it.

    python benchmarks/folders.py
    python benchmarks/folders.py --ray

Photographs of 24 megapixels (FASSEG's portraits, enlarged, as JPEG) by the face model, and many
small images by the nuclei model, to masks, as ``segfit predict`` does it: held to one core, then to
two; beside it, decoding and segmenting alone, a loop on each of two cores, that writes nothing. In
turns, the median counts. Seconds are those of the batch, with the start of its processes. With
``--ray``, the same on a Ray cluster of two nodes of one core each, beside one process with two
threads.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from large_images import write_images
from options import find_data, make_parser, open_build_folder, parse_arguments
from results import DEMO_DATA, describe_run, write_result

SET = "fasseg-frontal"
RUN = """
import json, os, resource, time
os.sched_setaffinity(0, {cores})
from pathlib import Path
from segfit.batch.predict import apply_method
from segfit.batch.record import Recording
from segfit.batch.workers import Workers
from segfit.imaging.find import find_images
from segfit.segmenter import AdjustedSegmenter, load
if __name__ == "__main__":
    workers = Workers({workers}, {threads}, ray={ray!r})
    method = AdjustedSegmenter(load({model!r}, threads={threads}))
    began = time.process_time()
    report = apply_method(
        method, find_images([{images!r}]), Path({output!r}), ["mask"],
        recording=Recording({{}}), workers=workers,
    )
    assert not report.failed, report.failed[0].reason
    own = time.process_time() - began
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    others = children.ru_utime + children.ru_stime
    if workers.ray:
        import ray
        ray.shutdown()
    print(json.dumps({{"seconds": report.seconds, "own_cpu_s": own, "others_cpu_s": others}}))
"""
ALONE = """
import json, os, time
os.sched_setaffinity(0, {{{core}}})
import cv2
cv2.setNumThreads(1)
from segfit.batch.predict import open_image
from segfit.imaging.find import find_images
from segfit.segmenter import AdjustedSegmenter, load
method = AdjustedSegmenter(load({model!r}, threads=1))
images = find_images([{images!r}])[{part}::2]
method(open_image(images[0], channels=None).image)
began = time.perf_counter()
for path in images:
    method(open_image(path, channels=None).image)
print(json.dumps(time.perf_counter() - began))
"""
CLUSTER = """
import ray
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1)
ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
"""
"""Of two nodes on this machine, before ``RUN``."""

console = Console()


@dataclass(frozen=True)
class Case:
    """A folder of images and the model for them."""

    name: str
    model: str
    images: Path
    count: int


@dataclass(frozen=True)
class Took:
    """Seconds of a batch, and of processor time of the first process and of those it started."""

    seconds: float
    own_cpu_s: float = 0.0
    others_cpu_s: float = 0.0


def main() -> None:
    parser = make_parser(__doc__ or "")
    parser.add_argument("--photographs", type=int, default=72, help="(%(default)s)")
    parser.add_argument("--megapixels", type=float, default=24.0, help="(%(default)s)")
    parser.add_argument("--small", type=int, default=1200, help="small images (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="of each (%(default)s)")
    parser.add_argument("--ray", action="store_true", help="on a Ray cluster, too")
    arguments = parse_arguments(
        parser, quick="--photographs 2 --megapixels 0.1 --small 0 --repeats 1"
    )
    source = find_data(parser, arguments, SET)
    run = describe_run(seeds=(), threads=arguments.threads, data=[source])
    place = open_build_folder(arguments) / "folders"
    shutil.rmtree(place, ignore_errors=True)
    cases = [
        Case("photographs", "face", repeat_images(
            sorted((write_images(source, place / "large", megapixels=arguments.megapixels)
                    / "images").iterdir()),
            place / "photographs", arguments.photographs), arguments.photographs),
        Case("small images", "nuclei", repeat_images(
            sorted((DEMO_DATA / "nuclei" / "val" / "images").iterdir()),
            place / "small", arguments.small), arguments.small),
    ]  # fmt: skip
    figures = {}
    for case in cases:
        if case.count:
            figures[case.name] = measure(case, place, arguments.repeats, ray=arguments.ray)
            console.print(to_table(case.name, figures[case.name]))
    console.print(write_result("folders", run, figures, folder=arguments.results))
    shutil.rmtree(place, ignore_errors=True)


def measure(case: Case, place: Path, repeats: int, *, ray: bool) -> dict[str, object]:
    """Images per second of each way, the median of the repeats, and their ratios."""
    seconds: dict[str, list[float]] = {}
    driving: list[Took] = []
    for _ in range(repeats):
        ways = {
            "one_core": run_batch(case, place, cores=(0,), workers=1, threads=1),
            "two_cores": run_batch(case, place, cores=(0, 1), workers=2, threads=1),
            "one_process_two_threads": run_batch(case, place, cores=(0, 1), workers=1, threads=2),
            "decoding_and_networks_alone": run_alone(case),
        }
        if ray:
            ways["ray_two_nodes"] = run_batch(
                case, place, cores=(0, 1), workers=1, threads=1, ray="auto"
            )
        driving.append(ways["two_cores"])
        for way, took in ways.items():
            seconds.setdefault(way, []).append(took.seconds)
    rates = {way: case.count / median(took) for way, took in seconds.items()}
    ratios = {
        "two_cores_to_one": rates["two_cores"] / rates["one_core"],
        "two_cores_to_decoding_and_networks_alone": rates["two_cores"]
        / rates["decoding_and_networks_alone"],
    }
    if ray:
        ratios["ray_to_one_process"] = rates["ray_two_nodes"] / rates["one_process_two_threads"]
    own, others = (median(times) for times in zip(
        *((took.own_cpu_s, took.others_cpu_s) for took in driving), strict=True
    ))  # fmt: skip
    return {
        "images": case.count,
        "images_per_second": rates,
        "ratios": ratios,
        # The first process plans, hands out and records; that many cores it can keep busy.
        "cores_that_one_process_can_feed": others / own,
        "first_process_cpu_ms_per_image": 1000 * own / case.count,
        "others_cpu_ms_per_image": 1000 * others / case.count,
        "seconds": seconds,
    }


def run_batch(
    case: Case,
    place: Path,
    *,
    cores: tuple[int, ...],
    workers: int,
    threads: int,
    ray: str | None = None,
) -> Took:
    """What a batch took in a process that is held to some cores."""
    output = place / "out"
    shutil.rmtree(output, ignore_errors=True)
    code = RUN.format(
        cores=set(use_cores(cores)), workers=workers, threads=threads, ray=ray, model=case.model,
        images=str(case.images), output=str(output),
    )  # fmt: skip
    # A file, since processes that it starts import the main module.
    script = place / "run.py"
    body = code.replace('if __name__ == "__main__":\n', 'if __name__ == "__main__":\n    begin()\n')
    begin = "\n".join(f"    {line}" for line in (CLUSTER.strip() if ray else "pass").split("\n"))
    script.write_text(f"def begin():\n{begin}\n{body}", encoding="utf-8")
    return Took(**json.loads(finish(start([str(script)])).splitlines()[-1]))


def run_alone(case: Case) -> Took:
    """Seconds of the slower of two loops that decode and segment half of the images each."""
    running = [
        start(["-c", ALONE.format(core=core, part=part, model=case.model, images=str(case.images))])
        for part, core in enumerate(use_cores((0, 1)))
    ]
    return Took(max(float(json.loads(finish(one))) for one in running))


def use_cores(wanted: tuple[int, ...]) -> list[int]:
    """Those cores as far as this process may use them; the same one twice where it has but one."""
    there_are = sorted(os.sched_getaffinity(0))
    return [there_are[core % len(there_are)] for core in wanted]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)


def finish(running: subprocess.Popen[str]) -> str:
    output, _ = running.communicate()
    if running.returncode != 0:
        raise SystemExit(f"a run ended with status {running.returncode}")
    return output


def repeat_images(images: list[Path], folder: Path, count: int) -> Path:
    """A folder of so many images, the given ones in turns; each is a file of its own."""
    folder.mkdir(parents=True)
    for number in range(count):
        source = images[number % len(images)]
        shutil.copy(source, folder / f"{number:05}{source.suffix}")
    return folder


def to_table(title: str, figures: dict[str, object]) -> Table:
    table = Table("way", title=title)
    table.add_column("images/s", justify="right")
    for way, rate in dict(figures["images_per_second"]).items():  # type: ignore[call-overload]
        table.add_row(way, f"{rate:.2f}")
    for way, ratio in dict(figures["ratios"]).items():  # type: ignore[call-overload]
        table.add_row(way, f"× {ratio:.2f}")
    return table


if __name__ == "__main__":
    main()
