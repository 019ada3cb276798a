"""Memory that this process has freed: back to the system, or kept for what it needs next.

Only the C library of most Linux systems (glibc) is told; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""What ``mallopt`` calls its settings, see its manual page."""
NEVER = -1
USUAL_MMAPS = 65_536
LARGEST_THRESHOLD = 32 << 20
"""To which glibc raises its threshold by itself, as larger blocks come and go."""


def give_back_memory() -> None:
    """Give back what is free but still held; nothing happens where the system does so itself.

    glibc keeps a pool for each thread, so that what all of them have ever needed would stay, though
    they never need it at once.
    """
    trim = _find("malloc_trim")
    if trim is not None:
        trim(0)


@contextmanager
def keep_memory() -> Iterator[None]:
    """Keep what is freed in between; for work that needs the same large blocks again and again.

    Left alone, glibc gives each block of more than 32 MB back to the system at once, which must
    empty its pages before they are used again.
    """
    set_option = _find("mallopt")
    if set_option is None:
        yield
        return
    set_option(MMAP_MAX, 0)
    set_option(TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        set_option(MMAP_MAX, USUAL_MMAPS)
        set_option(MMAP_THRESHOLD, LARGEST_THRESHOLD)
        set_option(TRIM_THRESHOLD, 2 * LARGEST_THRESHOLD)
        give_back_memory()


def _find(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of the C library, None where it has none of this name; musl lacks both."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
