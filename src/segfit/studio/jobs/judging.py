"""The report on a model, measured on the images that no model of the project learned from."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segfit.basics.files import make_folder
from segfit.basics.text import count_noun
from segfit.errors import SegfitError
from segfit.studio.jobs.models import KeptModel, ModelShelf
from segfit.studio.jobs.process import lower_own_priority
from segfit.studio.jobs.snapshot import LabelledFile, find_labelled, write_snapshot

if TYPE_CHECKING:
    from segfit.report import Candidate

MOST_EARLIER = 5
"""Models of other numbers of images that are measured again, for the learning curve."""
HOW_TO_LEARN = (
    "Label more images and train again: each model that learned from another number of images is a "
    "point of the curve."
)
MOST_SHARE = 0.99
"""Of a report that is not written yet: at 1 the page shows it."""
SPECK_PX = 16.0
"""Smaller regions of a method are noise, as ``segfit evaluate`` has it."""
Asked = tuple[int, int | None]


class Judge:
    """Makes reports, one at a time, and keeps them for as long as model and labels stay the same.

    ``on_change(model, against, share, problem)`` follows a report that is being made, from 0 to 1;
    ``problem`` says why there is none.
    """

    def __init__(
        self,
        folder: Path,
        state_folder: Path,
        shelf: ModelShelf,
        *,
        flush: Callable[[], None],
        on_change: Callable[[int, int | None, float, str], None],
    ) -> None:
        self._folder, self._place, self._shelf = folder, state_folder / "judge", shelf
        self._flush, self._tell = flush, on_change
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._asked: dict[Asked, float] = {}
        self._problems: dict[Asked, str] = {}

    def find(self, model: int, against: int | None) -> Path | float:
        """A report's file, or how far it is, from 0 to 1, if it has to be made first.

        Raises ``KeyError`` for a number that no model has, and ``SegfitError`` where there is
        nothing to measure on, or the report could not be made.
        """
        asked = (model, against)
        self._shelf.get(model)
        if against is not None:
            self._shelf.get(against)
        with self._lock:
            if asked in self._asked:
                return self._asked[asked]
            problem = self._problems.pop(asked, None)
            if problem is not None:
                raise SegfitError(problem)
        self._flush()
        files = self._list_held_out(model, against)
        path = self._name(asked, files)
        if path.is_file():
            return path
        with self._lock:
            self._asked[asked] = 0.0
        thread = threading.Thread(target=self._make, args=(asked, files, path), name="report")
        thread.start()
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        return 0.0

    def close(self) -> None:
        """Give up what is being made; that takes as long as an image."""
        self._closing.set()
        for thread in self._threads:
            thread.join()

    def _list_held_out(self, *models: int | None) -> list[LabelledFile]:
        """The labelled images that none of these models, nor one that they went on from, saw."""
        known = [self._shelf.get(number) for number in models if number is not None]
        learned = {name for model in known for name in model.learned}
        wanted = {name for model in known for name in model.held_out}
        labelled = find_labelled(self._folder).files
        held = [f for f in labelled if f.name in wanted and f.name not in learned]
        if not held:
            raise SegfitError(
                "none of the images that were held out from training has labels any more: label "
                "one again, or train anew"
            )
        return held

    def _name(self, asked: Asked, files: Sequence[LabelledFile]) -> Path:
        """Where a report lies: another one for other models, and for other labels."""
        digest = hashlib.sha256(repr(asked).encode())
        class_file = self._folder / "classes.json"
        for path in (class_file, *(p for f in files for p in (f.image, f.mask, f.objects) if p)):
            stat = path.stat()
            digest.update(f"{path}{stat.st_size}-{stat.st_mtime_ns}".encode())
        for model in self._list_earlier(asked):
            digest.update(str(model.id).encode())
        return self._place / f"{digest.hexdigest()[:24]}.html"

    def _list_earlier(self, asked: Asked) -> list[KeptModel]:
        """Models of other numbers of images and the same classes, that have not seen more."""
        own = self._shelf.get(asked[0])
        held_out = set(own.held_out)
        of_number: dict[int, KeptModel] = {}
        for model in self._shelf.list_models():
            fits = list(model.classes) == list(own.classes) and not held_out & set(model.learned)
            if fits and model.images and model.images not in (own.images, *of_number):
                of_number[model.images] = model
        return list(of_number.values())[:MOST_EARLIER]

    def _make(self, asked: Asked, files: Sequence[LabelledFile], path: Path) -> None:
        lower_own_priority()
        with self._making:
            problem = ""
            try:
                self._write(asked, files, path)
            except SegfitError as error:
                problem = str(error)
            except Exception as error:  # a page that waits has to be told
                problem = f"the report could not be made ({type(error).__name__}: {error})"
            with self._lock:
                self._asked.pop(asked, None)
                if problem:
                    self._problems[asked] = problem
        self._tell(*asked, 1.0, problem)

    def _write(self, asked: Asked, files: Sequence[LabelledFile], path: Path) -> None:
        from segfit.datasets import open_labelled
        from segfit.report import EarlierModel, Hints, build_report, write_report

        make_folder(self._place)
        data_folder = path.with_suffix(".data")
        shutil.rmtree(data_folder, ignore_errors=True)
        try:
            write_snapshot(self._folder, files, [file.name for file in files], data_folder)
            data = open_labelled(data_folder, hold_out=False)
            split = next(iter(data.splits.values()))
            model, *others = (self._open(number) for number in asked if number is not None)
            kept = self._shelf.get(asked[0])
            history = [
                EarlierModel(one.name, one.images, self._open(one.id).method)
                for one in self._list_earlier(asked)
            ]
            own = [EarlierModel(kept.name, kept.images, model.method)] if kept.images else []
            held_out = count_noun(len(split), "image")
            content = build_report(
                model,
                split,
                data=f"{held_out} of {self._folder.name}, held out of training",
                against=others[0] if others else None,
                history=[*history, *own],
                hints=Hints(learning=HOW_TO_LEARN),
                on_progress=lambda done, total: self._note(asked, done / max(1, total)),
            )
            write_report(content, path, force=True)
        finally:
            shutil.rmtree(data_folder, ignore_errors=True)

    def _open(self, number: int) -> Candidate:
        from segfit.methods import open_comparable
        from segfit.report import Candidate

        model = self._shelf.get(number)
        method = open_comparable(str(self._shelf.path(number)), min_area_px=SPECK_PX)
        facts = {"learned from": f"{model.images} images, {model.minutes:g} minutes"}
        return Candidate(model.name, method, facts)

    def _note(self, asked: Asked, share: float) -> None:
        share = min(share, MOST_SHARE)
        if self._closing.is_set():
            raise SegfitError("the studio was closed before the report was made")
        with self._lock:
            told = self._asked.get(asked, 0.0)
            self._asked[asked] = share
        if int(20 * share) > int(20 * told):
            self._tell(*asked, share, "")
