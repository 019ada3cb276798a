"""Going on from a trained model: its weights, its network and its resolution, and other classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from segfit.basics.text import list_first
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard
from segfit.networks.classifier import Classifier
from segfit.networks.export import load_weights
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.plan.plan import Plan

RATE = 0.25
"""Of the peak learning rate, for weights that have learned already: at all of it they forget."""
KEPT = ("scaling", "encoder", "widths", "branches", "output_stride", "objects")
"""Settings of a plan that are those of the model."""


def inherit_plan(base: ModelCard, classes: ClassTable, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan takes from the model that training goes on from, and what is ``given`` beside it.

    Raises ``SegfitError`` for a setting that only another network could have, and for branches that
    serve other classes.
    """
    refused = [key for key in KEPT if key in given]
    if refused:
        raise SegfitError(
            f"plan, {', '.join(refused)}: taken from {base.name}, from which training goes on; "
            "leave it out, or train anew without --from"
        )
    network = base.architecture
    if network.branches and set(base.classes.names) != set(classes.names):
        raise SegfitError(
            f"{base.name} has a decoder with branches for {', '.join(base.classes.names)}, and the "
            f"data has {', '.join(classes.names)}: train anew without --from"
        )
    usual: float = Plan.model_fields["learning_rate"].default
    objects = "regions" if base.classes.object_classes else "none"
    inherited = {
        "scaling": asdict(base.scaling),
        "encoder": network.encoder,
        "widths": network.widths,
        "branches": write_branches(base),
        "output_stride": network.output_stride,
        "objects": "grouped" if network.has_objects else objects,
        "learning_rate": usual * RATE,
        "coarse_share": 0.0,
    }
    return {**inherited, **given}


def write_branches(base: ModelCard) -> str:
    """The branches of a model's decoder, as ``parse_branches`` reads them."""
    return "; ".join(
        f"{','.join(base.classes.names[index] for index in branch.classes)}"
        f"@1/{branch.stride}x{branch.width}"
        for branch in base.architecture.branches
    )


def describe_start(base: ModelCard, classes: ClassTable) -> str:
    """Which classes training goes on with, which are new, and which are gone, in a sentence."""
    known = [name for name in classes.names if name in base.classes.names]
    new = [name for name in classes.names if name not in base.classes.names]
    gone = [name for name in base.classes.names if name not in classes.names]
    parts = [f"training goes on from {base.name}, with its network and resolution"]
    parts += [f"it knows {list_first(known)}"] if known else ["it knows none of the classes"]
    parts += [f"new: {list_first(new)}"] if new else []
    parts += [f"gone: {list_first(gone)}"] if gone else []
    return "; ".join(parts)


def restore_classifier(base: ModelFile[ModelCard]) -> Classifier:
    """The model's own classifier, its features an answer, too."""
    architecture = replace(base.card.architecture, gives_features=True, squeezed=0)
    return load_weights(Classifier(architecture), base.networks[architecture.NAME].weights)


def fill_from(network: Classifier, base: ModelFile[ModelCard], classes: ClassTable) -> None:
    """Give a new network the weights of a model; its outputs are those of the same class names.

    A class that the model does not know begins with the weights of the background, which such
    things were to it, or where it has none, with those that the network has.
    """
    old = restore_classifier(base)
    new = network.architecture
    expected = replace(
        old.architecture, outputs=new.outputs, branches=new.branches, gives_features=False
    )
    if expected != new:
        raise SegfitError(f"training cannot go on from {base.card.name}: its network is another")
    state = old.state_dict()
    for kind in ("weight", "bias"):
        rows = _as_rows(state[f"head.{kind}"])
        fresh = _as_rows(network.state_dict()[f"head.{kind}"])
        state[f"head.{kind}"] = _as_outputs(
            _match_rows(rows, fresh, base.card.classes, classes), like=network.head.out_channels
        )
    network.load_state_dict(state)


def _as_rows(outputs: Tensor) -> Tensor:
    """Outputs (K, …) as a row per class: one output is a second class beside zeros."""
    return torch.cat([torch.zeros_like(outputs), outputs]) if len(outputs) == 1 else outputs


def _as_outputs(rows: Tensor, *, like: int) -> Tensor:
    """Rows of classes as so many outputs: one output is the difference of two."""
    return rows[1:] - rows[:1] if like == 1 else rows


def _match_rows(rows: Tensor, fresh: Tensor, old: ClassTable, new: ClassTable) -> Tensor:
    chosen: list[Tensor] = []
    names: Sequence[str] = old.names
    for index, name in enumerate(new.names):
        if index == new.background and old.background is not None:
            chosen.append(rows[old.background])
        elif name in names:
            chosen.append(rows[names.index(name)])
        else:
            chosen.append(fresh[index] if old.background is None else rows[old.background])
    return torch.stack(chosen)


def restore_regressor(base: ModelFile[ModelCard]) -> OutlineRegressor | None:
    """The model's outline regressor, None where it has none.

    As one to go on from: it is given all features, and its offsets are as it learned them.
    """
    card = base.card.regressor
    if card is None:
        return None
    architecture = replace(card.architecture, squeezed_at=None, shrinkage=0.0)
    return load_weights(OutlineRegressor(architecture), base.networks[architecture.NAME].weights)
