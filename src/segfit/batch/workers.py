"""How many processes a batch is worth, and how many threads each of them may have."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segfit.errors import SegfitError
from segfit.runtime.threads import count_threads

AUTO = "auto"
MEMORY = Path("/proc/meminfo")
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
FILES_PER_PROCESS = 8
"""That pay for starting one, which takes a second or two of a processor."""
BYTES_PER_PROCESS = 1 << 30
"""That one may need: a photograph of 24 megapixels with all that is found in it."""


@dataclass(frozen=True)
class Workers:
    """``count`` processes with as many ``threads`` to compute in each; with one it is this one.

    ``threads``: None for all that there are to use. ``ray``: the address of a Ray cluster, which
    has its own count of processes.
    """

    count: int
    threads: int | None = None
    ray: str | None = None

    @property
    def are_this_process(self) -> bool:
        """Whether there is none but the process that asks."""
        return self.count == 1 and self.ray is None


IN_THREADS = Workers(1)


def choose_workers(
    wanted: str, *, files: int, threads: int | None = None, on_processor: bool = True
) -> Workers:
    """Share the processors among processes.

    ``wanted``: a number of processes, or "auto" for one a processor as far as there is memory for
    them and they are ``FILES_PER_PROCESS`` of ``files`` each. ``threads``: of each process, where
    that was given. ``on_processor``: whether networks are computed there; on a card, "auto" is one
    process. Raises ``SegfitError`` for anything else than a number from 1, or "auto".
    """
    processors = count_threads()
    if wanted != AUTO:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise SegfitError(f"--workers is a number from 1, or auto; given {wanted!r}")
        count = int(wanted)
    elif not on_processor:
        count = 1
    else:
        count = min(processors // (threads or 1), files // FILES_PER_PROCESS, _count_fitting())
    if count <= 1:
        return Workers(1, threads)
    return Workers(count, threads or max(1, processors // count))


def _count_fitting() -> int:
    """How many processes the memory has room for that is free, or can be made so."""
    limits = [sys.maxsize]
    with suppress(OSError, ValueError, StopIteration):  # other systems do not say it
        lines = MEMORY.read_text(encoding="utf-8").splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable:"))
        limits.append(int(available.split()[1]) * 1024)
    with suppress(OSError, ValueError):  # "max" where there is no limit
        limits.append(int(CONTAINER_LIMIT.read_text(encoding="utf-8")))
    return min(limits) // BYTES_PER_PROCESS
