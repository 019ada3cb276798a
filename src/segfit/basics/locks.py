"""A lock on an open file that ends with its process, however that ends."""

from __future__ import annotations

import errno
import sys
from typing import IO

TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file; False where another process, or another opening here, has done so.

    Where a file system has no locks, every lock is given.
    """
    try:
        _lock(file)
    except OSError as error:
        return error.errno not in TAKEN
    return True


if sys.platform == "win32":
    import msvcrt

    BEYOND_ITS_END = 0x7FFF_0000
    """Locked bytes cannot be read by others; that one nobody reads."""

    def _lock(file: IO[bytes]) -> None:
        file.seek(BEYOND_ITS_END)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
