"""``segfit serve``: starts, says where it is, ends."""

import os
import re
import signal
import subprocess
import sys
import threading

import httpx
import pytest
from commands import RUN, run, run_process

from segfit.serving import installed

PYTHON = (sys.executable, "-W", "error", "-c", RUN)


@pytest.fixture
def start():
    """Start the command in a process of its own; its first lines, up to how to end it."""
    processes = []

    def start_command(*arguments, **env):
        process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                RUN,
                "serve",
                "nuclei",
                "--port",
                "0",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        processes.append(process)
        killer = threading.Timer(60, process.kill)
        killer.start()
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                break
        killer.cancel()
        return process, lines

    yield start_command
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
def test_it_says_where_it_is_and_ends_at_ctrl_c(start):
    process, (first, last) = start()
    address = re.fullmatch(r"nuclei answers at (http://127\.0\.0\.1:\d+/)", first)[1]
    assert last == "Ctrl-C ends it."
    assert httpx.get(f"{address}model").json()["name"] == "nuclei"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_one_for_others_has_a_token(start):
    _, (first, second, _) = start("--host", "0.0.0.0", "--allow-host", "lab.example")
    address, token = re.fullmatch(r"nuclei answers at (http://.*/)\?token=(.{43})", first).groups()
    assert second == f"Programs send the header  Authorization: Bearer {token}"
    assert httpx.get(f"{address}model").status_code == 401
    bearer = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{address}model", headers=bearer).status_code == 200
    assert httpx.get(f"{address}model", headers=bearer | {"host": "lab.example"}).status_code == 200
    assert httpx.get(f"{address}model", headers=bearer | {"host": "x.example"}).status_code == 403
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(f"{address}?token={token}")
        assert (page.status_code, str(page.url)) == (200, address)
        assert browser.get(f"{address}formats").status_code == 200


def test_a_token_may_be_given(start):
    _, (first, *_) = start(SEGFIT_TOKEN="sixteen-characters")
    assert first.endswith("?token=sixteen-characters")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no_such_model",), "no_such_model"),
        (("nuclei", "--token", "short"), "the token has 5 characters: give 16 or more"),
        (("nuclei", "--host", "192.0.2.1"), "cannot listen at 192.0.2.1"),
        (("outlines",), "outlines"),
    ],
)
def test_a_mistake_is_one_message(arguments, message):
    done = run_process("serve", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("segfit: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(installed, "NEEDED", ("no_such_module",))
    done = run("serve", "nuclei")
    assert done.exit_code == 2
    assert 'pip install "segfit[serve]"' in done.output
