"""Many tasks on the machines of a Ray cluster, each done by one actor as a whole."""

from __future__ import annotations

import logging
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from segfit.batch.workers import Workers
from segfit.errors import SegfitError

PORTIONS_PER_ACTOR = 64
"""That the tasks are given out in, so that none is left to wait for."""
LARGEST_PORTION = 16
MOST_BEGUN = 5
"""Times that a task is begun: one that ends its actor each time would else do so for ever."""
Name = TypeVar("Name")
Given = TypeVar("Given")
Done = TypeVar("Done")


def run_on_ray(
    tasks: Mapping[Name, Given], do: Callable[[Name, Given], Done], workers: Workers
) -> Iterator[tuple[Name, Future[Done]]]:
    """Do tasks on a Ray cluster; gives the name of each with its outcome, as they end.

    ``do``: as in ``run_in_processes``. Paths in it are absolute and lead to the same files on every
    machine. An actor that is lost with its machine is replaced, and its portion done again: ``do``
    may write over what it has written. Raises ``SegfitError`` where Ray is not installed, and where
    there is no such cluster.
    """
    ray = import_ray()
    names = list(tasks)
    left = dict.fromkeys(range(len(names)))
    with _connected(ray, str(workers.ray)):
        threads = workers.threads or 1
        actors = max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        portion = max(1, min(LARGEST_PORTION, len(names) // (actors * PORTIONS_PER_ACTOR)))
        rows = [
            {"number": number, "task": pickle.dumps(task)}
            for number, task in enumerate(tasks.items())
        ]
        # Held here, so that an actor that is replaced finds them whatever machine is lost.
        shared = ray.put(do)
        begun = _start_here(ray, BegunTasks)
        done = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // portion)).map(
            TaskActor,
            fn_constructor_args=([shared], begun, MOST_BEGUN, threads),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors, initial_size=actors),
            num_cpus=threads,
        )
        for batch in done.iter_batches(batch_size=None, batch_format="numpy"):
            for number, outcome in zip(batch["number"], batch["outcome"], strict=True):
                del left[int(number)]
                yield names[int(number)], _open(outcome)
    for number in left:
        name = names[number]
        lost = f"{name}: its outcome was lost with a machine: run it again, results with --resume"
        yield name, _fail(SegfitError(lost))


class BegunTasks:
    """How often each task was begun, by any actor."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Count a task that is begun; how often that was so, with this time."""
        self._counts[number] += 1
        return self._counts[number]


class TaskActor:
    """Does one task after the other, on any machine of the cluster."""

    def __init__(self, shared: list[Any], begun: Any, most_begun: int, threads: int) -> None:
        import cv2
        import ray

        cv2.setNumThreads(threads)
        self._do: Callable[[Any, Any], Any] = ray.get(shared[0])
        self._begun, self._most_begun = begun, most_begun

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A task's outcome, pickled: what was done, or what was raised."""
        import ray

        name, given = pickle.loads(row["task"])
        times = ray.get(self._begun.begin.remote(row["number"]))
        try:
            if times > self._most_begun:
                raise SegfitError(
                    f"{name}: the processes that worked on it were lost {times - 1} times, perhaps "
                    "since memory ran out: give more --threads, so that fewer share a machine"
                )
            outcome: object = self._do(name, given)
        except Exception as error:  # raised where the run was asked for
            outcome = error
        return {"number": row["number"], "outcome": pickle.dumps(outcome)}


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
