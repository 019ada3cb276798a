"""Every benchmark runs to its result file in its quick form."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import torch

from chromium import need_browser

pytest.importorskip("matplotlib", reason="pip install --group bench")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NO_BENCHMARKS = {"measured_table", "smp_recipe"}
"""What writes the tables of figures from the result files, and a peer's process."""
IN_A_BROWSER = {"studio_story"}
SCRIPTS = sorted(
    path
    for path in BENCHMARKS.glob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    and path.stem not in NO_BENCHMARKS
)


@pytest.fixture(scope="module", autouse=True)
def _modules_of_benchmarks() -> Iterator[None]:
    """They import each other, once for all of them; afterwards everything is as it was."""
    known = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).parent == BENCHMARKS:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Benchmarks are processes of their own, which hold themselves to threads and to a core."""
    threads, of_cv2 = torch.get_num_threads(), cv2.getNumThreads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    yield
    torch.set_num_threads(threads)
    cv2.setNumThreads(of_cv2)
    if cores is not None:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


def test_a_quick_run_writes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    options = importlib.import_module("options")
    monkeypatch.setattr(sys, "argv", ["any.py", "--quick"])
    arguments = options.parse_arguments(options.make_parser("any"), quick="")
    monkeypatch.setattr(sys, "argv", ["any.py"])
    usual = options.parse_arguments(options.make_parser("any"), quick="")
    assert arguments.results != usual.results
    assert arguments.results.is_relative_to(BENCHMARKS.parent / "build")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--data=real", "--quick draws its own data: leave out --data, or --quick"),
        (f"--results={BENCHMARKS / 'results'}", "figures that mean nothing: keep them out of"),
    ],
    ids=["data", "results"],
)
def test_a_quick_run_takes_no_real_data_and_gives_no_result_to_keep(
    option: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = importlib.import_module("options")
    monkeypatch.setattr(sys, "argv", ["any.py", "--quick", option])
    with pytest.raises(SystemExit):
        options.parse_arguments(options.make_parser("any"), quick="")
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_quick_form_writes_a_result(
    script: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script.stem in IN_A_BROWSER:
        need_browser()
    before = set(results.glob("*.json"))
    monkeypatch.setattr(sys, "argv", [str(script), "--quick", f"--results={results}"])
    runpy.run_path(str(script), run_name="__main__")
    (written,) = set(results.glob("*.json")) - before
    content = json.loads(written.read_text(encoding="utf-8"))
    assert content["figures"]
    assert "--quick" in content["run"]["command"]
