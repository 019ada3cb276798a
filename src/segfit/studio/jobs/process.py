"""A process of low priority that outlives the one that started it, and is found again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

LOWEST_PRIORITY = 19
THREAD_PRIORITY = 5
"""Of threads within the server. On a busy machine one of the lowest priority would stand still with
the interpreter's lock in its hand, and all others with it."""
FIRST_VICTIM = "700"
"""Of the kernel when memory runs out: the training, which resumes, rather than a person's page."""


class Life(Enum):
    """What has become of a process."""

    RUNNING = "running"
    STOPPED = "stopped"
    GONE = "gone"


@dataclass(frozen=True)
class ProcessName:
    """A process for good: ``pid`` is given to another one some time, ``started`` is not."""

    pid: int
    started: str


def start_process(command: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a command at the lowest priority; ``output``: where all that it says is added.

    It has a process group of its own, so that Ctrl-C in a terminal does not reach it, but stays in
    the session: on a desktop Linux a priority only counts within one.
    """
    with output.open("ab") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
            process_group=None if sys.platform == "win32" else 0,
        )
    if hasattr(os, "setpriority"):
        with suppress(OSError):  # it may have ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST_PRIORITY)
    with suppress(OSError):
        Path(f"/proc/{process.pid}/oom_score_adj").write_text(FIRST_VICTIM)
    return process


def name_process(pid: int) -> ProcessName:
    """The name of a process that is there."""
    return ProcessName(pid, _read_start(pid) or "")


def look_at(name: ProcessName) -> Life:
    """Whether a process runs, is stopped, or is no longer there."""
    state = _read_state(name.pid)
    if not state or state[0] in "ZX" or not name.started or _read_start(name.pid) != name.started:
        return Life.GONE
    return Life.STOPPED if state[0] in "Tt" else Life.RUNNING


def lower_own_priority() -> None:
    """Let what people wait for go before this thread; on Linux a thread has its own priority."""
    if hasattr(os, "setpriority") and Path("/proc/self/task").exists():
        thread = threading.get_native_id()
        # A process of a lower one already must not ask for more, which only root may.
        wanted = max(os.getpriority(os.PRIO_PROCESS, thread), THREAD_PRIORITY)
        os.setpriority(os.PRIO_PROCESS, thread, wanted)


def can_pause() -> bool:
    """Whether this system can stop a process and let it go on."""
    return hasattr(signal, "SIGSTOP")


def send(name: ProcessName, number: int) -> None:
    """Send a signal to a process; nothing happens where it is gone."""
    if look_at(name) is not Life.GONE:
        with suppress(ProcessLookupError):
            os.kill(name.pid, number)


def _read_start(pid: int) -> str | None:
    """When a process started, as the system says it, which no other process of that number did."""
    stat = _read_stat(pid)
    if stat is not None:
        with suppress(OSError):
            return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}-{stat[19]}"
    return _ask_ps(pid, "lstart")


def _read_state(pid: int) -> str | None:
    stat = _read_stat(pid)
    return stat[0] if stat is not None else _ask_ps(pid, "state")


def _read_stat(pid: int) -> list[str] | None:
    """Fields of ``/proc/PID/stat`` after the name, which may have blanks and parentheses."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return None


def _ask_ps(pid: int, field: str) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    with suppress(OSError):
        asked = subprocess.run(
            ["ps", "-o", f"{field}=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return asked.stdout.strip() or None
    return None


def look_at_own(process: ProcessName | None, child: subprocess.Popen[bytes] | None) -> Life:
    """The same; ``child``: the process where it is one's own, which is buried once it is gone."""
    if child is not None and child.poll() is not None:
        return Life.GONE
    if process is None:
        return Life.GONE
    return look_at(process) if child is None or can_pause() else Life.RUNNING


def interrupt(process: ProcessName) -> None:
    """As Ctrl-C does, also where it stands still."""
    send(process, signal.SIGINT)
    if can_pause():
        send(process, signal.SIGCONT)
