"""Text that people read and write: settings as TOML and ``KEY=VALUE``, and nouns in messages."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from segfit.errors import SegfitError

_EXPECTED_BY_PYDANTIC = "Input should be "
_SURROGATES = re.compile("[\ud800-\udfff]")


def format_toml(settings: Mapping[str, Any]) -> str:
    """Write a table of numbers, strings, lists and tables as TOML, without None and empty tables.

    >>> print(format_toml({"batch": 2, "steps": None, "scaling": {"kind": "field"}}))
    batch = 2
    <BLANKLINE>
    [scaling]
    kind = "field"
    """
    import tomlkit  # here, since reading settings does without it

    return tomlkit.dumps(_drop_empty(settings)).strip("\n")


def parse_setting(text: str) -> dict[str, Any]:
    """Read ``KEY=VALUE``, a dotted key and a TOML value; a bare word is a string.

    >>> parse_setting("augmentation.rotation_deg=0")
    {'augmentation': {'rotation_deg': 0}}
    >>> parse_setting("optimizer=adam")
    {'optimizer': 'adam'}
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise SegfitError(f"{text!r} is not a setting: write it as KEY=VALUE, such as batch=4")
    for written in (value, json.dumps(value.strip(), ensure_ascii=False)):
        try:
            return tomllib.loads(f"{key} = {written}")
        except tomllib.TOMLDecodeError:
            continue
    raise SegfitError(
        f"{text!r} is not a setting: its key is a name, or names joined by dots, such as "
        "augmentation.noise=0"
    )


def parse_settings(texts: Iterable[str] | None) -> dict[str, Any]:
    """Read any number of ``KEY=VALUE``; a later one replaces an earlier one."""
    return merge_settings([parse_setting(text) for text in texts or ()])


def merge_settings(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Join tables, and the tables within them; a later value replaces an earlier one."""
    merged: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            before = merged.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            merged[key] = merge_settings([before, value]) if both else value  # type: ignore[list-item]
    return merged


def say_mistake(message: str) -> str:
    """What pydantic says is wrong with a value, as segfit's own messages have it.

    >>> say_mistake("Input should be greater than 0")
    'expected greater than 0'
    >>> say_mistake("Input should be a valid integer, unable to parse string as an integer")
    'expected an integer'
    """
    if not message.startswith(_EXPECTED_BY_PYDANTIC):
        return message
    expected = message.removeprefix(_EXPECTED_BY_PYDANTIC).partition(", unable to parse")[0]
    return "expected " + re.sub("^an? valid (?=([aeiou])?)", _put_article, expected)


def _put_article(match: re.Match[str]) -> str:
    return "an " if match[1] else "a "


def list_first(items: Sequence[str], *, limit: int = 3) -> str:
    """Name the first few, count the rest: "a, b, c and 4 more"."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


def count_noun(count: int, noun: str) -> str:
    """Write a count with its noun: "1 image", "2 images"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def encode_text(text: str) -> bytes:
    """Encode text as UTF-8, whatever names of files are in it.

    Bytes of a name that are not UTF-8 come as characters of their own (surrogates), which no
    encoding has; they become the character that stands for what is unknown.

    >>> encode_text("caf" + chr(0xDCE9)).decode() == "caf" + chr(0xFFFD)
    True
    """
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode()


def show_share(share: float) -> str:
    """Write a share in percent; a small one does not become nothing.

    >>> show_share(0.0235), show_share(2e-6), show_share(0)
    ('2.35%', 'below 0.01%', '0.00%')
    """
    return "below 0.01%" if 0 < share < 0.0001 else f"{share:.2%}"


def _drop_empty(table: Mapping[str, Any]) -> dict[str, Any]:
    """The same without None and, within it, without tables that hold nothing."""
    kept = {
        key: _drop_empty(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
    }
    return {key: value for key, value in kept.items() if value is not None and value != {}}
