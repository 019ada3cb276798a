"""What a project does beside being labelled: trainings, models, reports, the queue, archives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segfit.errors import SegfitError
from segfit.studio.judging import Judge
from segfit.studio.models import KeptModel, ModelShelf
from segfit.studio.queue import TeachingQueue
from segfit.studio.refusals import MissingError
from segfit.studio.takeaway import remove_old_archives
from segfit.studio.training import TrainingJobs

if TYPE_CHECKING:
    from segfit.studio.project import Studio


class Jobs:
    """The jobs of a studio; ``close`` them before it.

    ``on_preview``: called with the file of the best model so far while a training runs.
    ``on_model``: called with the model in use whenever that is another one, or None. Both may be
    called in any thread.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.on_preview: list[Callable[[Path], None]] = []
        self.on_model: list[Callable[[KeptModel | None], None]] = []
        state = studio.state_folder
        self.shelf = ModelShelf(state / "models")
        self.training = TrainingJobs(
            studio.folder,
            state / "jobs",
            self.shelf,
            flush=self.flush,
            on_change=lambda told: studio.events.publish("training", told),
            on_preview=self._take_preview,
            on_model=lambda model: self._tell_models(),
        )
        self.judge = Judge(
            studio.folder,
            state,
            self.shelf,
            flush=self.flush,
            run_in_background=studio.run_in_background,
            on_change=self._tell_report,
        )
        self.queue = TeachingQueue(
            studio.database,
            studio.catalogue,
            self.shelf,
            on_change=lambda: studio.events.publish("queue", {}),
        )
        remove_old_archives(state)

    def open(self) -> None:
        """Take up what the last studio has left."""
        if self._studio.why_read_only is None:
            self.training.open()
            self._studio.editor.on_change.append(lambda *_: self.queue.refresh())
        self.queue.open()

    def close(self) -> None:
        """End all that runs."""
        self.queue.close()
        self.training.close()

    def flush(self) -> None:
        """All labels are on the disk; in a folder that is read-only they are already."""
        if self._studio.why_read_only is None:
            self._studio.write_files()

    def get_model(self, number: int) -> KeptModel:
        """A model. Raises ``MissingError`` for a number that no model has."""
        try:
            return self.shelf.get(number)
        except KeyError:
            raise MissingError(f"there is no model {number}") from None

    def require_model(self, number: int | None) -> KeptModel:
        """A model, or without a number the one in use; ``SegfitError`` where there is none."""
        if number is not None:
            return self.get_model(number)
        current = self.shelf.current()
        if current is None:
            raise SegfitError("there is no model yet: train one first")
        return current

    def list_paths(self, images: str | Sequence[int]) -> set[Path]:
        """Files of images by their numbers, or of all that are "done"."""
        numbers = self._list_done() if isinstance(images, str) else images
        return {self._studio.catalogue.get_path(number).resolve() for number in numbers}

    def _list_done(self) -> list[int]:
        rows = self._studio.database.reader.execute("SELECT id FROM images WHERE present")
        return [int(row["id"]) for row in rows if self._studio.describe_state(row["id"]) == "done"]

    def use_model(self, number: int) -> None:
        """Take a model back."""
        self._studio.editor.check_writable()
        self.get_model(number)
        self.shelf.use(number)
        self._tell_models()

    def delete_model(self, number: int) -> None:
        """Remove a model."""
        self._studio.editor.check_writable()
        self.get_model(number)
        if self.training.needs(number):
            raise SegfitError(f"a training goes on from model {number}: stop it first, or wait")
        self.shelf.delete(number)
        self._tell_models()

    def _take_preview(self, path: Path) -> None:
        for take in self.on_preview:
            take(path)

    def _tell_models(self) -> None:
        current = self.shelf.current()
        for take in self.on_model:
            take(current)
        self._studio.events.publish("models", {})
        self.queue.refresh()

    def _tell_report(self, model: int, against: int | None, share: float, problem: str) -> None:
        told: dict[str, Any] = {"model": model, "against": against, "share": share}
        self._studio.events.publish("judge", {**told, "problem": problem or None})
