"""The studio as a process: it is killed, and nothing that it answered is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from studio_client import opened, save_image

TOKEN = "a-token-for-the-tests"


def start(folder, *more):
    command = [sys.executable, "-m", "segfit", "studio", str(folder), "--no-browser"]
    return subprocess.Popen(
        [*command, "--port", "0", "--token", TOKEN, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_address(process):
    line = process.stdout.readline()
    assert "http://" in line, process.stderr.read()
    return line[line.index("http://") :].partition("/?")[0]


def ask(address, method, path, body=None):
    request = urllib.request.Request(
        f"{address}/api{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.fixture
def folder(tmp_path):
    save_image(tmp_path / "a.png", width=600, height=80)
    return tmp_path


def test_what_was_answered_survives_a_kill(folder):
    with opened(folder) as page:
        page.name_classes("a", "b")
    rev = 0
    for kill in range(2):
        process = start(folder)
        address = read_address(process)
        assert ask(address, "GET", "/images/1")["rev"] == rev
        for number in range(4):
            points = [[20 + 100 * number, 10 + 30 * kill], [580, 60]]
            body = {"kind": "stroke", "class": number % 2, "points": points, "radius": 3}
            rev = ask(address, "POST", "/images/1/operations", body)["rev"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    with opened(folder) as page:
        detail = page.get("/images/1")
        assert (detail["rev"], detail["can_undo"]) == (8, True)
        for _ in range(8):
            page.send("POST", "/images/1/undo")
        assert page.labels(1) is None
        for _ in range(8):
            page.send("POST", "/images/1/redo")
        page.studio.write_files()
        assert page.labels(1) is not None
    assert (folder / "masks/a.png").is_file()


def test_a_second_studio_is_told_of_the_first_and_ctrl_c_ends_it(folder):
    first = start(folder, "--allow-host", "lab.example")
    address = read_address(first)
    second = start(folder)
    _, complaint = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"{address}/?token={TOKEN}" in complaint
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{address}/api/project", timeout=10)
    for host, status in (("lab.example", "401"), ("another.example", "403")):
        named = urllib.request.Request(f"{address}/api/project", headers={"Host": host})
        with pytest.raises(urllib.error.HTTPError, match=status):
            urllib.request.urlopen(named, timeout=10)
    began = time.monotonic()
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=30)
    assert (out, err, first.returncode) == ("", "", 0)
    assert time.monotonic() - began < 10
