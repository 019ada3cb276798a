"""The command line: which commands there are, and how they end.

What is heavy is imported inside the commands, so that ``segfit --help`` comes at once.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from segfit.cli.choices import CommandWithChoices
from segfit.cli.demo import demo
from segfit.cli.edges import edges
from segfit.cli.evaluate import evaluate
from segfit.cli.export import export
from segfit.cli.fit import fit
from segfit.cli.models import info, models
from segfit.cli.predict import predict
from segfit.cli.refine import refine
from segfit.cli.report import report
from segfit.cli.scribble import scribble
from segfit.cli.segment import methods, segment
from segfit.cli.serve import serve
from segfit.cli.status import INTERRUPTED, SOME_FAILED, USER_MISTAKE
from segfit.cli.studio import studio
from segfit.cli.train import train
from segfit.errors import SegfitError, SegfitWarning
from segfit.version import __version__

NAME = "segfit"
COMMANDS = {
    "Learn from images": (studio, train, scribble, demo),
    "Use a model": (predict, refine, evaluate, report, export, serve, info, models),
    "Without training": (segment, methods, fit, edges),
}
"""The commands by the panels of the help that show them."""


class Commands(TyperGroup):
    """All commands; a user's mistake becomes one message, whichever of them it was."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with warnings.catch_warnings():
                warnings.showwarning = print_warning
                return super().invoke(ctx)
        except SegfitError as error:
            print(f"segfit: {error}", file=sys.stderr)
            raise typer.Exit(USER_MISTAKE) from error
        except KeyboardInterrupt as interrupt:
            print("\nsegfit: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from interrupt


app = typer.Typer(
    name=NAME,
    cls=Commands,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 some images failed, 2 a mistake in what was given, "
    "130 interrupted.",
)
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel, cls=CommandWithChoices)(command)


def main() -> None:
    """Run the command that ``sys.argv`` names, and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ×, – or █ shows ?
    try:
        try:
            app(prog_name=NAME)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has seen enough; the interpreter must not complain when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SOME_FAILED)


def print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print segfit's own warnings as plain lines, and others as Python does."""
    if issubclass(category, SegfitWarning):
        print(f"segfit: {message}", file=sys.stderr)
    else:
        text = warnings.formatwarning(str(message), category, filename, lineno, line)
        print(text, file=file or sys.stderr, end="")


def print_version(wanted: bool) -> None:
    """Print the version and leave, where that is wanted."""
    if wanted:
        print(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _segfit(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version"),
    ] = False,
) -> None:
    """Image segmentation that trains in minutes on a CPU."""
