"""A batch on the machines of a Ray cluster: each actor reads, computes and writes whole files."""

from __future__ import annotations

import logging
import os
import pickle
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from segfit.batch.files import ResultFiles
from segfit.batch.steps import Steps, Written
from segfit.batch.workers import Workers
from segfit.errors import SegfitError

FILES_PER_ACTOR = 64
"""Portions that the files are given out in, for each actor, so that none is left to wait for."""
LARGEST_PORTION = 16
MOST_BEGUN = 5
"""Times that a file is begun: one that ends its actor each time would else do so for ever."""
Done = TypeVar("Done")


def run_on_ray(
    files: Mapping[Path, ResultFiles], steps: Steps[Any, Any, Done], workers: Workers
) -> Iterator[tuple[Path, Future[Written[Done]]]]:
    """Do the steps with files on a Ray cluster; gives each with its outcome, as they end.

    Paths are absolute and lead to the same files on every machine. An actor that is lost with its
    machine is replaced, and its portion done again: ``steps`` may write over what it has written.
    Raises ``SegfitError`` where Ray is not installed, and where there is no such cluster.
    """
    ray = import_ray()
    left = dict.fromkeys(files)
    with _connected(ray, str(workers.ray)):
        threads = workers.threads or 1
        actors = max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        portion = max(1, min(LARGEST_PORTION, len(files) // (actors * FILES_PER_ACTOR)))
        rows = [{"path": str(path), "files": pickle.dumps(one)} for path, one in files.items()]
        # Held here, so that an actor that is replaced finds them whatever machine is lost.
        shared = ray.put(steps)
        begun = _start_here(ray, BegunFiles)
        done = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // portion)).map(
            FileActor,
            fn_constructor_args=([shared], begun, MOST_BEGUN, threads),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors, initial_size=actors),
            num_cpus=threads,
        )
        for batch in done.iter_batches(batch_size=None, batch_format="numpy"):
            for name, outcome in zip(batch["path"], batch["outcome"], strict=True):
                path = Path(str(name))
                del left[path]
                yield path, _open(outcome)
    for path in left:
        yield path, _fail(SegfitError(f"{path}: its outcome was lost with a machine: --resume"))


class BegunFiles:
    """How often each file was begun, by any actor."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def begin(self, path: str) -> int:
        """Count a file that is begun; how often that was so, with this time."""
        self._counts[path] += 1
        return self._counts[path]


class FileActor:
    """Does the steps with one file after the other, on any machine of the cluster."""

    def __init__(self, shared: list[Any], begun: Any, most_begun: int, threads: int) -> None:
        import cv2
        import ray

        cv2.setNumThreads(threads)
        self._steps: Steps[Any, Any, Any] = ray.get(shared[0])
        self._begun, self._most_begun = begun, most_begun

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A file's outcome, pickled: what was written, or what was raised."""
        import ray

        path = Path(row["path"])
        times = ray.get(self._begun.begin.remote(row["path"]))
        try:
            if times > self._most_begun:
                raise SegfitError(
                    f"{path}: the processes that worked on it were lost {times - 1} times, perhaps "
                    "since memory ran out: give more --threads, so that fewer share a machine"
                )
            outcome: object = self._steps.do(path, pickle.loads(row["files"]))
        except Exception as error:  # raised where the run was asked for
            outcome = error
        return {"path": row["path"], "outcome": pickle.dumps(outcome)}


def _start_here(ray: Any, kind: type) -> Any:
    """An actor on this machine, which is not lost before the run is."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(kind).remote()


def import_ray() -> Any:
    """The module ray with its data sets, or an error that says how to install it."""
    # Ray tells its makers how it is used, unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Its core writes of actors that it restarts, in the midst of the progress bar.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SegfitError('--ray needs Ray: pip install "segfit[ray]"') from error
    return ray


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Use the cluster at an address, with Ray's own progress and messages silenced."""
    was_connected = ray.is_initialized()
    if not was_connected:
        try:
            ray.init(address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise SegfitError(
                f"there is no Ray cluster at {address} ({error}): start one by ray start --head, "
                "give its address, or --ray local for one of this machine alone"
            ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars, context.print_on_execution_start
    lost = context.max_errored_blocks
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = -1
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before
        context.max_errored_blocks = lost
        if not was_connected:
            ray.shutdown()


def _open(pickled: bytes) -> Future[Any]:
    content = pickle.loads(pickled)
    if isinstance(content, Exception):
        return _fail(content)
    outcome: Future[Any] = Future()
    outcome.set_result(content)
    return outcome


def _fail(error: Exception) -> Future[Any]:
    outcome: Future[Any] = Future()
    outcome.set_exception(error)
    return outcome
