"""``classes.json`` beside layers of polygons: what these do not tell by themselves."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segfit.classes import Color
from segfit.datasets.json_files import describe_first
from segfit.datasets.masks.class_file import CLASS_FILE_NAME, parse_color
from segfit.errors import SegfitError


class LayerClass(BaseModel):
    """A class: what polygons of it are called, how it is shown, and whether each is an object."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = Field(min_length=1)
    color: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    instances: bool | None = None


class LayerChoices(BaseModel):
    """What a user chose of layers.

    ``column``: holds the classes. ``layer``: the one to take of a file that has several.
    ``unlabelled``: what pixels are that no polygon covers. ``ignore``: names of polygons whose
    pixels are ignored. ``classes``: those that there are; without them, those that occur.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    column: str | None = None
    layer: str | None = None
    unlabelled: Literal["background", "ignore"] = "ignore"
    ignore: tuple[str, ...] = ()
    classes: tuple[LayerClass, ...] = ()

    @property
    def object_names(self) -> dict[str, bool]:
        """Whether polygons of a class are objects, of those for which it is said."""
        return {one.name: one.instances for one in self.classes if one.instances is not None}

    @property
    def colors(self) -> dict[str, Color]:
        """The colors that are given, by the names of their classes."""
        return {one.name: parse_color(one.color) for one in self.classes if one.color is not None}


def read_choices(folder: Path) -> LayerChoices:
    """Those of a folder's ``classes.json``, or none; SegfitError names a field that is wrong."""
    path = folder / CLASS_FILE_NAME
    if not path.is_file():
        return LayerChoices()
    try:
        choices = LayerChoices.model_validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise SegfitError(
            f"{path}: {describe_first(error)}; beside layers of polygons it may say column, layer, "
            "unlabelled, ignore, and classes with name, color and instances"
        ) from None
    except OSError as error:
        raise SegfitError(f"{path} cannot be read ({error.strerror})") from None
    names = [one.name for one in choices.classes]
    if len(set(names)) < len(names):
        raise SegfitError(f"{path}: classes: a name is given twice: keep one of them")
    return choices
