"""Cards of models, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from segfit.basics.text import list_first
from segfit.classification.decision import Decision
from segfit.cli.display.terminal import draw_class, make_list, make_table
from segfit.model.architecture import ClassifierArchitecture, OutlineArchitecture
from segfit.model.card import Card, FeatureCard, ModelCard, NetworkCard, RefinerCard, ScribbleCard
from segfit.model.precision import Precision
from segfit.runtime.precision import choose_precision, list_fast
from segfit.runtime.session import Backend

DESCRIBED = (ClassifierArchitecture.NAME, OutlineArchitecture.NAME)
"""Networks that have more to say than how they are built."""
MOST_OFFSETS = 12
"""Classes of which it is said by how much their logits were moved."""

KINDS_WITHOUT_CLASSES: dict[type[Card], tuple[str, str]] = {
    RefinerCard: ("refiner: moves the outlines of masks, by segfit refine", "any: a refiner"),
    FeatureCard: ("features: describe pixels for strokes, by segfit scribble", "none: features"),
}
"""What these models are, and what stands in place of their classes."""


def render_card(card: Card, path: Path) -> RenderableType:
    """A model's card: what it is for, how well it does it, and where it comes from."""
    grid = make_list()
    grid.add_row("model", Text(card.name, style="bold"))
    if card.description:
        grid.add_row("", Text(card.description))
    if isinstance(card, ModelCard):
        _add_segmenter(grid, card)
    else:
        grid.add_row("kind", KINDS_WITHOUT_CLASSES[type(card)][0])
    if card.regressor is not None:
        grid.add_row("outlines", Text(describe_outlines(card.regressor)))
    for name, network in card.networks.items():
        if name not in DESCRIBED:
            grid.add_row(name.replace("_", " "), Text(str(network.architecture)))
    channels = "" if card.channels is None else ", ".join(map(str, card.channels))
    for title, text in (
        ("channels", channels and f"{channels} of an image, counted from 0"),
        ("trained on", ", ".join(card.channel_names or ())),
        ("data", card.data),
        ("licence", card.licence),
        ("made", _describe_making(card)),
    ):
        if text:
            grid.add_row(title, Text(text))
    grid.add_row("file", Text(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"))
    return grid


def render_models(models: Sequence[tuple[Path, Card]]) -> RenderableType:
    """One row for each model: name, classes, mean IoU, size, and what it is in a sentence."""
    table = make_table("name", "what it is", "classes", numbers=["mean IoU", "MB"])
    for path, card in models:
        mean_iou = None
        if not isinstance(card, ModelCard):
            classes = KINDS_WITHOUT_CLASSES[type(card)][1]
        else:
            classes, mean_iou = ", ".join(card.classes.names), card.metrics.get("mean_iou")
        table.add_row(
            Text(path.stem, style="bold"),
            Text(card.description.partition(". ")[0]),
            Text(classes),
            "–" if mean_iou is None else f"{mean_iou:.3f}",
            f"{path.stat().st_size / 1e6:.1f}",
        )
    return table


def describe_objects(card: ModelCard) -> str:
    """Of which classes objects are told apart, and how."""
    names = ", ".join(card.classes.names[index] for index in card.classes.object_classes)
    if card.tells_objects_apart:
        return f"{names}: touching objects are told apart by a head of their own"
    return f"{names}: connected regions are objects"


def describe_offsets(card: ModelCard) -> str:
    """What was added to the logits of classes after the training; empty where nothing was."""
    offsets: Mapping[str, float] = card.metrics.get("logit_offsets") or {}
    moved = [f"{name} {offset:+.2f}" for name, offset in offsets.items() if offset]
    listed = list_first(moved, limit=MOST_OFFSETS)
    return listed and f"moved by what gives the best mean IoU: {listed}"


def describe_precision(card: NetworkCard[ClassifierArchitecture]) -> str:
    """What a classifier is computed in on this machine, and what faster precisions cost."""
    chosen = choose_precision(Precision.AUTO, card, backend=Backend.OPENVINO)
    if card.faster is None:
        return f"{chosen}: no faster one was measured"
    measured = [card.faster.describe(precision) for precision in card.faster.losses]
    without = [one for one in card.faster.losses if one not in list_fast()]
    lacking = f"; this processor has no instructions for {' and '.join(without)}" if without else ""
    return f"{chosen}; in points, on {card.faster.measured_on}: {'; '.join(measured)}{lacking}"


def describe_outlines(card: NetworkCard[OutlineArchitecture]) -> str:
    """Say how far off outlines are, before and after a regression network moved them."""
    before, after = card.metrics.get("error_before_px"), card.metrics.get("error_px")
    if not isinstance(before, float) or not isinstance(after, float):
        return "moved by a regression network"
    measured_on = card.metrics.get("measured_on")
    where = f", on {measured_on}" if measured_on else ""
    return f"moved by a regression network: {after:.2f} px off instead of {before:.2f}{where}"


def _add_segmenter(grid: Table, card: ModelCard) -> None:
    ious = card.metrics.get("iou")
    known = ious if isinstance(ious, Mapping) else {}
    classes = Table.grid(padding=(0, 2))
    for name, color in zip(card.classes.names, card.classes.colors, strict=True):
        iou = known.get(name)
        classes.add_row(draw_class(name, color), "" if iou is None else f"IoU {iou:.3f}")
    grid.add_row("classes", classes)
    if card.classes.is_binary:
        grid.add_row("threshold", f"{card.threshold:g}")
    if offsets := describe_offsets(card):
        grid.add_row("logits", Text(offsets))
    if card.certainty > 0:
        least = Decision(card.threshold, certainty=card.certainty).least_certain
        grid.add_row("certainty", f"objects of a lower mean probability than {least:.3g} are none")
    if card.classes.object_classes:
        grid.add_row("objects", Text(describe_objects(card)))
    if isinstance(card, ScribbleCard):
        fitted = ", ".join(f"{name} {count:,}" for name, count in card.marks.items())
        grid.add_row("fitted to", Text(f"pixels of strokes: {fitted}"))
        return
    grid.add_row("resolution", str(card.scaling))
    grid.add_row("network", Text(card.architecture.encoder))
    grid.add_row("precision", Text(describe_precision(card.classifier)))
    figures = _describe_metrics(card)
    if figures:
        grid.add_row("figures", Text(figures))


def _describe_metrics(card: ModelCard) -> str:
    figures = [
        f"{title} {card.metrics[key]:.3f}"
        for key, title in (("mean_iou", "mean IoU"), ("pixel_accuracy", "pixel accuracy"))
        if isinstance(card.metrics.get(key), float)
    ]
    measured_on = card.metrics.get("measured_on")
    return ", ".join(figures) + (f", on {measured_on}" if figures and measured_on else "")


def _describe_making(card: Card) -> str:
    steps, seed = card.plan.get("trained_steps"), card.plan.get("seed")
    trained = f", {steps} steps with seed {seed}" if steps is not None else ""
    return f"{card.created}, by segfit {card.segfit_version}{trained}"
