"""The classes that a data set labels and a model tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

from segfit.errors import SegfitError

IGNORE = 255
"""Value of a label grid's pixels that count neither in training nor in a metric."""

NAMES_SHOWN = 200
"""Characters of the names of classes in what is printed."""

Color = tuple[int, int, int]

# Tol's "bright" and "muted" schemes: distinguishable for color-blind readers, too.
DISTINCT_COLORS: tuple[Color, ...] = (
    (68, 119, 170), (238, 102, 119), (34, 136, 51), (204, 187, 68), (102, 204, 238),
    (170, 51, 119), (221, 170, 51), (51, 34, 136), (153, 153, 51), (136, 34, 85),
    (68, 170, 153), (204, 102, 119), (17, 119, 51), (136, 204, 238), (170, 68, 153),
)  # fmt: skip
BACKGROUND_COLOR: Color = (0, 0, 0)


@dataclass(frozen=True)
class ClassTable:
    """Names and colors of K classes; a label grid holds their indices, or ``IGNORE``.

    ``background`` is the index of the class that means "nothing of interest", or None where every
    class is something (street scenes). ``object_classes`` are the indices of the classes whose
    objects are told apart (cars, nuclei), which the others (sky, tissue) do not have. At most 255
    classes, so that a label fits into a byte.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    background: int | None = 0
    object_classes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) <= IGNORE:
            raise SegfitError(
                f"{len(self.names)} class(es) given ({', '.join(self.names)}); segmentation needs "
                "2 to 255: label a background or another class"
            )
        if len(set(self.names)) != len(self.names):
            raise SegfitError(f"class names must differ, given: {', '.join(self.names)}")
        if len(self.colors) != len(self.names):
            raise SegfitError(f"{len(self.names)} classes but {len(self.colors)} colors")
        for index in self.object_classes:
            if not 0 <= index < len(self.names) or index == self.background:
                raise SegfitError(
                    f"class {index} cannot have objects: those are classes from 0 to "
                    f"{len(self.names) - 1} other than the background"
                )

    def __repr__(self) -> str:
        """Its classes by name, and what is special about some, in one line."""
        lines = [f"{len(self)} classes: {_list_briefly(self.names)}"]
        if self.background is None:
            lines.append("no background")
        elif self.background:
            lines.append(f"background {self.names[self.background]}")
        if self.object_classes:
            named = [self.names[index] for index in self.object_classes]
            lines.append(f"objects of {_list_briefly(named)}")
        return f"<ClassTable of {'; '.join(lines)}>"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def foreground(self) -> tuple[int, ...]:
        """The indices of all classes but the background."""
        return tuple(index for index in range(len(self)) if index != self.background)

    @property
    def is_binary(self) -> bool:
        """Background and one foreground class: the network has one output and a threshold."""
        return len(self.names) == 2 and self.background == 0

    @classmethod
    def from_names(
        cls,
        names: tuple[str, ...],
        *,
        background: int | None = 0,
        colors: tuple[Color | None, ...] | None = None,
        object_classes: tuple[int, ...] = (),
    ) -> ClassTable:
        """Give every class without a color one of its own; the background is black."""
        given = colors or (None,) * len(names)
        spare = [color for color in DISTINCT_COLORS if color not in given]
        filled: list[Color] = []
        for index, color in enumerate(given):
            if color is not None:
                filled.append(color)
            elif index == background:
                filled.append(BACKGROUND_COLOR)
            else:
                filled.append(spare[len(filled) % len(spare)] if spare else (128, 128, 128))
        return cls(
            names=tuple(names),
            colors=tuple(filled),
            background=background,
            object_classes=tuple(object_classes),
        )


def _list_briefly(names: Sequence[str]) -> str:
    return shorten(", ".join(names), NAMES_SHOWN, placeholder=" …")


REGIONS = ClassTable.from_names(("background", "region"), object_classes=(1,))
"""For methods that divide an image into regions without a meaning; no pixel is background."""
FOREGROUND = ClassTable.from_names(("background", "foreground"), object_classes=(1,))
"""For methods that separate foreground and background; its connected pieces are the objects."""
