"""What all tests share: the real data where it lies beside the checkout, and one thread each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The tests' networks and pictures are small: a second thread gains nothing, and on a busy machine
# waiting for it costs more than the work. OpenMP reads this once, so it stands before any import of
# torch or numpy; whoever sets it outside keeps their value.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NO_SHARED_DATA = "no ../shared/data beside the checkout"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures (never written to); without it, the test is left out."""
    if not SHARED_DATA.is_dir():
        pytest.skip(NO_SHARED_DATA)
    return SHARED_DATA


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(NO_SHARED_DATA in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.write_line(f"{left_out} tests were left out: {NO_SHARED_DATA}")
