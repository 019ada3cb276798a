"""JSON files of labels: which one it is, and what is wrong with it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from segfit.basics.text import say_mistake
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError

FileContent = TypeVar("FileContent", bound=BaseModel)


def read_json_file(path: Path, content: type[FileContent], *, kind: str) -> FileContent:
    """Parse a JSON file; SegfitError names the file, its ``kind`` and the first wrong field."""
    try:
        return content.model_validate_json(read_text_file(path))
    except ValidationError as error:
        raise SegfitError(f"{path} is not a {kind} file: {describe_first(error)}") from None


def has_keys(path: Path, *keys: str) -> bool:
    """Whether a file is JSON and has all these keys."""
    known = path.stat()
    return _list_keys(path, known.st_mtime_ns, known.st_size) >= set(keys)


@lru_cache(maxsize=1024)
def _list_keys(path: Path, modified_ns: int, size: int) -> frozenset[str]:
    """The keys of a JSON object, none for other files; several layouts ask for the same file's."""
    try:
        content = json.loads(read_text_file(path))
    except (ValueError, RecursionError, SegfitError):
        return frozenset()
    return frozenset(content) if isinstance(content, dict) else frozenset()


def load_values(path: Path) -> list[Any]:
    """The values of a JSON object, whatever its keys; none for other files."""
    try:
        content = json.loads(read_text_file(path))
    except (ValueError, RecursionError, SegfitError):
        return []
    return list(content.values()) if isinstance(content, dict) else []


def describe_first(error: ValidationError) -> str:
    """Say which field of a JSON file is wrong, how, and what it holds."""
    first = error.errors()[0]
    field = ".".join(str(place) for place in first["loc"]) or "the file"
    more = error.error_count() - 1
    given = "" if first["type"] == "json_invalid" else f" (given {str(first['input'])[:80]!r})"
    return f"{field}: {say_mistake(first['msg'])}{given}" + (
        f"; {more} more such errors" if more else ""
    )
