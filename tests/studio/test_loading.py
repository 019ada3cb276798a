"""What takes long to import is imported by one thread."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import segfit.studio
from segfit.studio.folder.label_files import LabelFiles
from segfit.studio.loading import MODULES, Loading
from studio_client import opened, save_image

SOURCES = Path(segfit.studio.__file__).parent
LATE = ("segfit.", "scipy", "skimage")


def list_late_imports():
    """Modules that a function of the studio imports, and where."""
    found = {}
    for path in SOURCES.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.ImportFrom) and node.module.startswith(LATE):
                        found[node.module] = f"{path.name}, {function.name}"
    return found


def test_whatever_is_imported_late_is_loaded_by_one_thread():
    late = list_late_imports()
    assert len(late) > 20, "they are found"
    code = "import sys; from segfit.studio.loading import Loading; Loading().run()\n"
    code += f"print([name for name in {sorted(late)!r} if name not in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]", f"add them to MODULES: {run.stdout}"
    assert len(set(MODULES)) == len(MODULES)


def test_a_module_that_is_missing_keeps_nobody_waiting(monkeypatch, caplog):
    monkeypatch.setattr("segfit.studio.loading.MODULES", ("no_such_module",))
    loading = Loading()
    loading.run()
    loading.wait()
    assert "cannot be imported" in caplog.text


def test_a_mistake_does_not_end_the_writing_of_labels(tmp_path, monkeypatch):
    save_image(tmp_path / "a.png")
    monkeypatch.setattr("segfit.studio.folder.label_files.RETRY_S", 0.5)
    write, failures = LabelFiles.write, []

    def fail_once(self, image):
        if not failures:
            failures.append(image)
            raise KeyError("a mistake")
        write(self, image)

    monkeypatch.setattr(LabelFiles, "write", fail_once)
    with opened(tmp_path) as page:
        page.name_classes("a", "b")
        page.operate(1, "stroke", **{"class": 0}, points=[[5, 5]], radius=2)
        end = time.monotonic() + 20
        while not (tmp_path / "masks" / "a.png").is_file():
            assert time.monotonic() < end, "it was not tried again"
            time.sleep(0.02)
    assert failures
