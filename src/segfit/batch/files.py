"""Which files a batch writes: named before any work, and never in place of what is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os.path import commonpath
from pathlib import Path

from segfit.basics.files import check_writable, find_existing, make_folder
from segfit.basics.text import list_first
from segfit.errors import SegfitError
from segfit.formats import FORMAT_OF_SUFFIX

ResultFiles = Mapping[str, tuple[Path, ...]]
"""Per format, the path to hand to its writer, and then every file that it writes."""


def plan_files(
    inputs: Sequence[Path],
    output: Path,
    name_results: Callable[[Path], ResultFiles],
    *,
    keep_folders: bool | None = None,
    also_read: Iterable[Path] = (),
) -> dict[Path, ResultFiles]:
    """Name every file that will be written, by the file that it is made from.

    ``name_results``: the results of a path in the output folder that has no suffix.
    ``keep_folders``: in the subfolders that the inputs have; None where there is no such choice.
    ``also_read``: files that are read beside the inputs. Raises ``SegfitError`` where results would
    overwrite each other, or what is read.
    """
    folders = _result_folders(inputs, output, keep_folders=bool(keep_folders))
    planned: dict[Path, ResultFiles] = {}
    owner_of: dict[str, Path] = {}
    resolve = _Resolver()
    read = {resolve(path) for path in (*inputs, *also_read)}
    for path in inputs:
        planned[path] = name_results(folders[path] / path.stem)
        for file in list_files(planned[path]):
            if resolve(file) in read:
                raise SegfitError(
                    f"{file} is an image to be read, and a result would overwrite it: choose "
                    "another output folder"
                )
            # Some file systems take upper and lower case for the same.
            other = owner_of.setdefault(str(file).casefold(), path)
            if other != path:
                remedy = _part_results(other, path, may_keep=keep_folders is False)
                raise SegfitError(f"{other} and {path} would both be written to {file}: {remedy}")
    return planned


def prepare_folders(files: Mapping[Path, ResultFiles], output: Path, *, force: bool) -> None:
    """Make the folders; raise ``SegfitError`` where a file exists or a folder cannot be used."""
    if output.suffix.lower() in FORMAT_OF_SUFFIX and not output.is_dir():
        raise SegfitError(f"{output} looks like a file: give the folder that the results go to")
    wanted = [file for one in files.values() for file in list_files(one)]
    there = find_existing(wanted)
    existing = [file for file in wanted if file in there]
    if existing and not force:
        named = list_first([str(file) for file in existing])
        raise SegfitError(
            f"{len(existing)} of {len(wanted)} result files exist already ({named}): choose "
            "another folder, or allow overwriting with --force (in Python: force=True)"
        )
    first_in = {file.parent: file for file in reversed(wanted)}
    for folder in dict.fromkeys([output, *first_in]):
        make_folder(folder)
    # Of files that are not there, one tells of the whole folder: there may be 100,000.
    for file in dict.fromkeys([*first_in.values(), *existing]):
        check_writable(file, force=force)


def list_files(files: ResultFiles) -> tuple[Path, ...]:
    """Every file that is written."""
    return tuple(file for path_and_files in files.values() for file in path_and_files[1:])


def _part_results(first: Path, second: Path, *, may_keep: bool) -> str:
    """What keeps the results of two files apart; ``may_keep``: their folders can be kept."""
    if first.resolve().parent == second.resolve().parent:
        return "rename one of them, or give them one at a time, with output folders of their own"
    remedy = "write them to different folders"
    if may_keep:
        remedy += ", or keep their own folders with --keep-folders (in Python: keep_folders=True)"
    return remedy


def _result_folders(
    inputs: Sequence[Path], output: Path, *, keep_folders: bool
) -> dict[Path, Path]:
    if not keep_folders or not inputs:
        return dict.fromkeys(inputs, output)
    resolve = _Resolver()
    folders = {path: resolve(path).parent for path in inputs}
    shared = commonpath(folders.values())
    return {path: output / folder.relative_to(shared) for path, folder in folders.items()}


class _Resolver:
    """``Path.resolve``, asking once for each folder and for links; of many files."""

    def __init__(self) -> None:
        self._folders: dict[Path, Path] = {}

    def __call__(self, path: Path) -> Path:
        if path.name in ("", "..") or path.is_symlink():
            return path.resolve()
        folder = path.parent
        if folder not in self._folders:
            self._folders[folder] = folder.resolve()
        return self._folders[folder] / path.name
