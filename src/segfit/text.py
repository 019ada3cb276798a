"""Settings as TOML: a table written out, and a single setting read from ``KEY=VALUE``."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from segfit.errors import SegfitError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def format_toml(settings: Mapping[str, Any]) -> str:
    """Write a table of numbers, strings, lists and tables as TOML; None is left out.

    >>> print(format_toml({"batch": 2, "steps": None, "scaling": {"kind": "field"}}))
    batch = 2
    <BLANKLINE>
    [scaling]
    kind = "field"
    """
    return "\n".join(_table_lines(settings, ())).strip("\n")


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


def _table_lines(table: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    present = {key: value for key, value in table.items() if value is not None}
    inner = {key: value for key, value in present.items() if isinstance(value, Mapping)}
    lines = [
        f"{_format_key(key)} = {_format_value(value)}"
        for key, value in present.items()
        if key not in inner
    ]
    for key, value in inner.items():
        if value:
            header = ".".join(_format_key(part) for part in (*place, key))
            lines += ["", f"[{header}]", *_table_lines(value, (*place, key))]
    return lines


def _format_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _format_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_format_value(item) for item in value)}]"
    # JSON's numbers, booleans and strings are TOML's, but for what is not finite.
    return json.dumps(value, ensure_ascii=False)
