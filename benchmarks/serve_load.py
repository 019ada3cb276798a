#!/usr/bin/env python3
"""``segfit serve`` under twenty scripted users: errors, the server's memory, how long answers take.

    python benchmarks/serve_load.py --minutes 60

Each user, again and again: sends an image of some size and kind in one of the formats, and thinks
for a second on average; one in twenty sends three images at once, one in twenty a broken image. A
user who is told that the queue is full waits as long as the server says. Answers are compared with
those that one user alone got. Users and server share the machine; what else ran on it is said.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from segfit.serving.answering import choose_workers

MODEL = "nuclei"
IMAGES = sorted((DEMO_DATA / "nuclei" / "val" / "images").iterdir())
SIDES = (96, 160, 256, 384, 640)
FORMATS = ("mask", "overlay", "json", "polygons", "geojson", "instances", "table", "coco")
THINK_S, LONGEST_THINK_S = 1.0, 3.0
"""On average, and at most; the server closes a connection after 5 s without a request."""
ONE_IN = 20
"""So often comes a batch, and so often a broken image."""
BATCH = 3
BAD = ("another status", "another answer", "connection failed")
SAMPLES = 120
"""Of the server's memory, evenly over the run."""
BOUNDARY = "a-boundary-that-no-image-has"

console = Console()


@dataclass(frozen=True)
class Errand:
    """A request and the status that it should be answered with."""

    path: str
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Tally:
    """What users saw: seconds of the answers, by path, and how often what."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--minutes", type=float, default=60.0, help="(%(default)s)")
    parser.add_argument("--users", type=int, default=20, help="(%(default)s)")
    parser.add_argument("--workers", type=int, help="of the server; its own choice if not given")
    arguments = parse_arguments(parser, quick="--minutes 0.02 --users 3")
    run = describe_run(seeds=(0,), threads=arguments.threads)
    with serving(arguments.threads, arguments.workers) as server:
        errands = draw_errands(quick=arguments.quick)
        expected = [ask_alone(server, errand) for errand in errands]
        tally = Tally()
        busy_s, own_s = read_busy_seconds(), read_own_seconds(server)
        start = time.monotonic()
        end = time.monotonic() + arguments.minutes * 60
        users = [
            threading.Thread(target=use, args=(number, server, errands, expected, end, tally))
            for number in range(arguments.users)
        ]
        for user in users:
            user.start()
        samples = list(watch_memory(server, end))
        for user in users:
            user.join()
        others_s = (read_busy_seconds() - busy_s) - (read_own_seconds(server) - own_s)
        others = others_s / (time.monotonic() - start)
        refused = read_figure(server, 'segfit_refused_total{reason="full queue"}')
    figures = {
        "model": MODEL,
        "users": arguments.users,
        "minutes": arguments.minutes,
        "workers": arguments.workers or choose_workers(),
        "processors": os.cpu_count(),
        "processors_used_by_others": others,
        "exit_status": server.process.returncode,
        **summarise(tally, minutes=arguments.minutes),
        "refused_by_the_server": int(refused),
        "memory": describe_memory(samples),
    }
    console.print(to_table(figures))
    console.print(write_result("serve-load", run, figures, folder=arguments.results))


@contextmanager
def serving(threads: int, workers: int | None) -> Iterator[Server]:
    """The server in a process of its own, which ends as Ctrl-C ends it."""
    command = [sys.executable, "-m", "segfit", "serve", MODEL, "--port", "0"]
    command += ["--threads", str(threads)]
    if workers is not None:
        command += ["--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            match = re.search(r":(\d+)/", first)
            assert match, f"the server said {first!r}"
            yield Server(int(match[1]), process)
            process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            process.kill()


def draw_errands(*, quick: bool) -> list[Errand]:
    """All kinds of requests with images: of several sizes and kinds, whole, broken, several."""
    sides = SIDES[:2] if quick else SIDES
    files = [
        encode(cv2.resize(cv2.imread(str(path)), (side, side)), kind)
        for path, side, kind in zip(
            IMAGES, itertools.cycle(sides), itertools.cycle((".png", ".jpg"))
        )
    ]
    files += [
        encode(cv2.resize(cv2.imread(str(IMAGES[0])), (side, side)), ".tif") for side in sides
    ]
    single = [
        Errand(f"/predict?format={name}", body)
        for body, name in zip(files, itertools.cycle(FORMATS), strict=False)
    ]
    broken = [Errand("/predict", body[: len(body) // 2], 422) for body in files[:4]]
    batches = [Errand("/predict/batch?format=table", *to_form(files[:BATCH]))]
    return [*single, *broken, *batches]


def encode(image: np.ndarray, kind: str) -> bytes:
    return bytes(cv2.imencode(kind, image)[1])


def to_form(files: list[bytes]) -> tuple[bytes, int, dict[str, str]]:
    """A form's body with these images, the status that is expected, and its headers."""
    head = 'Content-Disposition: form-data; name="images"; filename="{}.png"\r\n\r\n'
    parts = [
        f"--{BOUNDARY}\r\n{head.format(number)}".encode() + content + b"\r\n"
        for number, content in enumerate(files)
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return body, 200, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def use(
    number: int,
    server: Server,
    errands: list[Errand],
    expected: list[bytes],
    end: float,
    tally: Tally,
) -> None:
    """What one user does until the end."""
    rng = np.random.default_rng(number)
    kinds = [
        [index for index, one in enumerate(errands) if one.status == 422],
        [index for index, one in enumerate(errands) if "batch" in one.path],
    ]
    usual = sorted(set(range(len(errands))) - set(kinds[0]) - set(kinds[1]))
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    last = time.monotonic()
    while time.monotonic() < end:
        draw = rng.integers(ONE_IN)
        index = int(rng.choice(kinds[draw] if draw < len(kinds) else usual))
        errand = errands[index]
        if time.monotonic() - last > LONGEST_THINK_S:
            connection.close()  # the server may have done so by now; the next request opens another
        start = time.perf_counter()
        try:
            status, body, retry_s = send(connection, errand)
        except (OSError, HTTPException) as error:
            note(tally, "connection failed", repr(error))
            connection.close()
            continue
        seconds, last = time.perf_counter() - start, time.monotonic()
        if status == 429:
            note(tally, "429")
            time.sleep(min(retry_s, max(0.0, end - time.monotonic())))
            continue
        if status != errand.status:
            note(tally, "another status", f"{errand.path}: {status} {body[:200]!r}")
        elif errand.status == 200 and "batch" not in errand.path and body != expected[index]:
            note(tally, "another answer", errand.path)
        with tally.lock:
            tally.counts[str(status)] += 1
            tally.seconds.setdefault(errand.path.partition("?")[0], []).append(seconds)
        time.sleep(min(float(rng.exponential(THINK_S)), LONGEST_THINK_S))
    connection.close()


def send(connection: HTTPConnection, errand: Errand) -> tuple[int, bytes, float]:
    """Status, body and the seconds to wait that an answer says."""
    connection.request("POST", errand.path, errand.body, errand.headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), float(answer.headers.get("Retry-After", 0))


def ask_alone(server: Server, errand: Errand) -> bytes:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    status, body, _ = send(connection, errand)
    connection.close()
    assert status == errand.status, f"{errand.path}: {status} {body[:200]!r}"
    return body


def note(tally: Tally, what: str, complaint: str = "") -> None:
    with tally.lock:
        tally.counts[what] += 1
        if complaint:
            tally.complaints.append(complaint)


def watch_memory(server: Server, end: float) -> Iterator[tuple[float, float]]:
    """Minutes since the start, and the server's resident megabytes (10⁶)."""
    start = time.monotonic()
    interval = (end - start) / SAMPLES
    for number in track(range(SAMPLES), description="asking", console=console, transient=True):
        time.sleep(max(0.0, start + number * interval - time.monotonic()))
        held = read_figure(server, "process_resident_memory_bytes")
        yield (time.monotonic() - start) / 60, held / 1e6


def read_busy_seconds() -> float:
    """Seconds that all of the machine's processors together have been busy; NaN but on Linux."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return math.nan
    _, user, nice, system, _, _, irq, softirq, *_ = stat.read_text().split(maxsplit=9)
    return sum(map(int, (user, nice, system, irq, softirq))) / os.sysconf("SC_CLK_TCK")


def read_own_seconds(server: Server) -> float:
    """Seconds of processors that users and server have taken."""
    return time.process_time() + read_figure(server, "process_cpu_seconds_total")


def read_figure(server: Server, name: str) -> float:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def summarise(tally: Tally, *, minutes: float) -> dict[str, Any]:
    answered = sum(len(seconds) for seconds in tally.seconds.values())
    return {
        "answers": answered,
        "answers_per_s": answered / (minutes * 60),
        "counts": dict(sorted(tally.counts.items())),
        "errors": sum(tally.counts[one] for one in BAD),
        "complaints": tally.complaints[:20],
        "ms": {
            path: {
                f"p{percent}": float(np.percentile(seconds, percent) * 1e3)
                for percent in (50, 95, 99, 100)
            }
            for path, seconds in tally.seconds.items()
        },
    }


def describe_memory(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """Megabytes over time; the slope over the second half, when all has been seen once."""
    minutes, held = np.array(samples).T
    half = len(samples) // 2
    slope = np.polyfit(minutes[half:], held[half:], 1)[0]
    quarters = [float(np.median(part)) for part in np.array_split(held, 4)]
    return {
        "quarters_mb": quarters,
        "most_mb": float(held.max()),
        "slope_mb_per_hour": float(slope * 60),
        "samples": [[round(float(at), 3), round(float(mb), 1)] for at, mb in samples],
    }


def to_table(figures: dict[str, Any]) -> Table:
    table = Table("what", title=f"{figures['users']} users, {figures['minutes']:g} min")
    table.add_column("measured", justify="right")
    table.add_row("answers", f"{figures['answers']}, {figures['answers_per_s']:.1f}/s")
    table.add_row("counts", json.dumps(figures["counts"]))
    table.add_row("errors but 429", str(figures["errors"]))
    for path, taken in figures["ms"].items():
        table.add_row(path, ", ".join(f"{name} {ms:.0f}" for name, ms in taken.items()) + " ms")
    memory = figures["memory"]
    table.add_row(
        "memory, by quarter", " → ".join(f"{mb:.0f}" for mb in memory["quarters_mb"]) + " MB"
    )
    table.add_row("slope, second half", f"{memory['slope_mb_per_hour']:.1f} MB/h")
    table.add_row(
        "used by others",
        f"{figures['processors_used_by_others']:.1f} of {figures['processors']} processors",
    )
    table.add_row("exit status after Ctrl-C", str(figures["exit_status"]))
    return table


if __name__ == "__main__":
    main()
