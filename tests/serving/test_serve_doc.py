"""What docs/how-to/serve.md shows runs, against a server."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import segfit
from asking import running
from segfit.serving.settings import describe_parameters

TEXT = (Path(__file__).parents[2] / "docs/how-to/serve.md").read_text(encoding="utf-8")
PORTRAIT = Path(segfit.__file__).parent / "demo_data" / "astronaut.jpg"


@pytest.fixture(scope="module")
def address(serve):
    with running(serve(segfit.load("face", threads=1))) as listener:
        yield listener.address


@pytest.fixture
def desk(tmp_path):
    """A folder with two portraits."""
    for name in ("portrait.jpg", "other.jpg"):
        shutil.copy(PORTRAIT, tmp_path / name)
    return tmp_path


def call(arguments, desk, address):
    there = [one.replace("http://127.0.0.1:7860/", address) for one in arguments]
    return subprocess.run(there, cwd=desk, capture_output=True, text=True, check=True).stdout


def test_the_python_example_runs(address, desk):
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert "'hair': 0." in call([sys.executable, "-c", example], desk, address)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_curl_examples_run(address, desk):
    lines = re.findall(r"^\$ (curl .*)$", TEXT, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        call([*shlex.split(line), "--silent", "--fail-with-body"], desk, address)
    with Image.open(desk / "overlay.jpg") as overlay, Image.open(PORTRAIT) as portrait:
        assert overlay.size == portrait.size
    names = [
        sorted(zipfile.ZipFile(desk / name).namelist()) for name in ("results.zip", "batch.zip")
    ]
    assert names == [["portrait.json", "portrait.png"], ["objects.csv"]]


def list_members(path):
    with zipfile.ZipFile(path) as archive:
        return sorted(archive.namelist())


def test_every_parameter_is_named():
    for name in describe_parameters(["mask"]).model_fields:
        assert f"`{name}`" in TEXT
