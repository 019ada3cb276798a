"""Points of a learning curve in a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from segfit.basics.text import say_mistake
from segfit.errors import SegfitError

EXAMPLE = '[{"images": 10, "model": "ten.segfit"}, {"images": 20, "mean_iou": 0.71}]'


class HistoryPoint(BaseModel):
    """A model that learned from so many labelled images: where it is, or how well it did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: Annotated[int, Field(ge=1)]
    model: str | None = None
    mean_iou: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> HistoryPoint:
        if (self.model is None) == (self.mean_iou is None):
            raise ValueError("give a model, or its mean_iou, and not both")
        return self


def read_history(path: Path) -> list[HistoryPoint]:
    """Read the points; the path of a model is looked for beside the file, too.

    Raises ``SegfitError`` for a file that does not hold such a list.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SegfitError(
            f"cannot read {path} ({error.strerror}): give a JSON file such as {EXAMPLE}"
        ) from error
    try:
        points = TypeAdapter(list[HistoryPoint]).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        where = f"{path}, {place}" if place else str(path)
        raise SegfitError(f"{where}: {say_mistake(first['msg'])}; expected {EXAMPLE}") from error
    beside = (path.parent / (point.model or "") for point in points)
    return [
        point.model_copy(update={"model": str(other)}) if point.model and other.is_file() else point
        for point, other in zip(points, beside, strict=True)
    ]
