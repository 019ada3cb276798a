"""The README is true: its commands run, its figures are those of the result files."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEMO_DATA = ROOT / "src" / "segfit" / "demo_data"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands(program: str) -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    found = [line.removeprefix("$ ") for line in lines if line.startswith(f"$ {program} ")]
    assert found
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder such as the README's reader has: labelled data, images and a portrait."""
    for part in ("train", "val"):
        for kind in ("images", "masks"):
            folder = tmp_path / "data" / part / kind
            folder.mkdir(parents=True)
            for source in sorted((DEMO_DATA / "nuclei" / part / kind).iterdir())[:4]:
                shutil.copy(source, folder)
    shutil.copy(DEMO_DATA / "nuclei" / "classes.json", tmp_path / "data")
    shutil.copytree(DEMO_DATA / "nuclei" / "val" / "images", tmp_path / "images")
    shutil.copy(DEMO_DATA / "astronaut.jpg", tmp_path / "portrait.jpg")
    plates = DEMO_DATA / "nuclei" / "val" / "images"
    shutil.copy(sorted(plates.iterdir())[0], tmp_path / "plate.png")
    return tmp_path


def run(arguments: list[str], desk: Path) -> str:
    done = subprocess.run(
        arguments,
        cwd=desk,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    # A few steps teach nothing, and the command says so; its model is there all the same.
    assert done.returncode == 0 or done.stderr.startswith("segfit: not trained: "), done.stderr
    return done.stdout


def test_the_command_lines_run_in_their_order(desk: Path) -> None:
    for line in commands("segfit"):
        if line.startswith("segfit studio "):
            continue  # it runs until somebody ends it: the next test
        # The same command, but for its length.
        _, *arguments = shlex.split(line.replace("--minutes 3", "--steps 3"))
        run([sys.executable, "-m", "segfit", *arguments], desk)
    assert (desk / "mine.segfit").stat().st_size < 8_000_000
    for image in (desk / "images").iterdir():
        assert (desk / "out" / f"{image.stem}.png").exists()
        assert (desk / "out" / f"{image.stem}_polygons.json").exists()


def test_the_studio_opens(desk: Path) -> None:
    (line,) = (line for line in commands("segfit") if line.startswith("segfit studio "))
    _, *arguments = shlex.split(line)
    (desk / "images").rename(desk / arguments[-1])
    with subprocess.Popen(
        [sys.executable, "-m", "segfit", *arguments, "--no-browser", "--port", "0"],
        cwd=desk,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    ) as studio:
        assert studio.stdout is not None
        assert any("http://127.0.0.1:" in line for line in studio.stdout)
        studio.terminate()


def test_the_python_example_runs(desk: Path) -> None:
    (example,) = blocks("python")
    assert "hair" in run([sys.executable, "-c", example], desk)
    assert (desk / "portrait_mask.png").exists()


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in commands("make"):
        assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line


def test_the_tables_are_those_of_the_result_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    table = importlib.import_module("measured_table")
    for name, rows in table.TABLES.items():
        page = (ROOT / name).read_text(encoding="utf-8")
        assert table.PLACE.search(page), f"{name} has no place for the table"
        assert table.fill(page, rows) == page, "run python benchmarks/measured_table.py"


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
