"""How many processors this process may use, and what a process cannot do that was forked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from threading import RLock

from segfit.errors import SegfitError

CONTROL_GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
READING_GRAPHS = RLock()
"""Held while OpenVINO reads or compiles a network: it sets the locale of the whole process to "C"
meanwhile, then back to what it was before. Two threads at once leave it so, and text is ASCII."""


def count_threads(threads: int | None = None) -> int:
    """The threads to compute with; without a number, one for each processor there is to use.

    Those that the process may run on, and no more than its container's share of processor time.
    Raises ``SegfitError`` for a number below 1.
    """
    if threads is not None:
        if threads < 1:
            raise SegfitError(f"threads is 1 or more, or None for all processors; given {threads}")
        return threads
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, min(processors, read_limit(CONTROL_GROUPS, OWN_GROUPS) or processors))


def read_limit(control_groups: Path, own_groups: Path) -> int | None:
    """Processors' worth of time that Linux gives this process, rounded up; None for no limit.

    ``control_groups``: where the groups are mounted, in version 1 or 2. ``own_groups``: the file
    that says which ones this process is in. A group's limit holds for all groups inside it.
    """
    limits = [_read_share(folder) for folder in _list_folders(control_groups, own_groups)]
    shares = [limit for limit in limits if limit is not None]
    return max(1, math.ceil(min(shares))) if shares else None


def _list_folders(control_groups: Path, own_groups: Path) -> Iterator[Path]:
    """The folders of this process's groups and of all around them.

    A line of ``own_groups`` is ``0::PATH`` in version 2 and ``NUMBER:CONTROLLERS:PATH`` in 1.
    Inside a container, the path may be that of the host: then the mount itself is the group.
    """
    try:
        lines = own_groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ["0::/", "1:cpu:/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = control_groups / "cpu" if controllers else control_groups
        own = top / path.strip("/")
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _read_share(folder: Path) -> float | None:
    """Quota over period of a group, None for one without a limit."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
        share = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is not a number
        return None
    return share if share > 0 else None


def explain_fork(backend: str) -> SegfitError:
    """What to say where a backend would hang, having computed before the process was forked."""
    return SegfitError(
        f"this process was forked from one in which {backend} had started its threads, without "
        "which it would wait for ever: start workers by multiprocessing.get_context('spawn'), or "
        "load models in the workers alone"
    )
