"""Options that the benchmarks share."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from results import BUILD, REPOSITORY, RESULTS
from segfit.runtime.threads import count_threads
from tiny_sets import write_tiny_set

QUICK_RESULTS = BUILD / "quick"
"""So that a quick run never writes over a result file that is kept."""
QUICK_MINUTES = 0.001
"""Enough for one step."""
QUICK_PLAN = " ".join(
    f"--set {setting}"
    for setting in (
        "steps=1",
        "encoder=plain",
        "widths=[[8],[16],[16],[24],[32]]",
        "crop_px=[64,64]",
        "batch=1",
        "regressor_width=8",
    )
)
"""One step of the smallest network, as a benchmark that trains takes it."""


def make_parser(doc: str, *, data: bool = True) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes and, with ``data``, ``--data``.

    Its arguments are read by ``parse_arguments``.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="show in seconds that it runs: tiny images, one step, once each; figures mean nothing",
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


def add_settings(parser: argparse.ArgumentParser, *, of: str = "the plan") -> None:
    """Let settings of a training be given, to be read by ``parse_settings``."""
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
        help=f"a setting of {of}; may be given several times",
    )  # fmt: skip


def parse_arguments(parser: argparse.ArgumentParser, *, quick: str) -> argparse.Namespace:
    """Read the command line.

    ``quick``: the arguments that ``--quick`` stands for, such as "dsb2018 --minutes 0.001"; options
    beside it come after them. It works in one thread if no more are given, its results go to
    ``QUICK_RESULTS`` where no other folder is named, and its data is drawn.
    """
    given = sys.argv[1:]
    if "--quick" in given:
        usual = ["--threads=1", f"--results={QUICK_RESULTS}"]
        given = [*shlex.split(quick), *usual, *given]
    arguments = parser.parse_args(given)
    if arguments.quick and getattr(arguments, "data", None) != parser.get_default("data"):
        parser.error("--quick draws its own data: leave out --data, or --quick")
    if arguments.quick and arguments.results.resolve() == RESULTS:
        parser.error(f"--quick gives figures that mean nothing: keep them out of {RESULTS}")
    return arguments


def find_data(parser: argparse.ArgumentParser, arguments: argparse.Namespace, name: str) -> Path:
    """Folder of a data set, of a tiny one with ``--quick``, or the parser's error without one."""
    if arguments.quick:
        return write_tiny_set(name, arguments.results / "tiny-sets")
    folder: Path = (arguments.data / name).resolve()
    if not folder.is_dir():
        parser.error(f"no {folder}: give the folder that holds {name}/ with --data")
    return folder


def open_build_folder(arguments: argparse.Namespace) -> Path:
    """Where benchmarks keep the models that they train, made where it is not there.

    Those of a quick run lie beside its results, so that they take nobody's place.
    """
    folder: Path = arguments.results / "tiny-models" if arguments.quick else BUILD
    folder.mkdir(parents=True, exist_ok=True)
    return folder
