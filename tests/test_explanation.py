"""The worked example is true: its commands and its Python run in their order, its paths exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import segfit
from segfit.cli.app import app

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "classifier-regressor.md"
TEXT = PAGE.read_text(encoding="utf-8")
SOURCE = ROOT / "src" / "segfit"
DEMO_DATA = SOURCE / "demo_data"


def find_blocks(text: str) -> list[tuple[str, str]]:
    """Language and text of every block that says its language."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


BLOCKS = find_blocks(TEXT)
CORNER_PX = 64
"""Of the nuclei, so much of their upper left corner, and as one class: a training is quick then."""
CLASSES = {"classes": [{"name": "background", "value": 0}, {"name": "nucleus", "value": 1}]}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder such as the page's reader has, with nuclei for faces."""
    root = tmp_path_factory.mktemp("desk")
    for split, count in (("train", 3), ("val", 2)):
        for kind in ("images", "masks"):
            folder = root / "faces" / split / kind
            folder.mkdir(parents=True)
            for source in sorted((DEMO_DATA / "nuclei" / split / kind).iterdir())[:count]:
                whole = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
                assert whole is not None
                corner = whole[:CORNER_PX, :CORNER_PX]
                if kind == "masks":
                    corner = (corner > 0).astype(np.uint8)
                cv2.imwrite(str(folder / source.name), corner)
    (root / "faces" / "classes.json").write_text(json.dumps(CLASSES))
    shutil.copy(DEMO_DATA / "astronaut.jpg", root / "portrait.jpg")
    return root


@pytest.fixture(scope="module")
def told(desk: Path) -> list[str]:
    """What every command and every block of Python printed, in the page's order."""
    session: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        return [run_block(language, text, session) for language, text in BLOCKS]


def run_block(language: str, text: str, session: dict[str, Any]) -> str:
    """Run a block and return what it printed; what is neither command nor Python prints nothing."""
    if language == "console":
        lines = [line.removeprefix("$ ") for line in text.splitlines()]
        return "".join(run_command(line) for line in lines)
    return run_python(text, session) if language == "python" else ""


def run_command(line: str) -> str:
    """The same command, but shorter, and with the encoder that trains soonest."""
    program, *arguments = shlex.split(re.sub(r"--minutes \d+", "--steps 1", line))
    assert program == "segfit", line
    if "classifier" in arguments and "train" in arguments and "--encoder" not in arguments:
        arguments += ["--encoder", "plain"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    # One step teaches nothing, and the command says so; its model is there all the same.
    assert done.exit_code == 0 or "segfit: not trained: " in done.output, f"{line}\n{done.output}"
    return done.output


def run_python(text: str, session: dict[str, Any]) -> str:
    """The same Python, but shorter, and with the encoder that trains soonest."""
    printed: list[str] = []
    session["print"] = lambda *values: printed.append(" ".join(map(str, values)) + "\n")
    exec(re.sub(r'"steps": \d+', '"steps": 1, "encoder": "plain"', text), session)
    return "".join(printed)


def test_commands_and_python_run_in_their_order(told: list[str]) -> None:
    for (language, text), output in zip(BLOCKS, told, strict=True):
        assert bool(output) == (language in ("console", "python")), text


def test_every_step_has_a_command_python_a_picture_and_its_place() -> None:
    _, *steps = re.split(r"^## \d\. ", TEXT, flags=re.MULTILINE)
    assert len(steps) == 8
    for step in steps:
        assert {"console", "python"} <= {language for language, _ in find_blocks(step)}, step[:40]
        assert "](../images/classifier-regressor/" in step, step[:40]
        assert "Where it lives: `" in step, step[:40]


def test_it_prints_what_the_page_says(told: list[str]) -> None:
    everything = "".join(told)
    assert "background" in told[first_of("console")]  # the classes, and the plan
    assert "learning_rate" in told[first_of("console")]
    assert "background', 'nucleus'" in everything  # of the data
    assert "'hair'" in everything  # what the face model sees
    assert "'skin'" in everything
    assert "a cell is" in everything
    assert "standard error" in everything
    assert "\n0.99 0.01 " in "\n" + everything  # −log 0.99
    assert "0.01 4.61 6.26" in everything  # −log 0.01; half of it and 4 × 0.99
    assert "the classifier as it was: True" in everything
    for figure in ("classifier ", "both ", "regressor "):
        assert f"\n{figure}" in "\n" + everything


def first_of(language: str) -> int:
    return [name for name, _ in BLOCKS].index(language)


def test_the_files_that_the_page_names_are_written(desk: Path, told: list[str]) -> None:
    assert told
    names = set(re.findall(r"-o (\w+\.segfit)", TEXT)) | {"adam.segfit"}
    assert names == {
        "robust.segfit", "rmsprop.segfit", "adam.segfit", "plain.segfit", "finer.segfit",
        "deeper.segfit",
    }  # fmt: skip
    for name in names:
        assert segfit.load(desk / name).classes.names == ("background", "nucleus")
    assert {path.name for path in (desk / "coarse").iterdir()} == {
        "manifest.jsonl", "portrait.png", "portrait_overlay.jpg"
    }  # fmt: skip
    assert {path.name for path in (desk / "refined").iterdir()} == {
        "manifest.jsonl", "portrait_overlay.jpg", "portrait_polygons.json"
    }  # fmt: skip


def test_more_layers_have_more_weights(told: list[str]) -> None:
    before, after = told[-3].splitlines()
    assert int(before.split()[-1]) < int(after.split()[-1])


def test_the_class_file_is_the_face_models() -> None:
    (text,) = [text for language, text in BLOCKS if language == "json"]
    names = [one["name"] for one in json.loads(text)["classes"]]
    assert tuple(names) == segfit.load("face").classes.names


def test_lines_to_change_are_there() -> None:
    changes = [text for language, text in BLOCKS if language == "diff"]
    files = re.findall(r"^\*\*In the \w+\.\*\* In `([\w/]+\.py)`", TEXT, re.MULTILINE)
    assert len(changes) == len(files) == 2
    for change, file in zip(changes, files, strict=True):
        old, new = change.splitlines()
        assert (SOURCE / file).read_text(encoding="utf-8").count(old.removeprefix("-")) == 1
        compile(new.removeprefix("+").strip(), file, "exec")


def test_paths_and_links_exist() -> None:
    named = set(re.findall(r"`([\w/-]+(?:\.(?:py|json|jpg)|/))`", TEXT))
    files = named - {"faces/", "portrait.jpg", "classes.json"}  # the reader's own
    assert len(files) > 20
    assert not [file for file in files if not any((r / file).exists() for r in (ROOT, SOURCE))]
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    images = [link for link in links if link.endswith(".webp")]
    assert len(images) >= 8
    for link in links:
        assert (PAGE.parent / link).exists(), link
    drawn = {path.name for path in (ROOT / "docs/images/classifier-regressor").iterdir()}
    assert drawn == {Path(link).name for link in images}


def test_its_figures_are_those_of_the_result_files() -> None:
    faces = figures("refined-face-fasseg-frontal")
    validation, outlines = faces["validation"], faces["outlines"]
    noise = figures("label-noise-superalloy-blobs")["summary"]
    boxes = figures("rectangles")["fasseg-frontal"]["all"]["iou"]
    without, with_ = validation["without"], validation["with"]
    plain, symmetric = "cross_entropy", "symmetric_cross_entropy"
    text = " ".join(TEXT.split())
    for sentence in (
        f"mean IoU {without['mean_iou']:.3f} and {with_['mean_iou']:.3f}, boundary F at 1 px "
        f"{without['boundary_f']['1']:.3f} and {with_['boundary_f']['1']:.3f}; "
        f"{outlines['within_1']:.0%} and {outlines['within_2']:.0%}".replace("%", " %"),
        f"{noise['corrupted'][symmetric]['mean_iou']:.3f} and the plain one "
        f"{noise['corrupted'][plain]['mean_iou']:.3f}; with right labels "
        f"{noise['true'][symmetric]['mean_iou']:.3f} and {noise['true'][plain]['mean_iou']:.3f}",
        f"{boxes['box network']:.3f} with it, {boxes['refined outline']:.3f} from refined outlines "
        f"and {boxes['coarse']:.3f} from first ones",
    ):
        assert sentence in text


def figures(name: str) -> Any:
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["figures"]
