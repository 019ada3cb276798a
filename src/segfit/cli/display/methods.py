"""Methods without training, for a terminal."""

from __future__ import annotations

import json

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from segfit.classical import METHODS, ClassicalMethod
from segfit.cli.display.terminal import make_list


def render_methods() -> RenderableType:
    """Each method: what it is for, when it fails, and its settings with their defaults."""
    parts: list[RenderableType] = []
    for name, method in METHODS.items():
        described = make_list()
        described.add_row("for", Text(method.purpose))
        described.add_row("fails", Text(method.fails))
        settings = describe_settings(method)
        if settings:
            described.add_row("settings", Text(settings))
        parts += [Text(name, style="bold"), Padding(described, (0, 0, 1, 2))]
    return Group(*parts)


def describe_settings(method: type[ClassicalMethod]) -> str:
    """The settings of a method, as ``--set`` takes them."""
    return ", ".join(
        key if field.default is None else f"{key}={json.dumps(field.default)}"
        for key, field in method.model_fields.items()
    )
