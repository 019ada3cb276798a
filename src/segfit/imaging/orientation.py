"""Images turned upright by the orientation that EXIF or TIFF gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: np.fliplr,
    3: lambda values: np.rot90(values, 2),
    4: np.flipud,
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: np.rot90(values, 2).swapaxes(0, 1),
    8: np.rot90,
}


def turn_upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Values (H, W, …) upright, by an orientation from 1 to 8; another one is taken for 1."""
    return np.asarray(_UPRIGHT.get(orientation, np.asarray)(values))
