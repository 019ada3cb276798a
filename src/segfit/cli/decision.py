"""The options that make up a prediction's ``Decision``: one for each of its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from segfit.cli.options import RESULT, MinArea

Command = Callable[..., None]

Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="PROBABILITY",
        help="For models of background and foreground: how probable a foreground pixel must be; "
        "the model's own threshold if not given",
        rich_help_panel=RESULT,
    ),
]
Reject = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="For models of several classes: pixels whose best class is less probable than this "
        "become background",
        rich_help_panel=RESULT,
    ),
]
Certainty = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="For models of background and foreground that tell objects apart: how far from the "
        "threshold (0) to 1 an object's mean probability must lie, for it to count; the model's "
        "own if not given",
        rich_help_panel=RESULT,
    ),
]

DECISION_OPTIONS: dict[str, tuple[str, Any, Any]] = {
    "threshold": ("threshold", Threshold, None),
    "reject": ("reject", Reject, 0.0),
    "min_area_px": ("min_area", MinArea, 0.0),
    "certainty": ("certainty", Certainty, None),
}
"""Of every setting of ``Decision``: its option's name, the option, and what it is if not given."""


def with_decision(command: Command) -> Command:
    """A command that takes these options in the place of a parameter ``decision``, made of them."""
    own = inspect.signature(command).parameters
    hints = get_type_hints(command, include_extras=True, localns={"Decision": Any})
    parameters = []
    for name, parameter in own.items():
        if name != "decision":
            parameters.append(parameter.replace(annotation=hints[name]))
            continue
        for option, annotation, default in DECISION_OPTIONS.values():
            parameters.append(
                inspect.Parameter(option, parameter.kind, default=default, annotation=annotation)
            )

    @wraps(command)
    def run(**given: Any) -> None:
        from segfit.classification.decision import Decision

        settings = {
            setting: given.pop(option, default)
            for setting, (option, _, default) in DECISION_OPTIONS.items()
        }
        command(**given, decision=Decision(**settings))

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def name_decision_options() -> list[str]:
    """The options as one writes them."""
    return [f"--{option.replace('_', '-')}" for option, _, _ in DECISION_OPTIONS.values()]
