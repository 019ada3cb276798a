"""The page's bundle is what its sources build, and light."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "src" / "segfit" / "studio" / "web"
SOURCE, BUILT = WEB / "source", WEB / "built"
MOST_BYTES = 400_000
NO_NODE = "npm ci was not run in src/segfit/studio/web/source"


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """What the page is built with; without it the test is left out, but not in CI."""
    found = SOURCE / "node_modules"
    if not found.is_dir() or shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_NODE)
    return found


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_bundle_is_light() -> None:
    assert sum(len(content) for content in read_folder(BUILT).values()) <= MOST_BYTES


def test_nothing_in_the_page_is_inline() -> None:
    page = (BUILT / "index.html").read_text()
    assert "<style" not in page
    assert " style=" not in page
    assert "<script type" in page
    assert "></script>" in page


def test_the_committed_bundle_is_what_the_sources_build(node_modules: Path, tmp_path) -> None:
    built = tmp_path / "built"
    subprocess.run(["node", "build.mjs", str(built)], cwd=SOURCE, check=True, timeout=60)
    assert read_folder(built) == read_folder(BUILT), "run `npm run build` in studio/web/source"


def test_the_sources_pass_compiler_and_linter(node_modules: Path) -> None:
    tools = node_modules / ".bin"
    subprocess.run([tools / "tsc", "--noEmit"], cwd=SOURCE, check=True, timeout=120)
    subprocess.run([tools / "biome", "check", "."], cwd=SOURCE, check=True, timeout=120)
