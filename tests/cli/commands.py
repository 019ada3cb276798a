"""Commands run as tests need them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

import segfit
from segfit.cli.app import app

NUCLEI = Path(segfit.__file__).parent / "demo_data" / "nuclei"
UNSEEN = sorted((NUCLEI / "val" / "images").iterdir())
RUN = "from segfit.cli.app import main; main()"
TINY = (
    "--encoder", "plain", "--set", "widths=[[8],[16],[16],[24],[32]]", "--long-side", 64,
    "--set", "crop_px=[64,64]", "--batch", 1, "--threads", 1,
)  # fmt: skip


def run(*arguments: object):
    """Run a command in this process; its ``output`` has what it prints and what it complains."""
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], env={"COLUMNS": "200"}
    )


def run_process(*arguments: object, before: str = "", **options):
    """Run a command in a process of its own, after the statements ``before``."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{before}\n{RUN}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )
