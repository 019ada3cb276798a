"""A run on the disk: what is done of it, so that one that was killed is resumed.

In the folder of the results, for a run and for each shard of one that is shared out:

``manifest.jsonl``              what became of each file, see ``segfit.batch.manifest``
``.segfit-run/parts.jsonl``     what files of the whole run need of each image, until it has ended
``.segfit-run/half/``           files that are being written

A file's results have their names before its parts are written, and these before its line in the
manifest: what has a line is done.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Protocol

from segfit.basics.files import find_existing, make_folder
from segfit.basics.stores import find_url
from segfit.batch.desk import Desk
from segfit.batch.files import ResultFiles, list_files
from segfit.batch.lines import GrowingFile
from segfit.batch.manifest import (
    DONE,
    FAILED,
    Entry,
    Stamp,
    describe_differences,
    encode_entry,
    encode_line,
    identify,
    identify_list,
    name_manifest,
    read_manifest,
)
from segfit.batch.parts import Parts, Places, find_parts
from segfit.batch.shards import Shard
from segfit.errors import SegfitError
from segfit.version import __version__

PRIVATE_FOLDER = ".segfit-run"
NOT_THERE = (-1, -1)
KEPT = ("manifest*.jsonl", f"{PRIVATE_FOLDER}/parts*.jsonl")


@dataclass(frozen=True)
class Recording:
    """How a run is recorded.

    ``settings``: all that results depend on, by name: what JSON has, or what is shown by ``str``.
    ``resume``: do only what the folder's manifests do not say is done with the same settings.
    ``shard``: of the files, the share to be done; files of the whole run are written by the run
    that is resumed without a shard.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False
    shard: Shard | None = None

    def __post_init__(self) -> None:
        plain = json.loads(json.dumps({**self.settings, "segfit": __version__}, default=str))
        object.__setattr__(self, "settings", plain)


class DoneFile(Protocol):
    """What the record says of a file that is done."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Its results."""
        ...

    @property
    def seconds(self) -> float:
        """That the work took."""
        ...


class RunRecord:
    """The record of a run into a folder, to be entered when all else is checked.

    ``recording``: None keeps parts alone, and nothing in the folder. ``run_files``: those of the
    whole run. ``skip_existing``: files whose results are all there count as done, whatever made
    them. Raises ``SegfitError`` where results of other settings would be gone on with.
    """

    def __init__(
        self,
        output: Path,
        recording: Recording | None,
        planned: Mapping[Path, ResultFiles],
        *,
        run_files: Sequence[Path] = (),
        skip_existing: bool = False,
    ) -> None:
        if skip_existing and run_files:
            raise SegfitError(
                f"--skip-existing looks for each file's own results, and {run_files[0].name} is of "
                "all of them: give --resume instead, or another format"
            )
        self.output, self._recording = output, recording
        self._settings = {} if recording is None else recording.settings
        self._run = identify(self._settings)
        self._shard = None if recording is None else recording.shard
        self._has_parts = bool(run_files)
        self._list = identify_list(_name(path) for path in planned)
        self._stamps: dict[Path, Stamp] = {}
        self._is_going_on = False
        self._places: Places = {}
        self._desk = Desk(output, KEPT) if recording is not None else None
        chosen = list(planned) if self._shard is None else self._shard.take(list(planned))
        done: set[Path] = set()
        if recording is not None:
            self._stamps = {path: stamp_of(path) for path in chosen}
            if recording.resume:
                done = self._find_done(chosen, planned, run_files)
        if skip_existing:
            done |= _find_complete(chosen, planned)
        self.missing = [path for path in chosen if path not in done]
        """The files to do."""
        self.before = len(done)
        """How many were done before."""

    @property
    def run_id(self) -> str:
        """A name of the run's settings: the same ones have the same."""
        return self._run

    @property
    def is_shared_out(self) -> bool:
        """Whether this is a shard of a run, which writes no files of the whole run."""
        return self._shard is not None

    @property
    def may_overwrite(self) -> bool:
        """Whether results of files that are to do are what an earlier run of this left."""
        return self._is_going_on

    @property
    def half_files(self) -> Path | None:
        """Where files are begun, None for beside their places."""
        if self._desk is None or not self._desk.is_here:
            return None
        return self._private(self._desk) / f"half{self._suffix}"

    def __enter__(self) -> RunRecord:
        desk = self._desk
        if desk is None:
            self._temporary = TemporaryDirectory(prefix="segfit-")
            place, copy = Path(self._temporary.name) / "parts.jsonl", None
        else:
            make_folder(self._private(desk))
            manifest = name_manifest(desk.folder, self._shard)
            self._manifest = GrowingFile(manifest, copy=desk.find_copy(manifest))
            shutil.rmtree(self._private(desk) / f"half{self._suffix}", ignore_errors=True)
            make_folder(self._private(desk) / f"half{self._suffix}")
            self._manifest.append(encode_line({"id": self._run, "settings": self._settings}))
            place = self._private(desk) / f"parts{self._suffix}.jsonl"
            copy = desk.find_copy(place)
            if not self._is_going_on:
                place.unlink(missing_ok=True)
        self._parts = Parts(place, self._run, self._places, copy=copy) if self._has_parts else None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._parts is not None:
            self._parts.close()
        if self._desk is None:
            self._temporary.cleanup()
        else:
            self._manifest.close()

    def add(self, done: DoneFile, parts: bytes) -> None:
        """Write that a file is done; ``parts``: see ``Parts.add``."""
        if self._parts is not None:
            self._parts.add(_name(done.path), parts)
        if self._recording is not None:
            files = tuple(file.relative_to(self.output).as_posix() for file in done.files)
            self._add(done.path, DONE, seconds=round(done.seconds, 4), files=files)

    def add_failed(self, path: Path, reason: str) -> None:
        """Write that a file has failed, and why."""
        if self._recording is not None:
            self._add(path, FAILED, reason=reason)

    def list_kept(self, paths: Sequence[Path]) -> list[Path]:
        """Those of some images that parts are kept of: they are done."""
        parts = self._parts
        return [] if parts is None else [path for path in paths if _name(path) in parts]

    def read_parts(self, path: Path) -> dict[str, Any]:
        """What files of the whole run need of an image that is done."""
        assert self._parts is not None
        return self._parts.read(_name(path))

    def end(self, *, failed: bool) -> None:
        """Write that the run has ended, and remove what only a run to resume needs."""
        desk = self._desk
        if desk is None:
            return
        if self._shard is None and not failed:
            self._manifest.append(encode_line({"ended": self._run, "files": self._list}))
            self._manifest.copy()
            if self._parts is not None:
                self._parts.close(are_needed=False)
                self._parts = None
            desk.remove(self._private(desk))
            return
        for folder in (self._private(desk) / f"half{self._suffix}", self._private(desk)):
            with suppress(OSError):  # parts are in it, or another shard's files
                folder.rmdir()

    def _private(self, desk: Desk) -> Path:
        return desk.folder / PRIVATE_FOLDER

    @property
    def _suffix(self) -> str:
        return "" if self._shard is None else self._shard.suffix

    def _find_done(
        self, chosen: Sequence[Path], planned: Mapping[Path, ResultFiles], run_files: Sequence[Path]
    ) -> set[Path]:
        assert self._desk is not None
        past = read_manifest(self._desk.folder)
        self._is_going_on = self._run in past.settings
        if not self._is_going_on:
            _check_same(self.output, chosen, past.done, past.settings, self._settings)
        told = [path for path in chosen if self._is_told(path, past.done)]
        done = _find_complete(told, planned)
        if not run_files:
            return done
        is_ended = past.ended.get(self._run) == self._list
        if (
            is_ended
            and len(done) == len(chosen)
            and len(find_existing(run_files)) == len(run_files)
        ):
            return done
        kept = sorted(self._private(self._desk).glob("parts*.jsonl"))
        self._places = find_parts(kept, self._run)
        return {path for path in done if _name(path) in self._places}

    def _is_told(self, path: Path, done: Mapping[tuple[str, str], Stamp]) -> bool:
        return done.get((_name(path), self._run)) == self._stamps[path]

    def _add(
        self,
        path: Path,
        status: str,
        *,
        seconds: float = 0.0,
        files: tuple[str, ...] = (),
        reason: str = "",
    ) -> None:
        size, modified_ns = self._stamps.get(path, NOT_THERE)
        entry = Entry(_name(path), status, self._run, size, modified_ns, seconds, files, reason)
        self._manifest.append(encode_entry(entry))


def _check_same(
    output: Path,
    chosen: Sequence[Path],
    done: Mapping[tuple[str, str], Stamp],
    settings: Mapping[str, Mapping[str, Any]],
    now: Mapping[str, Any],
) -> None:
    """Raise ``SegfitError`` where files were done with other settings."""
    others = {_name(path) for path in chosen}
    runs = dict.fromkeys(run for name, run in done if name in others)
    before = [settings[run] for run in runs if run in settings]
    if before:
        raise SegfitError(
            f"{output} holds results of these images that were made with other settings: "
            f"{describe_differences(before[-1], now)}; resume with those of then, or choose "
            "another output folder"
        )


def _name(path: Path) -> str:
    """A file's name in the record: its path from the root, links as they are, or its address."""
    return find_url(path) or os.path.abspath(path)


def stamp_of(path: Path) -> Stamp:
    """By what a changed file is known; ``NOT_THERE`` of one that cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return NOT_THERE
    return status.st_size, status.st_mtime_ns


def _find_complete(paths: Sequence[Path], planned: Mapping[Path, ResultFiles]) -> set[Path]:
    """Those of some files whose results are all there; without results a file is complete."""
    wanted = {path: list_files(planned[path]) for path in paths}
    there = find_existing(file for files in wanted.values() for file in files)
    return {path for path, files in wanted.items() if there.issuperset(files)}
