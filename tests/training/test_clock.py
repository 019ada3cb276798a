"""The clock of a training stands still while its process does."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from segfit.training.clock import WorkingClock


def test_a_pause_is_left_out():
    clock = WorkingClock()
    before = clock()
    time.sleep(0.05)
    clock.leave_out_pause()
    assert clock() - before < 0.02


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
def test_a_stopped_process_spends_no_minutes():
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(
            """
            import time
            from segfit.training.clock import notice_pauses, read_clock
            notice_pauses()
            began = read_clock()
            print("ready", flush=True)
            while read_clock() - began < 0.5:
                time.sleep(0.01)
            """
        )],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    began = time.perf_counter()
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.7)
    os.kill(process.pid, signal.SIGCONT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert time.perf_counter() - began > 0.7 + 0.3
