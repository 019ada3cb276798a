"""A model's answers for images of a project, in any format: found in the background, to be fetched
as one archive.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from segfit.basics.files import make_folder
from segfit.basics.text import count_noun, list_first
from segfit.errors import SegfitError
from segfit.studio.jobs.models import KeptModel, ModelShelf
from segfit.studio.jobs.process import lower_own_priority
from segfit.studio.jobs.takeaway import list_formats_for, pack_folder

FOLDER_NAME, ARCHIVE_NAME = "results", "answers.zip"
MOST_IMAGES = 10_000
"""Of more, the command line is the better place."""
TELL_S = 1.0
THREADS = 1


class State(StrEnum):
    """How the answers stand."""

    NONE = "none"
    WORKING = "working"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """How far it is. ``failed``: images without an answer, ``problem``: why, or why nothing came.

    ``model``: its number, ``format``: the one that was asked for.
    """

    state: State = State.NONE
    model: int | None = None
    format: str = ""
    images: int = 0
    done: int = 0
    failed: int = 0
    problem: str = ""

    def describe(self) -> dict[str, Any]:
        """For pages."""
        share = self.done / self.images if self.images else 0.0
        return {**vars(self), "state": self.state.value, "share": share}


class _StoppedError(Exception):
    """Somebody wants no more of it."""


class Answers:
    """Lets a model answer, once at a time; the archive of the last time is kept until the next.

    ``state_folder``: where there is room for it. ``on_change``: told what ``describe`` says.
    """

    def __init__(
        self,
        state_folder: Path,
        shelf: ModelShelf,
        *,
        on_change: Callable[[dict[str, Any]], None],
    ) -> None:
        self._place, self._shelf = state_folder / "answers", shelf
        self._tell = on_change
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress = Progress()
        self._told_at = 0.0
        shutil.rmtree(self._place, ignore_errors=True)  # of a studio that was killed

    def describe(self) -> dict[str, Any]:
        """How it stands, for pages."""
        with self._lock:
            return self._progress.describe()

    def start(self, model: KeptModel, images: Sequence[Path], format_name: str) -> None:
        """Begin. Raises ``SegfitError`` while others are on their way, for no images or too many,
        and for an unknown format.
        """
        known = list_answer_formats(model)
        if format_name not in known:
            raise SegfitError(f"unknown format {format_name}: choose from {', '.join(known)}")
        if not images:
            raise SegfitError("there is no such image: choose others")
        if len(images) > MOST_IMAGES:
            raise SegfitError(
                f"{len(images):,} images are more than {MOST_IMAGES:,}: choose fewer, or take the "
                "command line's way, which is listed below"
            )
        with self._lock:
            if self._progress.state is State.WORKING:
                raise SegfitError("a model is answering already: wait for it, or stop it")
            self._stopping.clear()
            self._progress = Progress(State.WORKING, model.id, format_name, len(images))
        self._thread = threading.Thread(
            target=self._run, args=(model, list(images), format_name), name="answers"
        )
        self._thread.start()

    def stop(self) -> None:
        """Give up what is on its way, and what is ready."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._progress = Progress()
        shutil.rmtree(self._place, ignore_errors=True)
        self._announce()

    def close(self) -> None:
        """End; that takes as long as an image."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def get_archive(self) -> Path:
        """Where the archive lies. Raises ``SegfitError`` where there is none."""
        with self._lock:
            if self._progress.state is not State.READY:
                raise SegfitError("there are no answers to fetch: let a model answer first")
        return self._place / ARCHIVE_NAME

    def _run(self, model: KeptModel, images: list[Path], format_name: str) -> None:
        lower_own_priority()
        problem = ""
        try:
            self._write(model, images, format_name)
        except _StoppedError:
            problem = "it was stopped"
        except SegfitError as error:
            problem = str(error)
        except OSError as error:
            problem = (
                f"the archive cannot be written ({error.strerror}): free some disk space, or take "
                "fewer images"
            )
        except Exception as error:  # a page that waits has to be told
            problem = f"it failed ({type(error).__name__}: {error})"
        if problem:
            shutil.rmtree(self._place, ignore_errors=True)
            self._change(state=State.FAILED, problem=problem)
        else:
            self._change(state=State.READY)
        self._announce()

    def _write(self, model: KeptModel, images: list[Path], format_name: str) -> None:
        """Find the answers and pack them. Raises ``SegfitError`` where there is not one."""
        from segfit.batch.predict import apply_method
        from segfit.segmenter import load

        shutil.rmtree(self._place, ignore_errors=True)
        make_folder(self._place)
        results = self._place / FOLDER_NAME
        segmenter = load(self._shelf.path(model.id), threads=THREADS)
        report = apply_method(
            segmenter.adjust(),
            images,
            results,
            [format_name],
            channels=segmenter.card.own_channels,
            keep_folders=True,
            on_progress=self._note,
        )
        if report.failed:
            reasons = list_first([one.reason for one in report.failed], limit=2)
            if not report.done:
                raise SegfitError(reasons)
            left = count_noun(len(report.failed), "image")
            self._change(failed=len(report.failed), problem=f"{left} left out: {reasons}")
        pack_folder(results, self._place / ARCHIVE_NAME, FOLDER_NAME)
        shutil.rmtree(results, ignore_errors=True)

    def _note(self, done: int, _total: int) -> None:
        """So many images are done, or have failed."""
        if self._stopping.is_set():
            raise _StoppedError
        self._change(done=done)
        if time.monotonic() > self._told_at + TELL_S:
            self._announce()

    def _change(self, **changed: Any) -> None:
        with self._lock:
            self._progress = replace(self._progress, **changed)

    def _announce(self) -> None:
        self._told_at = time.monotonic()
        self._tell(self.describe())


def list_answer_formats(model: KeptModel) -> Mapping[str, str]:
    """Names and purposes of the formats that a model's answers can be had in."""
    from segfit.formats import Content

    objects = [Content.OBJECTS] if model.object_classes else []
    return list_formats_for({Content.SCORES, *objects})
