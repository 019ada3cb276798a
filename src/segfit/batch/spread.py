"""Many tasks in other processes: several of this machine, or those of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from segfit.basics.progress import do_in_order
from segfit.batch.cluster import run_on_ray
from segfit.batch.processes import run_in_processes
from segfit.batch.workers import Workers

Name = TypeVar("Name")
Given = TypeVar("Given")
Done = TypeVar("Done")


def do_elsewhere(
    tasks: Mapping[Name, Given], do: Callable[[Name, Given], Done], workers: Workers
) -> Iterator[tuple[Name, Future[Done]]]:
    """Do tasks: see ``run_in_processes`` and, where ``workers`` names a cluster, ``run_on_ray``."""
    run = run_in_processes if workers.ray is None else run_on_ray
    return run(tasks, do, workers)


@dataclass(frozen=True)
class SpreadOut:
    """A ``basics.progress.Spread`` over as many processes, or a cluster.

    Raises what an item raises, and ``SegfitError`` for one whose process was lost.
    """

    workers: Workers

    def __call__(self, do: Callable[[int], Done], count: int, /) -> Iterator[tuple[int, Done]]:
        """Do something with each of ``count`` items; both can be pickled."""
        if self.workers.are_this_process:
            yield from do_in_order(do, count)
            return
        tasks = {f"image {number + 1} of {count}": number for number in range(count)}
        for name, outcome in do_elsewhere(tasks, partial(_do, do), self.workers):
            yield tasks[name], outcome.result()


def _do(do: Callable[[int], Done], name: str, number: int) -> Done:
    return do(number)
