"""Help, completion and errors name what the tables have: all of it, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from commands import run_process
from typer.main import get_command
from typer.testing import CliRunner

from segfit.cli.app import app
from segfit.cli.choices import TABLES, complete_list, join_or, parse_choice
from segfit.errors import SegfitError
from segfit.training.preparation import Component

PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::lines)?\}")
PLACES = [
    (name, parameter.name, PLACEHOLDER.findall(parameter.help))
    for name, command in get_command(app).commands.items()
    for parameter in command.params
    if PLACEHOLDER.search(getattr(parameter, "help", None) or "")
]
"""Commands, their options whose help comes from tables, and these tables."""


def find_parameter(command: str, name: str):
    (found,) = (one for one in get_command(app).commands[command].params if one.name == name)
    return found


@pytest.mark.parametrize("command", sorted({command for command, _, _ in PLACES}))
def test_help_and_completion_have_every_entry_of_the_tables(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400"})
    assert result.exit_code == 0, result.output
    assert not PLACEHOLDER.search(result.output)
    shown = set(re.split(r"[\s│,;()]+", result.output))
    for place, name, tables in PLACES:
        if place != command:
            continue
        parameter = find_parameter(command, name)
        for table in tables:
            entries = TABLES[table]()
            assert entries
            for entry, purpose in entries.items():
                assert entry in shown, (command, name, entry)
                offered = {item.value for item in parameter.shell_complete(None, entry[:1])}
                assert entry in offered, (command, name, entry)
                if name == "formats":
                    assert f"{entry} – {purpose}" in " ".join(result.output.split())


def test_every_table_has_its_place():
    assert set(TABLES) == {table for _, _, tables in PLACES for table in tables}
    places = {(command, name) for command, name, _ in PLACES}
    assert places >= {
        ("predict", "model"),
        ("predict", "formats"),
        ("predict", "backend"),
        ("predict", "precision"),
        ("refine", "formats"),
        ("segment", "method"),
        ("segment", "formats"),
        ("fit", "shape"),
        ("fit", "formats"),
        ("edges", "detector"),
        ("edges", "formats"),
        ("evaluate", "model"),
        ("evaluate", "task"),
        ("evaluate", "component"),
        ("train", "component"),
        ("train", "loss"),
        ("train", "encoder"),
        ("train", "optimizer"),
    }


def test_components_are_those_that_are_trained():
    assert set(TABLES["components"]()) == set(Component)


def test_formats_that_a_command_cannot_write_are_not_offered():
    assert "lines" not in TABLES["model_formats"]()
    assert "probabilities-npz" not in TABLES["mask_formats"]()
    assert "strength" in TABLES["edge_formats"]()


def test_of_several_names_the_last_is_completed_and_none_is_offered_again():
    complete = complete_list("mask_formats")
    assert [name for name, _ in complete("mask,ov")] == ["mask,overlay"]
    offered = {name for name, _ in complete("mask,")}
    assert "mask,svg" in offered
    assert "mask,mask" not in offered


def complete_in_a_shell(*words: str, **options) -> list[str]:
    """What bash would offer for the last of the words."""
    environment = {
        **os.environ,
        "_SEGFIT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["segfit", *words]),
        "COMP_CWORD": str(len(words)),
    }
    result = run_process(env=environment, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["seg"], ["segment"]),
        (["segment", "--method", "gauss"], ["gaussian-mixture"]),
        (["predict", "face", "x.png", "--format", "mask,over"], ["mask,overlay"]),
        (["fit", "masks", "--shape", "ell"], ["ellipse"]),
        (["edges", "x.png", "--detector", "so"], ["sobel"]),
        (["evaluate", "face", "data", "--task", "e"], ["edges"]),
        (["refine", "masks", "--backend", "onnx"], ["onnxruntime"]),
        (["refine", "masks", "--model", ""], ["outlines"]),
        (["predict", ""], ["edges", "face", "nuclei"]),
        (["info", ""], ["edges", "face", "features", "nuclei", "outlines"]),
    ],
)
def test_a_shell_completes_names(words, offered):
    assert complete_in_a_shell(*words) == offered


def test_a_shell_completes_shipped_models_and_model_files(tmp_path):
    (tmp_path / "models").mkdir()
    for name in ("mine.segfit", "models/nurse.segfit", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert complete_in_a_shell("info", "nu", cwd=tmp_path) == ["nuclei"]
    assert "mine.segfit" in complete_in_a_shell("info", "", cwd=tmp_path)
    assert complete_in_a_shell("info", "models/n", cwd=tmp_path) == ["models/nurse.segfit"]
    assert complete_in_a_shell("info", "no", cwd=tmp_path) == []


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_completion_is_shown_and_installed(option, tmp_path):
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    result = run_process(option, "bash", env=environment)
    assert result.returncode == 0, result.stderr
    if option == "--show-completion":
        assert "complete -o default -F _segfit_completion segfit" in result.stdout
    else:
        assert "segfit" in (tmp_path / ".bashrc").read_text()


def test_the_help_of_training_comes_without_torch():
    result = run_process(
        "train",
        "--help",
        before="import sys\nsys.modules['torch'] = None",
        env={**os.environ, "COLUMNS": "200"},
    )
    assert result.returncode == 0, result.stderr
    assert 'pip install "segfit[train]"' in result.stdout


def test_the_module_is_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "segfit", "predict"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert "Usage: segfit predict" in result.stderr
    version = subprocess.run(
        [sys.executable, "-m", "segfit", "--version"], capture_output=True, text=True, timeout=60
    )
    assert version.stdout.startswith("segfit ")


def test_one_of_the_choices_or_a_message_that_names_them():
    assert parse_choice("npz", ["png", "npz"], "kind") == "npz"
    with pytest.raises(SegfitError, match="unknown kind 'gif': choose png or npz"):
        parse_choice("gif", ["png", "npz"], "kind")
    assert join_or(["a", "b", "c"]) == "a, b or c"
    assert join_or(["a"]) == "a"
