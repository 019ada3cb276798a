"""What holds arrays or files, in one line of a few hundred characters."""

from __future__ import annotations

import reprlib
from dataclasses import fields
from typing import Any


class _Brief(reprlib.Repr):
    """Arrays by type and shape, bytes by their number, what is long by its beginning and end."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxtuple, self.maxlist, self.maxdict = 2, 4, 4, 6
        self.maxstring, self.maxother = 80, 300

    def repr_ndarray(self, array: Any, level: int) -> str:
        """Such as <uint8 480×640>."""
        return f"<{array.dtype} {'×'.join(map(str, array.shape))}>"

    def repr_Tensor(self, tensor: Any, level: int) -> str:  # noqa: N802  (named after the type)
        """Such as <float32 2×3×64×64>."""
        return f"<{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape))}>"

    def repr_bytes(self, data: bytes, level: int) -> str:
        """Such as <1,048,576 bytes>."""
        return f"<{len(data):,} bytes>"


_BRIEF = _Brief()


def show_briefly(value: Any) -> str:
    """A dataclass as its ``repr``, arrays by type and shape: made for ``__repr__ = show_briefly``.

    Of a large array the usual one would print dozens of lines, of a file every byte.
    """
    shown = (f"{one.name}={_BRIEF.repr(getattr(value, one.name))}" for one in fields(value))
    return f"{type(value).__name__}({', '.join(shown)})"
