"""Exit statuses, beside 0, and what is said where some files failed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from segfit.batch.run import BatchReport

SOME_FAILED, USER_MISTAKE, INTERRUPTED = 1, 2, 130


def report_failures(report: BatchReport[Any]) -> None:
    """Say which images of a run failed and why, and leave with status 1, where any did."""
    failed = report.failed
    if not failed:
        return
    total = len(report.done) + len(failed) + report.before
    print(f"segfit: {len(failed)} of {total} images failed", file=sys.stderr)
    for failure in failed:
        named = "" if str(failure.path) in failure.reason else f"{failure.path}: "
        print(f"  {named}{failure.reason}", file=sys.stderr)
    raise typer.Exit(SOME_FAILED)
