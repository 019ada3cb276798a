"""The log of a training: every figure as a line of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from segfit.basics.files import check_writable
from segfit.errors import SegfitError
from segfit.model.card import ModelCard
from segfit.version import __version__

if TYPE_CHECKING:
    from segfit.training import TrainingResult
    from segfit.training.events import Event
    from segfit.training.preparation import Preparation


class TrainingLog:
    """A file of JSON lines, each with its ``event``: ``plan``, ``end``, or an event's ``kind``.

    A training that is resumed adds to the file; it repeats the steps since its last
    checkpoint, and the later line is the one that counts. The file is made when the first line is
    written. Raises ``SegfitError`` at once where it exists (unless ``resume`` or ``force``) or
    cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False, force: bool = False) -> None:
        check_writable(path, force=force or resume)
        self._path, self._resume = path, resume
        self._file: TextIO | None = None

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def write_preparation(self, prepared: Preparation, *, seed: int | None) -> None:
        """Add what training begins with; ``seed`` is None where the checkpoint keeps it."""
        data = prepared.data
        self._write(
            "plan",
            {
                "segfit_version": __version__,
                "classes": list(data.classes.names),
                "images": {name: len(split) for name, split in data.splits.items()},
                "notes": data.notes,
                "plan": prepared.plan.model_dump(mode="json"),
                "reasons": prepared.reasons,
                "seed": seed,
            },
        )

    def write_event(self, event: Event, class_names: Sequence[str]) -> None:
        """Add a step or a validation."""
        self._write(event.kind, event.to_dict(class_names))

    def write_end(self, result: TrainingResult) -> None:
        """Add what has become of it."""
        card = result.card
        figures = (
            {"threshold": card.threshold, "metrics": card.metrics}
            if isinstance(card, ModelCard)
            else {"metrics": card.regressor.metrics}
        )
        self._write("end", {"model": str(result.path), **figures})

    def _write(self, event: str, figures: Mapping[str, Any]) -> None:
        line = json.dumps({"event": event, **_without_nan(figures)}, ensure_ascii=False)
        try:
            file = self._file = self._file or self._open()
            file.write(line + "\n")
            file.flush()
        except OSError as error:
            raise SegfitError(f"cannot write the log {self._path}: {error.strerror}") from error

    def _open(self) -> TextIO:
        if self._resume:
            return self._path.open("a", encoding="utf-8", errors="replace")
        return self._path.open("w", encoding="utf-8", errors="replace")


def _without_nan(value: Any) -> Any:
    """What JSON can hold: None for NaN."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
