"""Options that the benchmarks share."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results import REPOSITORY, RESULTS


def make_parser(doc: str, *, data: bool = True) -> argparse.ArgumentParser:
    """A parser with ``--results`` and ``--threads`` and, with ``data``, ``--data``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for the result files (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="processor threads (%(default)s)"
    )
    if data:
        parser.add_argument(
            "--data",
            type=Path,
            default=REPOSITORY / ".." / "shared" / "data",
            help="folder that holds the data sets (%(default)s)",
        )
    return parser


def find_data(parser: argparse.ArgumentParser, data: Path, name: str) -> Path:
    """Folder of a data set, or the parser's error where there is none."""
    folder = (data / name).resolve()
    if not folder.is_dir():
        parser.error(f"no {folder}: give the folder that holds {name}/ with --data")
    return folder


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Settings of a plan from KEY=VALUE; VALUE is TOML, or a bare string.

    >>> parse_settings(["loss=dice", "batch=4", "augmentation.noise=0"])
    {'loss': 'dice', 'batch': 4, 'augmentation': {'noise': 0}}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"a setting is KEY=VALUE, given {text!r}")
        *tables, last = key.split(".")
        place = settings
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = parse_value(value)
    return settings


def parse_value(text: str) -> Any:
    """A number, list, boolean or table as TOML writes it; anything else is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
