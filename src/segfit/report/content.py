"""What a report says, before it is a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.evaluation.report import GroupFigures, ImageRow, Report
from segfit.report.intervals import Estimate, Key
from segfit.report.learning import LearningCurve


@dataclass(frozen=True, eq=False)
class Measured:
    """A model or a method, and how well it does.

    ``facts``: what there is to say of it, by what each is about. ``estimates``: its figures, by
    title and class.
    """

    name: str
    facts: Mapping[str, str]
    figures: Report
    estimates: Mapping[Key, Estimate]

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class WorstImage:
    """An image in which much is wrong.

    ``row`` and ``figures``: of this image alone. ``pictures``: WebP files by what they show.
    ``size_px``: width and height of all of them.
    """

    row: ImageRow
    figures: GroupFigures
    pictures: Mapping[str, bytes]
    size_px: tuple[int, int]

    __repr__ = show_briefly


@dataclass(frozen=True)
class Hints:
    """What a reader can do about what a page does not have, in the words of where it was asked for.

    ``learning``: to get a learning curve. ``matrix``: to see a matrix that does not fit a page.
    """

    learning: str = ""
    matrix: str = ""


@dataclass(frozen=True, eq=False)
class ReportContent:
    """All that a report says.

    ``data``: what the images are, in a line. ``settings``: how all of this was made, by what each
    is about. ``against``, ``differences``: another model on the same images, and how much better
    the first is, by title and class. ``hints``: what to do about what is missing.
    """

    data: str
    classes: ClassTable
    model: Measured
    worst: tuple[WorstImage, ...]
    learning: LearningCurve
    settings: Mapping[str, str]
    against: Measured | None = None
    differences: Mapping[Key, Estimate] | None = None
    hints: Hints = Hints()

    __repr__ = show_briefly
