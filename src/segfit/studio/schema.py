"""What pages send and are sent: checked once, here."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from segfit.basics.arrays import Float64Array

MOST_POINTS = 20_000
FARTHEST = 1_000_000.0
LARGEST_RADIUS = 2_000.0

Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]
Points = Annotated[list[Point], Field(min_length=1, max_length=MOST_POINTS)]
Radius = Annotated[float, Field(ge=0, le=LARGEST_RADIUS, allow_inf_nan=False)]
ClassNumber = Annotated[int, Field(ge=0, le=254)]
Token = Annotated[str, Field(min_length=1, max_length=64)]
Box = tuple[int, int, int, int]


class Strict(BaseModel):
    """Nothing that is not named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Request(Strict):
    """What every change has.

    ``id``: a repeated one is answered as before, and not done twice. ``client``: the page.
    ``group``: operations that are undone together.
    """

    rev: Annotated[int, Field(ge=0)] | None = None
    id: Token | None = None
    client: Token | None = None
    group: Token | None = None


class Stroke(Request):
    """Give what a stroke covers to a class."""

    kind: Literal["stroke"]
    class_: ClassNumber = Field(alias="class")
    points: Points
    radius: Radius


class Erase(Request):
    """Take the labels from what a stroke covers."""

    kind: Literal["erase"]
    points: Points
    radius: Radius


class Polygon(Request):
    """Give a polygon to a class."""

    kind: Literal["polygon"]
    class_: ClassNumber = Field(alias="class")
    points: Points
    snap: bool = False


class Fill(Request):
    """Give the connected area of equal label around a point to a class."""

    kind: Literal["fill"]
    class_: ClassNumber = Field(alias="class")
    x: Coordinate
    y: Coordinate


class Clear(Request):
    """Take all labels from an image."""

    kind: Literal["clear"]


Operation = Annotated[Stroke | Erase | Polygon | Fill | Clear, Field(discriminator="kind")]


def as_points(points: list[Point]) -> Float64Array:
    """Points as (N, 2)."""
    return np.array(points, np.float64).reshape(-1, 2)


class OperationAnswer(Strict):
    """What an operation came to."""

    rev: int
    dirty: Box | None
    state: str
    changed_px: int
    message: str | None
    can_undo: bool
    can_redo: bool


class ClassOut(Strict):
    """A class, and how much of it there is."""

    index: int
    name: str
    color: str
    key: str
    has_objects: bool
    pixels: int
    objects: int


class ClassIn(Strict):
    """A class as a person names it; ``index`` is null for a new one."""

    index: ClassNumber | None = None
    name: Annotated[str, Field(min_length=1, max_length=200)]
    color: str | None = None
    key: Annotated[str, Field(max_length=8)] = ""
    has_objects: bool = False


class ClassesIn(Strict):
    """All classes in their order. ``drop_labels``: of those that are left out."""

    version: int
    classes: Annotated[list[ClassIn], Field(max_length=254)]
    drop_labels: bool = False


class ModelOut(Strict):
    """The current model."""

    id: int
    name: str


class ProjectOut(Strict):
    """A project at a glance."""

    name: str
    folder: str
    read_only: bool
    why_read_only: str | None
    images: int
    done: int
    classes_version: int
    classes: list[ClassOut]
    me: str
    notes: list[str]
    model: ModelOut | None
    source: Literal["strokes", "model"]


class Me(Strict):
    """A person's name, for the journal."""

    name: Annotated[str, Field(max_length=80)]


class ImageOut(Strict):
    """An image in the filmstrip."""

    id: int
    name: str
    width: int | None
    height: int | None
    state: str
    rev: int
    worth: float | None
    problem: str | None


class ImageDetail(ImageOut):
    """An image that is looked at."""

    levels: int
    tile: int
    depth_note: str
    can_undo: bool
    can_redo: bool
    proposal_rev: int


class ImagesOut(Strict):
    """A part of the filmstrip."""

    total: int
    images: list[ImageOut]


class StateIn(Strict):
    """What a person says of an image."""

    state: Literal["done", "corrected"]
