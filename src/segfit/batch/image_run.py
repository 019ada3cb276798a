"""A run over many images, from what is planned to the files of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from segfit.basics.progress import OnProgress
from segfit.batch.files import ResultFiles, list_files, prepare_folders
from segfit.batch.record import DoneFile, Recording, RunRecord
from segfit.batch.run import BatchReport, run_batch
from segfit.batch.run_formats import RunFiles
from segfit.batch.steps import Steps
from segfit.batch.workers import IN_THREADS, Workers

Done = TypeVar("Done", bound=DoneFile)


class ImageRun:
    """Images, the files that are planned for each, and those of all of them; to be entered.

    ``record``: see ``RunRecord``. ``overwrites``: whether files may be there already: they are to
    be replaced, or an earlier run of the same left them, or another machine that was lost.
    """

    def __init__(
        self,
        files: Mapping[Path, ResultFiles],
        run_files: RunFiles,
        *,
        recording: Recording | None = None,
        workers: Workers = IN_THREADS,
        skip_existing: bool = False,
        force: bool = False,
    ) -> None:
        """Make the folders for what is missing, and write what the classes alone say.

        Raises ``SegfitError`` where a file exists that is not the run's own (unless ``force``), and
        for a run that cannot be gone on with.
        """
        self._files, self._run_files = files, run_files
        self._force, self._workers = force, workers
        self.record = RunRecord(
            run_files.output,
            recording,
            files,
            run_files=list_files(run_files.of_images),
            skip_existing=skip_existing,
        )
        self._is_own = force or self.record.may_overwrite
        self.overwrites = self._is_own or workers.ray is not None
        self._prepare()

    def __enter__(self) -> ImageRun:
        self.record.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.record.__exit__(kind, error, traceback)

    def do(
        self,
        steps: Steps[Any, Any, Done],
        *,
        workers: Workers | None = None,
        on_progress: OnProgress | None = None,
    ) -> BatchReport[Done]:
        """Do what is missing, then write the files of all images, but not for a shard.

        ``workers``: other ones than those of the run; ``on_progress``: see ``run_batch``.
        """
        report = run_batch(
            {path: self._files[path] for path in self.record.missing},
            steps,
            record=self.record,
            workers=workers or self._workers,
            on_progress=on_progress,
        )
        if not self.record.is_shared_out:
            kept = self.record.list_kept(list(self._files))
            self._run_files.write(kept, self.record.read_parts, force=self._is_own)
        self.record.end(failed=bool(report.failed))
        return report

    def _prepare(self) -> None:
        record, run_files = self.record, self._run_files
        wanted = {path: self._files[path] for path in record.missing}
        if not record.is_shared_out:
            wanted[record.output] = run_files.of_images
        prepare_folders(wanted, record.output, force=self._is_own)
        if record.missing:
            companions = {record.output: run_files.of_classes}
            prepare_folders(companions, record.output, force=self._force)
            # Shards that begin at the same time write the same.
            run_files.write_companions(force=self._force or record.is_shared_out)
