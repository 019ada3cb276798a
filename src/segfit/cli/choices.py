"""What options can name: read from the tables themselves, for help, completion and errors.

The tables are heavy to import, so each is read only where it is asked for: in the help of its own
command, while a word is completed, and when the command runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from typer.core import TyperArgument, TyperCommand, TyperOption

from segfit.errors import SegfitError

if TYPE_CHECKING:
    from segfit.model.card import Card

Choice = TypeVar("Choice", bound=str)
Choices = Mapping[str, str]
"""Names and what each is for, which may be empty."""
Completion = Callable[[str], Sequence[tuple[str, str]]]

MODEL_SUFFIX = ".segfit"
PROBABILITIES = "probabilities-"
STANDARD, BEST = "standard", "best"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(:lines)?\}")


def list_models() -> Choices:
    """Shipped models."""
    from segfit.model.shipped import list_shipped

    return _unexplained(list_shipped())


def list_segmenters() -> Choices:
    """Shipped models that segment images."""
    from segfit.model.card import ModelCard

    return _unexplained(name for name, card in _read_cards() if isinstance(card, ModelCard))


def list_refiners() -> Choices:
    """Shipped models that move the outlines of masks."""
    from segfit.model.card import RefinerCard

    return _unexplained(name for name, card in _read_cards() if isinstance(card, RefinerCard))


def list_formats(*provided: str) -> Choices:
    """Formats that need no more than a method provides, and those of a whole run."""
    from segfit.batch.run_formats import RUN_FORMATS
    from segfit.formats import FORMATS

    of_images = {
        name: format.purpose
        for name, format in FORMATS.items()
        if all(content.value in provided for content in format.needs)
    }
    return of_images | {name: format.purpose for name, format in RUN_FORMATS.items()}


def list_large_formats() -> Choices:
    """Formats for images of any size that are no others."""
    from segfit.batch.large import LARGE_FORMATS
    from segfit.formats import FORMATS

    return {name: one.purpose for name, one in LARGE_FORMATS.items() if name not in FORMATS}


def list_probabilities() -> Choices:
    """Formats of probabilities, without the word that their names share."""
    return {
        name.removeprefix(PROBABILITIES): purpose
        for name, purpose in list_formats("scores").items()
        if name.startswith(PROBABILITIES)
    }


def list_fit_formats() -> Choices:
    """Formats of fitted shapes."""
    from segfit.batch.fit_formats import FIT_FORMATS

    return {name: format.purpose for name, format in FIT_FORMATS.items()}


def list_export_formats() -> Choices:
    """Formats of models for programs without segfit."""
    from segfit.export.formats import FORMATS

    return {name: format.purpose for name, format in FORMATS.items()}


def list_methods() -> Choices:
    """Methods without training."""
    from segfit.classical import METHODS

    return {name: method.purpose for name, method in METHODS.items()}


def list_comparable_methods() -> Choices:
    """Methods without training whose answers can be compared with labels."""
    from segfit.methods import list_comparable

    methods = list_methods()
    return {name: methods[name] for name in list_comparable()}


def list_shapes() -> Choices:
    """Shapes that can be fitted, and none."""
    from segfit.shapes import NO_SHAPE, SHAPES

    shapes = {name: shape.purpose for name, shape in SHAPES.items()}
    return shapes | {NO_SHAPE: "measure only, which takes a fraction of the time"}


def list_detectors() -> Choices:
    """Detectors of edges."""
    from segfit.edges.detectors import DETECTORS
    from segfit.methods import LEARNED, LEARNED_PURPOSE

    known = {name: detector.purpose for name, detector in DETECTORS.items()}
    return {LEARNED: LEARNED_PURPOSE, **known}


def list_backends() -> Choices:
    """What can run a network."""
    from segfit.runtime.session import Backend

    return _unexplained(Backend)


def list_devices() -> Choices:
    """Where a network can be computed."""
    from segfit.runtime.devices import DeviceKind

    return _unexplained(DeviceKind)


def list_training_devices() -> Choices:
    """Where a network can learn."""
    from segfit.runtime.devices import TRAINING_KINDS, DeviceKind

    return _unexplained([DeviceKind.AUTO, *TRAINING_KINDS])


def list_precisions() -> Choices:
    """How exactly a classifier can be computed."""
    from segfit.model.precision import Precision

    return _unexplained(Precision)


def list_qualities() -> Choices:
    """How often a classifier looks at an image."""
    return _unexplained([STANDARD, BEST])


def list_losses() -> Choices:
    """Terms of a loss."""
    from segfit.training.losses import LOSSES

    return _unexplained(LOSSES)


def list_encoders() -> Choices:
    """Encoders of a classifier."""
    from segfit.networks.encoders import encoder_names

    return _unexplained(encoder_names())


def list_optimizers() -> Choices:
    """Optimizers of a classifier."""
    from segfit.training.plan.plan import Plan

    return _unexplained(get_args(Plan.model_fields["optimizer"].annotation))


def list_components() -> Choices:
    """Networks of a model, which are trained and evaluated apart or together."""
    return {
        "both": "",
        "classifier": "says what is where",
        "regressor": "moves outlines to where the image has its edges",
    }


def list_tasks() -> Choices:
    """What can be evaluated."""
    return {
        "regions": "labelled images",
        "edges": "images in which people drew the edges (images/ and truth/ of BSDS500)",
    }


def list_splits() -> Choices:
    """Splits of labelled data."""
    return _unexplained(["train", "val", "test"])


TABLES: dict[str, Callable[[], Choices]] = {
    "models": list_models,
    "segmenters": list_segmenters,
    "refiners": list_refiners,
    "model_formats": lambda: {**list_formats("scores", "objects"), **list_large_formats()},
    "mask_formats": lambda: list_formats("objects"),
    "edge_formats": lambda: list_formats("edges", "objects"),
    "fit_formats": list_fit_formats,
    "export_formats": list_export_formats,
    "probabilities": list_probabilities,
    "methods": list_methods,
    "comparable_methods": list_comparable_methods,
    "shapes": list_shapes,
    "detectors": list_detectors,
    "backends": list_backends,
    "devices": list_devices,
    "training_devices": list_training_devices,
    "precisions": list_precisions,
    "qualities": list_qualities,
    "losses": list_losses,
    "encoders": list_encoders,
    "optimizers": list_optimizers,
    "components": list_components,
    "tasks": list_tasks,
    "splits": list_splits,
}
"""What ``{name}`` in a help text stands for."""


class CommandWithChoices(TyperCommand):
    """A command whose help texts may hold ``{methods}``, or ``{mask_formats:lines}``."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help, with the tables' entries in the place of their names."""
        self.help = "\n\n".join(part.replace("\n", " ") for part in (self.help or "").split("\n\n"))
        for parameter in self.params:
            if isinstance(parameter, TyperArgument | TyperOption) and parameter.help:
                parameter.help = fill_choices(parameter.help)
        super().format_help(ctx, formatter)


def fill_choices(text: str) -> str:
    """Replace ``{table}`` by its names, ``{table:lines}`` by a line for each with its purpose."""
    return _PLACEHOLDER.sub(lambda match: _describe(match[1], in_lines=match[2] is not None), text)


def _describe(table: str, *, in_lines: bool) -> str:
    from rich.markup import escape

    try:
        choices = TABLES[table]()
    except (ModuleNotFoundError, SegfitError):  # help is for those, too, who do not train
        return 'names are listed where training is installed: pip install "segfit\\[train]"'
    if not in_lines:
        return escape(join_or(choices))
    lines = [f"[bold]{escape(name)}[/] – {escape(purpose)}" for name, purpose in choices.items()]
    return "\n\n".join(lines)


def complete(*tables: str, files: bool = False) -> Completion:
    """What completes a name in any of the tables, and paths of models where there are ``files``."""

    def complete_name(incomplete: str) -> list[tuple[str, str]]:
        return _find(tables, incomplete) + (_find_model_files(incomplete) if files else [])

    return complete_name


def complete_list(table: str) -> Completion:
    """What completes the last of several names that are joined by commas."""

    def complete_last(incomplete: str) -> list[tuple[str, str]]:
        head, comma, last = incomplete.rpartition(",")
        named = split_names(head)
        return [
            (f"{head}{comma}{name}", purpose)
            for name, purpose in _find([table], last)
            if name not in named
        ]

    return complete_last


def _find(tables: Iterable[str], incomplete: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for table in tables:
        try:
            found |= TABLES[table]()
        except (ModuleNotFoundError, SegfitError):  # what does not train has no such names
            continue
    return [(name, purpose) for name, purpose in found.items() if name.startswith(incomplete)]


def _find_model_files(incomplete: str) -> list[tuple[str, str]]:
    """Model files whose path begins so."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    beginning = "" if incomplete.endswith("/") else start.name
    if not folder.is_dir():
        return []
    head = incomplete[: len(incomplete) - len(beginning)]
    return [
        (f"{head}{path.name}", "a model file")
        for path in sorted(folder.iterdir())
        if path.suffix == MODEL_SUFFIX and path.name.startswith(beginning)
    ]


def parse_choice(text: str, choices: Iterable[Choice], what: str) -> Choice:
    """The one of the choices that a text names; raises ``SegfitError`` where none is."""
    known = list(choices)
    for choice in known:
        if choice == text:
            return choice
    raise SegfitError(f"unknown {what} {text!r}: choose {join_or(known)}")


def split_names(text: str) -> list[str]:
    """Names that are joined by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def join_or(names: Iterable[str]) -> str:
    """Names as a sentence lists them.

    >>> join_or(["png", "npz"])
    'png or npz'
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _read_cards() -> Iterator[tuple[str, Card]]:
    from segfit.model.archive import read_archive
    from segfit.model.shipped import list_shipped

    for name, path in list_shipped().items():
        yield name, read_archive(path).card


def _unexplained(names: Iterable[str]) -> Choices:
    return dict.fromkeys(map(str, names), "")
