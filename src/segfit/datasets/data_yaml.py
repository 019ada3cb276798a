"""The classes that the ``data.yaml`` of a YOLO data set names."""

from __future__ import annotations

from pathlib import Path

import yaml

from segfit.basics.text import list_first
from segfit.errors import SegfitError


def parse_names(text: str, path: Path) -> tuple[str, ...]:
    """The ``names`` of a data.yaml: a list of names, or a name for each number from 0.

    A name that YAML takes for a number, a truth value or a date is what is written there. Raises
    SegfitError, with the line, for text that is not YAML, a name that is empty or null, and
    classes that are not numbered 0, 1, 2, ….
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SegfitError(
            f"{path}, line {line} is not YAML ({error.problem or error}): correct it"
        ) from None
    except yaml.YAMLError as error:
        raise SegfitError(f"{path} is not YAML ({error}): save it as plain UTF-8 text") from None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    names = next((value for key, value in pairs if key.value == "names"), None)
    if names is None:
        raise SegfitError(f"{path} has no 'names:': list the classes there")
    entries = _list_entries(names, path)
    if not entries:
        raise SegfitError(f"{path}: names: no class is listed: write names: [first, second]")
    return tuple(_read_name(entry, path) for entry in entries)


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
