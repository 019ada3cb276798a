"""What became of each file of a run, on the disk as it goes: ``manifest.jsonl``.

A line is a JSON object: of a run's settings (``settings`` and their ``id``), of a file (``path``
and what became of it), or of a run's end (``ended``). A file that was done once is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segfit.batch.lines import read_lines
from segfit.batch.shards import Shard
from segfit.errors import SegfitError

DONE, FAILED = "done", "failed"
ID_LENGTH = 12
Stamp = tuple[int, int]
"""By what a changed file is known: its size in bytes, and its time as the disk has it, in ns."""
NAME = re.compile(r"manifest(-\d+-of-\d+)?\.jsonl")


@dataclass(frozen=True)
class Entry:
    """What became of a file.

    ``path``: absolute. ``run``: the id of the settings. ``bytes``, ``modified_ns``: of the file as
    it was. ``files``: of its results, from the output folder. ``seconds``: that the work took,
    without reading and writing.
    """

    path: str
    status: str
    run: str
    bytes: int
    modified_ns: int
    seconds: float = 0.0
    files: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Manifest:
    """What the manifests of a folder say, those of shards too.

    ``settings``: of the runs, by their ids. ``done``: by path and id, the stamp of the file as it
    was. ``ended``: by ids, the lists
    of files, as digests, that were ended without a failure and with all files of the whole run.
    """

    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: dict[tuple[str, str], Stamp] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)


def name_manifest(output: Path, shard: Shard | None) -> Path:
    """The manifest of a run, or of its shard."""
    return output / f"manifest{'' if shard is None else shard.suffix}.jsonl"


def read_manifest(output: Path) -> Manifest:
    """Read all manifests of a folder; a line that is damaged counts as not written."""
    manifest = Manifest()
    try:
        names = sorted(os.listdir(output)) if output.is_dir() else []
        for name in names:
            if NAME.fullmatch(name):
                for _, line in read_lines(output / name):
                    _take_in(manifest, line)
    except OSError as error:
        raise SegfitError(
            f"cannot read the manifest in {output} ({error.strerror}): change its permissions, or "
            "choose another output folder"
        ) from error
    return manifest


def _take_in(manifest: Manifest, line: bytes) -> None:
    try:
        content = json.loads(line)
        if "path" in content:
            entry = Entry(**content)
            if entry.status == DONE:
                manifest.done[entry.path, entry.run] = entry.bytes, entry.modified_ns
        elif "settings" in content:
            manifest.settings[content["id"]] = content["settings"]
        elif "ended" in content:
            manifest.ended[content["ended"]] = content["files"]
    except (ValueError, TypeError, KeyError):
        return


def encode_entry(entry: Entry) -> bytes:
    """A file's line; without what says nothing."""
    return encode_line(
        {name: value for name, value in asdict(entry).items() if value != () and value != ""}
    )


def encode_line(content: Mapping[str, object]) -> bytes:
    """A line, which is ASCII, so that names that are no text come back as they were."""
    return json.dumps(content).encode()


def identify(settings: Mapping[str, Any]) -> str:
    """A name of settings: the same ones have the same."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def identify_list(paths: Iterable[str]) -> str:
    """A name of a list of files, in its order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()[:ID_LENGTH]


def describe_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two runs' settings, in words.

    >>> describe_differences({"format": "mask", "scale": None}, {"format": "json", "scale": None})
    'format (mask then, json now)'
    """
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    return ", ".join(
        f"{name} ({_show(before, name)} then, {_show(now, name)} now)" for name in names
    )


def _show(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
