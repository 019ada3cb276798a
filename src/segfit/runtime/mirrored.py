"""A classifier that looks at each image twice, as it is and mirrored: better, at twice the time.

Shapes: ``N`` images, ``H, W`` their size; ``K`` planes on the grid ``h, w``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.runtime.session import Session, Shape


@dataclass(frozen=True)
class MirroredSession:
    """The mean of what a session says of images (N, H, W, 3) and of their mirror images.

    ``offset_plane``: the one of its first answer (N, K, h, w) that tells how far right something
    is, which changes its sign in a mirror; None without one. Further answers are those for the
    images as they are.
    """

    session: Session
    offset_plane: int | None

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """See ``Session``."""
        mirrored = {name: np.ascontiguousarray(one[:, :, ::-1]) for name, one in inputs.items()}
        planes, *others = self.session.run(inputs)
        seen, *_ = self.session.run(mirrored)
        total = planes + seen[..., ::-1]
        if self.offset_plane is not None:
            across = planes[:, self.offset_plane] - seen[:, self.offset_plane, :, ::-1]
            total[:, self.offset_plane] = across
        return total / 2, *others

    def prepare(self, shapes: Mapping[str, Shape], /) -> None:
        """See ``Session``."""
        self.session.prepare(shapes)

    def release(self) -> None:
        """See ``Session``."""
        self.session.release()

    def __repr__(self) -> str:
        return f"{self.session!r}, images and their mirror images"
