"""The clock of a training: it stands still while the process does."""

from __future__ import annotations

import signal
import time
from types import FrameType


class WorkingClock:
    """Seconds, without those for which the process was stopped (Ctrl-Z, SIGSTOP).

    >>> clock = WorkingClock()
    >>> clock() <= clock()
    True
    """

    def __init__(self) -> None:
        self._stopped = 0.0
        self._read = time.perf_counter()

    def __call__(self) -> float:
        """Seconds since some moment."""
        self._read = time.perf_counter()
        return self._read - self._stopped

    def leave_out_pause(self) -> None:
        """Be told that the process goes on: it stood still since the clock was last read, about."""
        now = time.perf_counter()
        self._stopped += now - self._read
        self._read = now


read_clock = WorkingClock()
"""The clock that a training's minutes are counted by."""


def notice_pauses() -> None:
    """Leave out of the minutes how long this process is stopped; for its main thread to call."""
    if hasattr(signal, "SIGCONT"):
        signal.signal(signal.SIGCONT, _go_on)


def _go_on(number: int, frame: FrameType | None) -> None:
    read_clock.leave_out_pause()
