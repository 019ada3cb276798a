"""The command line as a whole: help, exit statuses, what is imported when."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from commands import RUN, UNSEEN, run, run_process

import segfit


def test_version():
    assert run("--version").output.strip() == f"segfit {segfit.__version__}"


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "scribble",
        "predict",
        "refine",
        "evaluate",
        "report",
        "export",
        "info",
        "models",
        "demo",
        "segment",
        "methods",
        "edges",
        "fit",
    ],
)
def test_every_command_explains_itself(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"segfit {command}" in result.output or command in ("models", "methods")
    assert command in run("--help").output


def test_help_imports_nothing_heavy():
    heavy = "{'torch', 'openvino', 'cv2', 'numpy', 'pydantic', 'PIL'}"
    result = run_process(
        "--help",
        before=f"import atexit, sys\natexit.register(lambda: print({heavy} & set(sys.modules)))",
    )
    assert result.returncode == 0
    assert result.stdout.rstrip().endswith("set()")


def test_predict_needs_no_torch(tiny_model, tmp_path):
    result = run_process(
        "predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out",
        before="import sys\nsys.modules['torch'] = None",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_training_without_torch_says_what_to_install(data, tmp_path):
    result = run_process(
        "train", data, "-o", tmp_path / "x.segfit", before="import sys\nsys.modules['torch'] = None"
    )
    assert result.returncode == 2
    assert result.stderr.strip() == (
        'segfit: training needs torch, not installed here: pip install "segfit[train]"'
    )


def test_a_reader_that_has_seen_enough_is_no_error(tiny_model):
    command = f"{sys.executable} -c '{RUN}' info {tiny_model} --json | head -c 1"
    shell = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60
    )
    assert shell.stdout == "{"
    assert shell.stderr == ""


def test_ctrl_c_elsewhere_is_status_130(monkeypatch, tmp_path):
    def interrupt(paths):
        raise KeyboardInterrupt

    monkeypatch.setattr("segfit.imaging.find.find_images", interrupt)
    result = run("predict", "face", "x", "-o", tmp_path)
    assert result.exit_code == 130
    assert "interrupted" in result.output


def test_a_terminal_without_signs_gets_question_marks(tiny_model):
    result = run_process(
        "info", tiny_model, env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    )
    assert result.returncode == 0, result.stderr
