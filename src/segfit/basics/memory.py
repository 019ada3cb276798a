"""Memory that this process has freed, back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back_memory() -> None:
    """Give back what is free but still held; nothing happens where the system does so itself.

    The C library of most Linux systems keeps a pool for each thread, so that what all of them have
    ever needed would stay, though they never need it at once.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
