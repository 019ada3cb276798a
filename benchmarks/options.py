"""Options that the benchmarks share."""

from __future__ import annotations

import argparse
from pathlib import Path

from results import REPOSITORY, RESULTS
from segfit.runtime.threads import count_threads


def make_parser(doc: str, *, data: bool = True) -> argparse.ArgumentParser:
    """A parser with ``--results`` and ``--threads`` and, with ``data``, ``--data``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for the result files (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=count_threads(), help="processor threads (%(default)s)"
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
