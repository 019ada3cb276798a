"""The models of a project: kept with their figures, one of them in use."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segfit.basics.files import make_folder, write_file
from segfit.basics.text import list_first
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from segfit.model.card import ModelCard

MODELS_FOLDER = Path(".segfit") / "models"
"""In the folder of a project."""
MODEL_SUFFIX, ABOUT_SUFFIX = ".segfit", ".json"
CURRENT_NAME = "current.json"


@dataclass(frozen=True)
class KeptModel:
    """A model and what is known of it.

    ``made``: seconds since 1970. ``images``: that it learned from. ``held_out``: names of those
    that its figures are measured on. ``mean_iou``, ``iou``: None where nothing could be measured.
    ``learned``: names of the images that it and those before it learned from. ``base``: the model
    that it went on from. ``job``: the training that made it. ``complete``: False for the best so
    far of a training that was stopped.
    """

    id: int
    made: float
    images: int
    minutes: float
    mean_iou: float | None
    iou: Mapping[str, float | None]
    classes: Sequence[str]
    object_classes: Sequence[str] = ()
    held_out: Sequence[str] = ()
    learned: Sequence[str] = field(default=(), repr=False)
    base: int | None = None
    job: int | None = None
    complete: bool = True

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"model {self.id}"


class ModelShelf:
    """The models in a folder, ``.segfit/models``; a model is there once its file is.

    Numbers are never given twice, also after a model was deleted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()

    def list_models(self) -> list[KeptModel]:
        """All models, the newest first."""
        found = []
        for number in sorted(self._list_numbers(), reverse=True):
            with suppress(SegfitError):  # a damaged file; the others are fine
                found.append(self._read(number))
        return found

    def get(self, number: int) -> KeptModel:
        """A model. Raises ``KeyError`` for a number that no model has."""
        if not self.path(number).is_file():
            raise KeyError(number)
        return self._read(number)

    def path(self, number: int) -> Path:
        """Where a model's file lies."""
        return self.folder / f"{number}{MODEL_SUFFIX}"

    def current(self) -> KeptModel | None:
        """The model in use."""
        number = self._read_state().get("current")
        return self.get(number) if number is not None and self.path(number).is_file() else None

    def use(self, number: int) -> KeptModel:
        """Take a model into use. Raises ``KeyError`` for a number that no model has."""
        with self._lock:
            model = self.get(number)
            self._write_state(current=number)
            return model

    def delete(self, number: int) -> None:
        """Remove a model; if it was in use, the newest one left is from now on."""
        with self._lock:
            was_current = self.current()
            self.get(number)
            for path in (self.path(number), self._about_path(number)):
                path.unlink(missing_ok=True)
            if was_current is not None and was_current.id == number:
                left = self.list_models()
                self._write_state(current=left[0].id if left else None)

    def take_in(self, file: Path, *, into_use: bool = True, **about: Any) -> KeptModel:
        """Move a model's file in, with what is known of it, and take it into use.

        ``into_use``: False for one that is of no use. ``about``: fields of ``KeptModel``; figures
        and classes come from the model. Raises ``SegfitError`` for a file that is no model.
        """
        from segfit.model.archive import read_model

        card = read_model(file).card
        with self._lock:
            make_folder(self.folder)
            number = max([int(self._read_state().get("last", 0)), *self._list_numbers()]) + 1
            model = KeptModel(
                id=number,
                **_read_figures(card),
                **about,
            )
            write_file(self._about_path(number), json.dumps(asdict(model)).encode(), force=True)
            self._write_state(last=number)
            os.replace(file, self.path(number))
            if into_use:
                self._write_state(current=number)
            return self._read(number)

    def _read(self, number: int) -> KeptModel:
        """What is known of a model: where nobody can tell any more, what its file says."""
        with suppress(OSError, ValueError, TypeError):
            return KeptModel(**json.loads(self._about_path(number).read_text(encoding="utf-8")))
        from segfit.model.archive import read_model

        path = self.path(number)
        card = read_model(path).card
        return KeptModel(
            id=number,
            made=path.stat().st_mtime,
            images=0,
            minutes=float(card.plan.get("minutes", 0)),
            **_read_figures(card),
        )

    def _list_numbers(self) -> list[int]:
        found = self.folder.glob(f"*{MODEL_SUFFIX}")
        return [int(path.stem) for path in found if path.stem.isdigit()]

    def _about_path(self, number: int) -> Path:
        return self.folder / f"{number}{ABOUT_SUFFIX}"

    def _read_state(self) -> dict[str, Any]:
        try:
            state = json.loads((self.folder / CURRENT_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def _write_state(self, **changed: Any) -> None:
        state = {**self._read_state(), **changed}
        write_file(self.folder / CURRENT_NAME, json.dumps(state).encode(), force=True)


def _read_figures(card: ModelCard) -> dict[str, Any]:
    names = card.classes.names
    return {
        "mean_iou": card.metrics.get("mean_iou"),
        "iou": card.metrics.get("iou", {}),
        "classes": list(names),
        "object_classes": [names[index] for index in card.classes.object_classes],
    }


def describe_classes(model: KeptModel, names: Sequence[str]) -> str:
    """How a model's classes fit those of the project now, in a sentence; empty where they are the
    same.
    """
    new = [name for name in names if name not in model.classes]
    gone = [name for name in model.classes if name not in names]
    parts = [f"it does not know {list_first(new)}"] if new else []
    parts += [f"it also knows {list_first(gone)}, which is left out"] if gone else []
    return f"{model.name} was made for other classes: {' and '.join(parts)}." if parts else ""


def match_classes(model_names: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """For each class of a model the index of the project's class of that name; None for none.

    >>> match_classes(["cell", "old"], ["background", "cell"])
    [1, None]
    """
    places = {name: index for index, name in enumerate(names)}
    return [places.get(name) for name in model_names]
