"""What CONTRIBUTING.md names exists, and says of the layers what is held."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segfit.formats import FORMATS
from segfit.networks.encoders import encoder_names
from segfit.training.losses import LOSSES
from test_layers import LAYERS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([\w./-]+(?:/|\.py|\.md))`", TEXT)))


def test_it_names_files():
    assert len(PATHS) > 30


@pytest.mark.parametrize("path", PATHS)
def test_what_it_names_exists(path):
    assert (ROOT / path).exists() or (ROOT / "src/segfit" / path).exists()


def test_its_layers_are_those_that_are_held():
    (section,) = re.findall(r"^## Layers\n\nFrom the top down: (.*?)\n\n", TEXT, re.M | re.S)
    written = [
        {f"segfit.{name}" for name in re.findall(r"`([\w.]+)`", layer)}
        for layer in section.split("→")
    ]
    assert written == [layer - {"segfit.__main__"} for layer in LAYERS if layer != {"segfit"}]


@pytest.mark.parametrize(
    ("names", "pages"),
    [
        (LOSSES, ["explanation/losses.md"]),
        (encoder_names(), ["how-to/train.md"]),
        (FORMATS, ["reference/formats.md", "how-to/without-training.md"]),
    ],
    ids=["losses", "encoders", "formats"],
)
def test_the_docs_have_a_line_for_each(names, pages):
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in pages)
    assert [name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`", text)] == []
