"""``segfit info`` and ``segfit models``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from segfit.cli.opening import open_console
from segfit.cli.options import Model
from segfit.errors import SegfitError


def info(
    model: Model,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the plan of its training, for segfit train --plan")
    ] = False,
) -> None:
    """Show a model's card: its classes, resolution and figures, and where it comes from.

    [dim]segfit info face[/]

    [dim]segfit info face --plan > plan.toml[/]
    """
    from segfit.basics.text import format_toml
    from segfit.model.archive import read_archive
    from segfit.model.shipped import find_model

    if as_json and plan:
        raise SegfitError(
            "--json and --plan print different things: choose one (the JSON holds the plan, too)"
        )
    path = find_model(model)
    card = read_archive(path).card
    if as_json:
        print(json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False))
    elif plan:
        if not card.plan:
            raise SegfitError(f"{path} does not say how it was trained: there is no plan to print")
        # What came of the training is not a setting.
        settings = {k: v for k, v in card.plan.items() if k not in ("seed", "trained_steps")}
        seed, steps = card.plan.get("seed"), card.plan.get("trained_steps")
        print(f"# {card.name}: trained for {steps} steps with seed {seed}")
        print(format_toml(settings))
    else:
        from segfit.cli.display.cards import render_card

        open_console().print(render_card(card, path))


def models() -> None:
    """List the models that ship with segfit."""
    from segfit.cli.display.cards import render_models
    from segfit.model.archive import read_archive
    from segfit.model.shipped import list_shipped

    shipped = list_shipped().values()
    if not shipped:
        raise SegfitError("this installation has no models: reinstall segfit")
    open_console().print(render_models([(path, read_archive(path).card) for path in shipped]))
