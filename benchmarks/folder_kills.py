#!/usr/bin/env python3
"""A folder of many small files whose run is killed again and again, and resumed: done exactly once.

    nice python benchmarks/folder_kills.py --files 100000 --kills 20

``segfit segment`` with Otsu's threshold writes masks and one table of all objects, in several
processes. The first process is killed (SIGKILL) when so many files are done, drawn at random; the
first time before any, the last time after all, when the table is written. The table and the masks
are compared with those of a run that nobody killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from options import make_parser, open_build_folder, parse_arguments
from results import describe_run, write_result

SIDE_PX = 24
POLL_S = 0.02
ORPHANS_S = 30.0


def main() -> None:
    parser = make_parser(__doc__ or "", data=False)
    parser.add_argument("--files", type=int, default=2000, help="images (%(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="how often (%(default)s)")
    parser.add_argument("--workers", default="auto", help="processes of a run (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse_arguments(parser, quick="--files 12 --kills 2 --workers 1")
    run = describe_run(seeds=(arguments.seed,), threads=arguments.threads)
    random = np.random.default_rng(arguments.seed)
    place = open_build_folder(arguments) / "folder-kills"
    shutil.rmtree(place, ignore_errors=True)
    draw_images(place / "images", arguments.files, random)

    began = time.perf_counter()
    end_run(start_run(place, "whole", arguments.workers))
    whole_s = time.perf_counter() - began

    between = random.integers(1, max(2, arguments.files), max(0, arguments.kills - 2))
    killed_at, orphans = [], 0
    began = time.perf_counter()
    for threshold in sorted([0, *between.tolist(), arguments.files][: arguments.kills]):
        running = start_run(place, "killed", arguments.workers)
        done = wait_for_files(place / "killed" / "manifest.jsonl", threshold, running)
        children = list_children(running.pid)
        running.send_signal(signal.SIGKILL)
        if running.wait() == -signal.SIGKILL:
            killed_at.append(done)
        orphans += count_orphans(children)
    end_run(start_run(place, "killed", arguments.workers))
    killed_s = time.perf_counter() - began

    lines = count_done(place / "killed" / "manifest.jsonl")
    figures = {
        "files": arguments.files,
        "kills": len(killed_at),
        "files_done_at_kills": killed_at,
        "done_exactly_once": sum(count == 1 for count in lines.values()),
        "done_more_than_once": sum(count > 1 for count in lines.values()),
        "never_done": arguments.files - len(lines),
        "table_is_the_same": digest([place / "whole" / "objects.csv"])
        == digest([place / "killed" / "objects.csv"]),
        "masks_are_the_same": digest(sorted((place / "whole").glob("*.png")))
        == digest(sorted((place / "killed").glob("*.png"))),
        "files_left_behind": sum(1 for _ in (place / "killed").rglob(".*")),
        "processes_left_behind": orphans,
        "seconds": {"without_kills": whole_s, "killed_and_resumed": killed_s},
    }
    Console().print(figures)
    print(write_result("folder-kills", run, figures, folder=arguments.results))
    shutil.rmtree(place, ignore_errors=True)
    is_right = (
        figures["done_exactly_once"] == arguments.files
        and figures["table_is_the_same"]
        and figures["masks_are_the_same"]
        and not figures["files_left_behind"]
        and not orphans
    )
    if not is_right:
        raise SystemExit("a kill left its mark")


def draw_images(folder: Path, count: int, random: np.random.Generator) -> None:
    """Images of one bright disc each."""
    folder.mkdir(parents=True)
    rows, columns = np.indices((SIDE_PX, SIDE_PX))
    for number in range(count):
        x, y, radius = random.uniform((7, 7, 3), (SIDE_PX - 7, SIDE_PX - 7, 6))
        disc = np.hypot(columns - x, rows - y) < radius
        cv2.imwrite(str(folder / f"{number:06}.png"), np.where(disc, 200, 40).astype(np.uint8))


def start_run(place: Path, output: str, workers: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "segfit", "segment", str(place / "images"), "-o",
            str(place / output), "--method", "otsu", "--format", "mask,table", "--resume",
            "--workers", workers,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def end_run(running: subprocess.Popen[bytes]) -> None:
    if running.wait() != 0:
        raise SystemExit(f"a run ended with status {running.returncode}")


def wait_for_files(manifest: Path, count: int, running: subprocess.Popen[bytes]) -> int:
    """Wait until the manifest has so many lines of files that are done; how many it has then."""
    done, begin = 0, 0
    while running.poll() is None:
        if manifest.exists():
            with manifest.open("rb") as file:
                file.seek(begin)
                new = file.read()
            begin += new.rfind(b"\n") + 1
            done += new[: new.rfind(b"\n") + 1].count(b'"status": "done"')
        if done >= count:
            break
        time.sleep(POLL_S)
    return done


def count_done(manifest: Path) -> Counter[str]:
    """How many lines say of each file that it is done."""
    lines = map(json.loads, manifest.read_text(encoding="utf-8").splitlines())
    return Counter(line["path"] for line in lines if line.get("status") == "done")


def list_children(process: int) -> list[int]:
    """The processes that a process has started, where the system says it (Linux)."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def count_orphans(children: list[int]) -> int:
    """How many processes are still there some time after the one that had started them."""
    until = time.monotonic() + ORPHANS_S
    left = children
    while left and time.monotonic() < until:
        left = [child for child in left if is_running(child)]
        time.sleep(POLL_S)
    return len(left)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def digest(paths: list[Path]) -> str:
    """Of files' names and contents."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


if __name__ == "__main__":
    main()
