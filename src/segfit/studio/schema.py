"""What pages send and are sent: checked once, here."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from segfit.basics.arrays import Float64Array

MOST_POINTS = 20_000
FARTHEST = 1_000_000.0
LARGEST_RADIUS = 2_000.0
LARGEST_NUMBER = 1 << 53
"""Of an image or a revision: more than JavaScript counts to, and less than the database holds."""

Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]
Points = Annotated[list[Point], Field(min_length=1, max_length=MOST_POINTS)]
Radius = Annotated[float, Field(ge=0, le=LARGEST_RADIUS, allow_inf_nan=False)]
ClassNumber = Annotated[int, Field(ge=0, le=254)]
Scale = Annotated[int, Field(ge=0, le=1000)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Rectangular = tuple[Coordinate, Coordinate, Coordinate, Coordinate]
Token = Annotated[str, Field(min_length=1, max_length=64)]
BoxOut = Annotated[list[int], Field(min_length=4, max_length=4)]
Place = Annotated[list[float], Field(min_length=2, max_length=2)]


class Strict(BaseModel):
    """Nothing that is not named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Request(Strict):
    """What every change has.

    ``id``: a repeated one is answered as before, and not done twice. ``client``: the page.
    ``group``: operations that are undone together.
    """

    rev: Annotated[int, Field(ge=0, le=LARGEST_NUMBER)] | None = None
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


class Region(Request):
    """Give the region under the pointer to a class; ``scale``: 0 is the finest."""

    kind: Literal["region"]
    class_: ClassNumber = Field(alias="class")
    x: Coordinate
    y: Coordinate
    scale: Scale = 0


class Rectangle(Request):
    """Find the object in a rectangle, left, top, right, bottom, and give it to a class."""

    kind: Literal["rectangle"]
    class_: ClassNumber = Field(alias="class")
    box: Rectangular


class Hole(Request):
    """Cut a polygon out of what its outline runs over most."""

    kind: Literal["hole"]
    points: Points


class Split(Request):
    """Divide the objects that a line crosses."""

    kind: Literal["split"]
    points: Points


class Merge(Request):
    """Make one object of those that a line runs over."""

    kind: Literal["merge"]
    points: Points


class Delete(Request):
    """Take the labels from the object or region at a point."""

    kind: Literal["delete"]
    x: Coordinate
    y: Coordinate


class Change(Request):
    """Give the object or region at a point to another class."""

    kind: Literal["change"]
    class_: ClassNumber = Field(alias="class")
    x: Coordinate
    y: Coordinate


class Smooth(Request):
    """Smooth the outline of the object or region at a point."""

    kind: Literal["smooth"]
    x: Coordinate
    y: Coordinate


class Accept(Request):
    """Take over what is proposed, where there is no label.

    ``what``: all of it; the region at ``x``, ``y`` and ``scale``; what is in ``box``; one
    ``class``; or what is surer than ``confidence``, 0 to 1.
    """

    kind: Literal["accept"]
    what: Literal["all", "region", "rectangle", "class", "surer"]
    x: Coordinate | None = None
    y: Coordinate | None = None
    scale: Scale = 0
    box: Rectangular | None = None
    class_: ClassNumber | None = Field(default=None, alias="class")
    confidence: Share | None = None


class Clear(Request):
    """Take all labels from an image."""

    kind: Literal["clear"]


Operation = Annotated[
    Stroke
    | Erase
    | Region
    | Polygon
    | Rectangle
    | Fill
    | Hole
    | Split
    | Merge
    | Delete
    | Change
    | Smooth
    | Accept
    | Clear,
    Field(discriminator="kind"),
]


def as_points(points: list[Point]) -> Float64Array:
    """Points as (N, 2)."""
    return np.array(points, np.float64).reshape(-1, 2)


class OperationAnswer(Strict):
    """What an operation came to."""

    rev: int
    dirty: BoxOut | None
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
    """An image that is looked at. ``run``: tiles that are asked for with it may be kept."""

    levels: int
    tile: int
    depth_note: str
    can_undo: bool
    can_redo: bool
    proposal_rev: int
    run: str


class ImagesOut(Strict):
    """A part of the filmstrip."""

    total: int
    images: list[ImageOut]


class StateIn(Strict):
    """What a person says of an image."""

    state: Literal["done", "corrected"]


class LabelAt(Strict):
    """The label of a pixel; ``object`` is 0 for none."""

    class_: int = Field(alias="class")
    origin: Literal["accepted", "hand"]
    object: int


class ProposedAt(Strict):
    """What is proposed for a pixel, and how sure that is, 0 to 1."""

    class_: int = Field(alias="class")
    confidence: float


class ObjectAt(Strict):
    """The labelled or proposed region that a pixel belongs to.

    ``error_px``: how far off its outline may be, on average; null where no network put it there.
    """

    area_px: int
    error_px: float | None


class PointOut(Strict):
    """What is known of a pixel."""

    label: LabelAt | None
    proposal: ProposedAt | None
    object: ObjectAt | None


class RegionOut(Strict):
    """The region of the image's edges at a point; without rings where there is none yet."""

    outline: list[list[Place]]
    area_px: float
    scale: int
    scales: int


class SnapIn(Strict):
    """A closed outline."""

    points: Annotated[list[Point], Field(min_length=3, max_length=MOST_POINTS)]


class SnapOut(Strict):
    """The outline on the image's edges, and how far off each of its points may be."""

    points: list[Place]
    error_px: list[float]
    mean_error_px: float


class UnsurePlace(Strict):
    """A place where the proposal is unsure."""

    x: float
    y: float
    confidence: float


class UnsureOut(Strict):
    """The least sure places, the worst first."""

    places: list[UnsurePlace]


class ProposalsIn(Strict):
    """Where proposals come from."""

    source: Literal["strokes", "model"]
    model: int | None = None
