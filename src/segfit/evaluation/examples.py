"""What a method is evaluated on: labelled images, whose classes must be the method's."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from segfit.basics.arrays import Int32Array, IntpArray, UInt8Array
from segfit.classes import FOREGROUND, ClassTable
from segfit.errors import SegfitError


class LabelledExample(Protocol):
    """An image and its truth: (H, W, 3) uint8 RGB and (H, W) uint8."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def image(self) -> UInt8Array:
        """The image, (H, W, 3) uint8 RGB."""
        ...

    @property
    def labels(self) -> UInt8Array:
        """Its truth, (H, W) uint8 indices into the data's classes, or ``IGNORE``."""
        ...

    @property
    def objects(self) -> Int32Array | None:
        """Numbers of its objects, (H, W) int32, 0 for none; None where no class has objects."""
        ...


class LabelledExamples(Protocol):
    """Labelled images of one class table; ``segfit.datasets.Dataset`` is one."""

    @property
    def classes(self) -> ClassTable:
        """What the labels mean."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> LabelledExample: ...


def match_classes(method_classes: ClassTable, data_classes: ClassTable) -> IntpArray:
    """The data's index of each of the method's classes, (K,).

    The foreground of a method without names of its own is what the data has beside its background.
    Raises ``SegfitError`` where they are not the same classes.
    """
    background = data_classes.background
    if method_classes == FOREGROUND and len(data_classes) == 2 and background is not None:
        return np.array([background, 1 - background], np.intp)
    if set(method_classes.names) != set(data_classes.names):
        raise SegfitError(
            f"the model's classes ({', '.join(method_classes.names)}) are not the data's "
            f"({', '.join(data_classes.names)}): evaluate on data labelled with the model's "
            "classes, or name the data's classes so in its classes.json"
        )
    return np.array([data_classes.names.index(name) for name in method_classes.names], np.intp)


def make_lookup(indices: IntpArray) -> UInt8Array:
    """What becomes of each label, (256,): classes get these indices (K,), others stay."""
    lookup = np.arange(256, dtype=np.uint8)
    lookup[: len(indices)] = indices
    return lookup
