"""Exit statuses, beside 0, and what is said where some files failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from segfit.batch.run import FailedImage

SOME_FAILED, USER_MISTAKE, INTERRUPTED = 1, 2, 130


def report_failures(failed: Sequence[FailedImage], total: int) -> None:
    """Say which of so many images failed and why, and leave with status 1, where any did."""
    if not failed:
        return
    print(f"segfit: {len(failed)} of {total} images failed", file=sys.stderr)
    for failure in failed:
        named = "" if str(failure.path) in failure.reason else f"{failure.path}: "
        print(f"  {named}{failure.reason}", file=sys.stderr)
    raise typer.Exit(SOME_FAILED)
