"""Processes that are known again."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from segfit.studio.jobs.process import Life, look_at, name_process, send, start_process

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")


def wait_for(life, name):
    ends = time.monotonic() + 20
    while look_at(name) is not life and time.monotonic() < ends:
        time.sleep(0.01)
    return look_at(name) is life


def test_a_process_is_running_stopped_and_gone():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    name = name_process(process.pid)
    assert wait_for(Life.RUNNING, name)
    send(name, signal.SIGSTOP)
    assert wait_for(Life.STOPPED, name)
    process.kill()
    assert wait_for(Life.GONE, name)
    process.wait()
    assert look_at(name) is Life.GONE
    send(name, signal.SIGKILL)


def test_another_process_of_the_same_number_is_not_taken_for_it():
    own = name_process(os.getpid())
    assert look_at(own) is Life.RUNNING
    assert look_at(replace(own, started="another")) is Life.GONE
    assert look_at(replace(own, started="")) is Life.GONE


def test_what_it_says_is_added_to_a_file_and_it_is_of_low_priority(tmp_path):
    output = tmp_path / "said.txt"
    output.write_text("before\n")
    code = "import os, time; time.sleep(0.3); print(os.getpriority(os.PRIO_PROCESS, 0))"
    process = start_process([sys.executable, "-c", code], output)
    assert process.wait() == 0
    assert output.read_text() == "before\n19\n"


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="only Linux has it by thread")
def test_a_thread_can_be_of_lower_priority_than_its_process():
    code = (
        "import os, threading; from segfit.studio.jobs.process import lower_own_priority\n"
        "before = os.getpriority(os.PRIO_PROCESS, 0)\n"
        "def work():\n"
        "    lower_own_priority()\n"
        "    print(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0) - before)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    priority, change = map(int, said.stdout.split())
    assert change == 0
    assert priority == max(5, os.getpriority(os.PRIO_PROCESS, 0))
