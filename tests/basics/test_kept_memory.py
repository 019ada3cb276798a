"""Freed memory is kept while that is wanted, and given back afterwards."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from segfit.basics.memory import keep_memory

BLOCK = 64 << 20
needs_mallopt = pytest.mark.skipif(
    not (sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")),
    reason="this system's C library has no mallopt",
)


def free_block() -> int:
    """Bytes that the system has back once a block was taken, filled and freed."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes, library.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
    block = library.malloc(BLOCK)
    ctypes.memset(block, 1, BLOCK)
    filled = count_resident_pages()
    library.free(block)
    return (filled - count_resident_pages()) * 4096


def count_resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])


@needs_mallopt
def test_large_blocks_stay_while_memory_is_kept():
    with keep_memory():
        assert free_block() < BLOCK / 8


@needs_mallopt
@pytest.mark.parametrize("fails", [False, True])
def test_large_blocks_go_back_to_the_system_afterwards(fails):
    def work() -> None:
        with keep_memory():
            free_block()
            if fails:
                raise ValueError("of the work itself")

    if fails:
        with pytest.raises(ValueError, match="of the work itself"):
            work()
    else:
        work()
    for _ in range(2):
        assert free_block() > BLOCK * 7 / 8


def test_where_the_system_has_no_such_setting_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with keep_memory():
        pass
