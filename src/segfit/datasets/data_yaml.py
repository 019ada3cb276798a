"""The ``data.yaml`` of a YOLO data set: its classes, and where its images are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from segfit.basics.text import list_first
from segfit.datasets.layout import SPLIT_FOLDERS
from segfit.errors import SegfitError

SPLIT_KEYS = {"train": ("train",), "val": ("val", "validation", "valid"), "test": ("test",)}
assert SPLIT_KEYS.keys() == SPLIT_FOLDERS.keys()


@dataclass(frozen=True)
class DataFile:
    """What a data.yaml says: ``names`` of the classes from 0, and the paths of each split as they
    are written, relative to ``base``, which is written, too.
    """

    names: tuple[str, ...]
    base: str = ""
    splits: dict[str, tuple[str, ...]] = field(default_factory=dict)


def parse_data_file(text: str, path: Path) -> DataFile:
    """Parse a data.yaml.

    ``names`` is a list of names, or a name for each number from 0. A name that YAML takes for a
    number, a truth value or a date is what is written there. Raises SegfitError, with the line, for
    text that is not YAML, a name that is empty or null, classes that are not numbered 0, 1, 2, …,
    an ``nc`` that is not their number, and labels of key points.
    """
    root = _compose(text, path)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    entries = {str(key.value): value for key, value in pairs}
    if "names" not in entries:
        raise SegfitError(f"{path} has no 'names:': list the classes there")
    if "kpt_shape" in entries:
        raise SegfitError(f"{path} is of key points, not of outlines: export segmentation labels")
    listed = _list_entries(entries["names"], path)
    if not listed:
        raise SegfitError(f"{path}: names: no class is listed: write names: [first, second]")
    names = tuple(_read_name(entry, path) for entry in listed)
    count = entries.get("nc")
    if count is not None and str(count.value).strip() not in ("", str(len(names))):
        raise SegfitError(
            f"{path}, line {count.start_mark.line + 1}: nc is {count.value} but names lists "
            f"{len(names)} ({list_first(names)}): make them agree"
        )
    base = entries.get("path")
    splits = {
        split: paths
        for split, keys in SPLIT_KEYS.items()
        for key in keys
        if key in entries and (paths := _read_paths(entries[key]))
    }
    return DataFile(names, str(base.value) if isinstance(base, yaml.ScalarNode) else "", splits)


def _compose(text: str, path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SegfitError(
            f"{path}, line {line} is not YAML ({error.problem or error}): correct it"
        ) from None
    except yaml.YAMLError as error:
        raise SegfitError(f"{path} is not YAML ({error}): save it as plain UTF-8 text") from None


def _read_paths(entry: yaml.Node) -> tuple[str, ...]:
    """The paths of a split: one, or a list of them; null and nothing are none."""
    given = entry.value if isinstance(entry, yaml.SequenceNode) else [entry]
    texts = [one.value for one in given if isinstance(one, yaml.ScalarNode)]
    return tuple(text for text in texts if text.strip() not in ("", "~", "null"))


def _list_entries(names: yaml.Node, path: Path) -> list[yaml.Node]:
    """The entries of a list, or of a table in the order of its numbers."""
    if isinstance(names.value, str):
        given = f"given {names.value!r}" if names.value else "nothing is given"
        raise SegfitError(
            f"{path}, line {names.start_mark.line + 1}: names: expected a list such as "
            f"[leaf, fruit], or numbers with names, but {given}"
        )
    if isinstance(names, yaml.SequenceNode):
        return list(names.value)
    numbered = {str(key.value): value for key, value in names.value}
    wanted = [str(number) for number in range(len(names.value))]
    if sorted(numbered) != sorted(wanted):
        given = list_first(list(numbered), limit=5)
        raise SegfitError(
            f"{path}, line {names.start_mark.line + 1}: names: the classes must be numbered 0, 1, "
            f"2, …, each once, but the numbers are {given}"
        )
    return [numbered[number] for number in wanted]


def _read_name(entry: yaml.Node, path: Path) -> str:
    where = f"{path}, line {entry.start_mark.line + 1}: names"
    if not isinstance(entry.value, str):
        raise SegfitError(f"{where}: expected the name of a class, given several values")
    name = entry.value.strip()
    if not name or entry.tag == "tag:yaml.org,2002:null":
        raise SegfitError(
            f"{where}: a class has no name (given {entry.value!r}): name it, in quotes where YAML "
            "has a meaning of its own for the word"
        )
    return name
