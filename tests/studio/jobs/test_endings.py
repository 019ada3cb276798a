"""How a training ended, as the page says it."""

import ast
from pathlib import Path

import pytest

import segfit.imaging
import segfit.training
from segfit.studio.jobs.endings import OPTION, read_complaint, say_for_page


def list_remedies():
    """Texts of a training's sources that name an option of the command line."""
    texts = set()
    for package in (segfit.training, segfit.imaging):
        for path in Path(package.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.add(node.value)
                if isinstance(node, ast.JoinedStr):
                    parts = [getattr(one, "value", "3") for one in node.values]
                    texts.add("".join(part if isinstance(part, str) else "3" for part in parts))
    return sorted(text for text in texts if OPTION.search(text) and ": " in text)


def test_no_option_of_the_command_line_comes_into_the_page():
    remedies = list_remedies()
    assert len(remedies) >= 8, "they are found"
    for text in remedies:
        assert not OPTION.search(say_for_page(text)), text


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        (
            "not trained: no better than calling every pixel sky, after 3 steps in 9 s: give it "
            "more --minutes or --steps; if that does not help, look at the labels.",
            "not trained: no better than calling every pixel sky, after 3 steps in 9 s. Choose "
            "more minutes, or label more, and train again.",
        ),
        (
            "m.checkpoint: no such checkpoint; train without --resume",
            "m.checkpoint: no such checkpoint. Continue the training; if that fails, train again.",
        ),
        (
            "cpu has too little memory (4 GB): give a smaller --batch or --long-side",
            "cpu has too little memory (4 GB). Close other programs, or use smaller images, and "
            "train again.",
        ),
        ("a.png is not a mask: save it with 8 bits", "a.png is not a mask: save it with 8 bits"),
        (
            "m has other branches: train anew with --something",
            "m has other branches. Look at the labels, and train again.",
        ),
    ],
)
def test_what_is_wrong_stays_and_the_remedy_is_the_page_s(complaint, said):
    assert say_for_page(complaint) == said


def test_the_last_complaint_counts_over_all_its_lines(tmp_path):
    output = tmp_path / "output.txt"
    assert read_complaint(output) == ""
    output.write_text("segfit: warning\nstep 1\nsegfit: 1 minutes are too few:\ngive --minutes 2\n")
    expected = "1 minutes are too few. Choose more minutes, or label more, and train again."
    assert read_complaint(output) == expected
    output.write_text("Traceback\nValueError: oh\n")
    assert read_complaint(output) == "ValueError: oh"
