"""What a project does beside being labelled: trainings, models, reports, the queue, archives."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from segfit.errors import SegfitError
from segfit.studio.jobs.answers import Answers
from segfit.studio.jobs.judging import Judge
from segfit.studio.jobs.models import MODELS_FOLDER, KeptModel, ModelShelf
from segfit.studio.jobs.queue import TeachingQueue
from segfit.studio.jobs.takeaway import remove_old_archives
from segfit.studio.jobs.training import TrainingJobs
from segfit.studio.proposals.proposal import MODEL
from segfit.studio.refusals import MissingError

if TYPE_CHECKING:
    from segfit.studio.project import Studio

FIRST_PREVIEW = 1_000_000_000
"""Numbers that no model has, for those that are still being trained."""


class Jobs:
    """The jobs of a studio; ``close`` them before it.

    ``follows_training``: the model that is being trained proposes, as soon as there is one, until a
    person chooses who does.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.follows_training = True
        self._choosing, self._choices = Lock(), 0
        self._previews = itertools.count(FIRST_PREVIEW)
        state = studio.state_folder
        # A folder that is read-only has its state elsewhere, and shows the models that it has.
        self.shelf = ModelShelf(studio.folder / MODELS_FOLDER)
        self.training = TrainingJobs(
            studio.folder,
            state / "jobs",
            self.shelf,
            flush=self.flush,
            wait=studio.loading.wait,
            on_change=lambda told: studio.events.publish("training", told),
            on_preview=self._take_preview,
            on_model=self._take_model,
        )
        self.judge = Judge(
            studio.folder,
            state,
            self.shelf,
            flush=self.flush,
            on_change=self._tell_report,
        )
        self.queue = TeachingQueue(
            studio.database,
            studio.catalogue,
            self.shelf,
            wait=studio.loading.wait,
            stand_still=studio.proposals.stand_still,
            on_change=lambda: studio.events.publish("queue", {}),
        )
        self.answers = Answers(
            state, self.shelf, on_change=lambda told: studio.events.publish("answers", told)
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
        self.answers.close()
        self.judge.close()
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

    def start_answers(
        self, images: str | Sequence[int], format_name: str, model: int | None
    ) -> None:
        """Let a model answer for images by their numbers, for "all", or for those "unlabelled"."""
        chosen = self.require_model(model)
        catalogue = self._studio.catalogue
        numbers = catalogue.list_openable(unlabelled=images == "unlabelled")
        if not isinstance(images, str):
            openable = set(numbers)
            numbers = [number for number in images if number in openable]
        self.answers.start(chosen, [catalogue.get_path(one) for one in numbers], format_name)

    def _list_done(self) -> list[int]:
        rows = self._studio.database.reader.execute("SELECT id FROM images WHERE present")
        return [int(row["id"]) for row in rows if self._studio.describe_state(row["id"]) == "done"]

    def use_model(self, number: int) -> None:
        """Take a model back."""
        self._studio.editor.check_writable()
        path = self.find_model(number)
        self.shelf.use(number)
        if self._studio.proposals.source == MODEL:
            self.note_choice()
            self._studio.run_in_background(self._propose, number, path, self._choices)
        self._tell_models()

    def delete_model(self, number: int) -> None:
        """Remove a model."""
        self._studio.editor.check_writable()
        self.get_model(number)
        if self.training.needs(number):
            raise SegfitError(f"a training goes on from model {number}: stop it first, or wait")
        self.shelf.delete(number)
        if self._studio.proposals.model_id == number:
            self._studio.proposals.use_strokes()
        self._tell_models()

    def find_model(self, number: int) -> Path:
        """A model's file. Raises ``MissingError`` for a number that no model has."""
        return self.shelf.path(self.get_model(number).id)

    def start_training(self, minutes: float | None) -> None:
        """Train on the labels as they are now."""
        self._studio.editor.check_writable()
        self.training.start(minutes)
        self.follows_training = True

    def _take_preview(self, path: Path) -> None:
        if self.follows_training:
            number = next(self._previews)
            self._studio.run_in_background(self._propose, number, path, self._choices)

    def _take_model(self, _: KeptModel) -> None:
        """A training has ended: its model proposes, or, if it learned nothing, who did before."""
        if self.follows_training or self._studio.proposals.source == MODEL:
            current = self.shelf.current()
            if current is None:
                self.note_choice()
                self._studio.proposals.use_strokes()
            else:
                path = self.shelf.path(current.id)
                self._studio.run_in_background(self._propose, current.id, path, self._choices)
        self._tell_models()

    def note_choice(self) -> None:
        """A person chooses who proposes, which counts before what is on its way."""
        with self._choosing:
            self.follows_training = False
            self._choices += 1

    def _propose(self, number: int, path: Path, choices: int) -> None:
        """Let a model propose, unless it cannot here: then it goes on as before, which is said.

        ``choices``: how often a person had chosen when it was asked for.
        """
        from segfit.segmenter import load

        try:
            segmenter = load(path)
            with self._choosing:
                if self._choices == choices:
                    self._studio.proposals.use_model(number, segmenter)
        except SegfitError as error:
            # A preview is gone once its training is over; the finished model proposes then.
            if path.is_file():
                self._studio.notes.say("model", "warning", f"the model does not propose: {error}")

    def _tell_models(self) -> None:
        self._studio.events.publish("models", {})
        self.queue.refresh()

    def _tell_report(self, model: int, against: int | None, share: float, problem: str) -> None:
        told: dict[str, Any] = {"model": model, "against": against, "share": share}
        self._studio.events.publish("judge", {**told, "problem": problem or None})
