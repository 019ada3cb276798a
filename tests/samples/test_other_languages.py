"""The samples in C++ and JavaScript are built, and give the labels that Python gives.

``make samples`` gets what they are built with; where that is missing, they are left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfit

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ONNXRUNTIME = SAMPLES / "build" / "onnxruntime"
NODE_MODULES = SAMPLES / "js" / "node_modules"
LARGEST_SHARE = 0.001
LINES = 60


@pytest.fixture(scope="session")
def cpp(tmp_path_factory) -> list[str]:
    """The sample in C++, built."""
    missing = [tool for tool in ("cmake", "c++") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} here")
    if not (ONNXRUNTIME / "lib").is_dir():
        pytest.skip(f"no ONNX Runtime in {ONNXRUNTIME}: make samples gets it")
    build = str(tmp_path_factory.mktemp("build"))
    for command in (
        [
            "cmake", "-S", str(SAMPLES / "cpp"), "-B", build,
            f"-DONNXRUNTIME_ROOT={ONNXRUNTIME}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror",
        ],
        ["cmake", "--build", build],
    ):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return [f"{build}/segment"]


@pytest.fixture(scope="session")
def js() -> list[str]:
    """The sample in JavaScript."""
    if shutil.which("node") is None:
        pytest.skip("no node here")
    if not NODE_MODULES.is_dir():
        pytest.skip(f"no packages in {NODE_MODULES}: make samples gets them")
    return ["node", str(SAMPLES / "js" / "segment.js")]


@pytest.fixture(params=["cpp", "js"])
def sample(request) -> list[str]:
    return request.getfixturevalue(request.param)


def run(sample, *arguments):
    return subprocess.run([*sample, *map(str, arguments)], capture_output=True, text=True)


def test_labels_are_those_of_python(sample, exports, portrait, tmp_path):
    Image.fromarray(portrait).save(tmp_path / "portrait.ppm")
    done = run(
        sample, exports["face"] / "segment.onnx", tmp_path / "portrait.ppm", tmp_path / "labels.pgm"
    )
    assert done.returncode == 0, done.stderr
    found = np.asarray(Image.open(tmp_path / "labels.pgm"))
    expected = segfit.load("face")(portrait, refine=False).labels
    assert len(np.unique(expected)) > 3
    assert found.shape == expected.shape
    assert (found != expected).mean() <= LARGEST_SHARE


def test_what_is_no_image_is_refused(sample, exports, portrait, tmp_path):
    model, target = exports["face"] / "segment.onnx", tmp_path / "labels.pgm"
    assert "usage: segment" in run(sample, model).stderr
    (tmp_path / "text.ppm").write_text("P3 8 8 255 1 2 3")
    done = run(sample, model, tmp_path / "text.ppm", target)
    assert done.returncode == 1
    assert "text.ppm is not a binary PPM of 8 bits and sides of 8 px or more" in done.stderr
    (tmp_path / "deep.ppm").write_bytes(b"P6\n8 8\n65535\n" + bytes(8 * 8 * 6))
    assert (
        "is not a binary PPM of 8 bits" in run(sample, model, tmp_path / "deep.ppm", target).stderr
    )
    (tmp_path / "cut.ppm").write_bytes(b"P6\n8 8\n255\n" + bytes(100))
    assert (
        "cut.ppm is shorter than it says" in run(sample, model, tmp_path / "cut.ppm", target).stderr
    )
    Image.fromarray(portrait[:16, :16].copy()).save(tmp_path / "small.ppm")
    done = run(sample, tmp_path / "gone.onnx", tmp_path / "small.ppm", target)
    assert done.returncode == 1
    assert "gone.onnx" in done.stderr
    assert not target.exists()


@pytest.mark.parametrize("name", ["cpp/segment.cpp", "js/segment.js"])
def test_a_sample_is_short(name):
    assert len((SAMPLES / name).read_text().splitlines()) <= LINES


def test_the_packages_are_pinned():
    text = (SAMPLES / "js" / "package.json").read_text()
    assert re.search(r'"onnxruntime-web": "\d+\.\d+\.\d+"', text)
