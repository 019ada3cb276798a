"""The settings of a prediction as parameters of a request: those of ``Decision`` and a few more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from inspect import cleandoc
from typing import Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from segfit.classification.decision import Decision
from segfit.imaging.channels import parse_channels
from segfit.imaging.scale import Scale
from segfit.serving.predict import Wish

USUAL_FORMAT = "mask"


# Patterns are for who reads the description: the parsers refuse what does not match, in words.
class PredictionParameters(BaseModel):
    """What every prediction takes, whatever its model; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: list[str]
    refine: bool = Field(
        True, description="Move the outlines by the model's regression network, if it has one"
    )
    simplify_px: float = Field(
        0.0,
        ge=0,
        description="Leave out points of the outlines, as long as none moves by more than this; 0 "
        "leaves all",
    )
    channels: str = Field(
        "",
        json_schema_extra={"pattern": r"^([0-9]{1,3}(,[0-9]{1,3},[0-9]{1,3})?)?$"},
        description="Which channels of the image to take, counted from 0: one, or three, such as "
        "0,2,1; the model's own if empty",
    )
    scale: str = Field(
        "",
        json_schema_extra={"pattern": r"^([0-9]{1,6}(\.[0-9]{1,6})?[a-z]{1,5}/px)?$"},
        description="Size of a pixel, such as 0.65um/px, for tables; the file's own if empty",
    )

    def to_wish(self) -> Wish:
        """What is wanted; raises ``SegfitError`` for a value that will not do."""
        settings = {one.name: getattr(self, one.name) for one in fields(Decision)}
        return Wish(
            tuple(dict.fromkeys(self.format)),
            Decision(**settings),
            self.refine,
            self.simplify_px or None,
            parse_channels(self.channels) if self.channels else None,
            Scale.parse(self.scale) if self.scale else None,
        )


def describe_parameters(formats: Sequence[str]) -> type[PredictionParameters]:
    """The parameters with the settings of ``Decision``, and these formats to choose from."""
    hints = get_type_hints(Decision)
    meanings = explain_settings()
    own: dict[str, Any] = {
        one.name: (
            _without_none(hints[one.name]),
            Field(one.default, description=meanings[one.name]),
        )
        for one in fields(Decision)
    }
    choice: Any = Literal[tuple(formats)]
    own["format"] = (
        list[choice],
        Field([USUAL_FORMAT], description="What to send; several come in a zip"),
    )
    return create_model("Parameters", __base__=PredictionParameters, **own)


def explain_settings() -> dict[str, str]:
    """What each setting of ``Decision`` does, in the words of its docstring."""
    text = " ".join(cleandoc(Decision.__doc__ or "").split())
    names = "|".join(one.name for one in fields(Decision))
    _, *parts = re.split(rf"``({names})``[,:] ", text.partition(" Raises ")[0])
    return dict(zip(parts[::2], (part.strip(" .") for part in parts[1::2]), strict=True))


def _without_none(hint: Any) -> Any:
    """A parameter that is not given is left out, so that no text stands for None."""
    (kind,) = [one for one in get_args(hint) if one is not type(None)] or [hint]
    return kind
