"""``segfit predict --planes``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import NUCLEI, run
from PIL import Image

from segfit.batch.stacks import STACK_FORMATS


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three planes of nuclei that move, 16 bits, and a plane without any."""
    source = sorted((NUCLEI / "val" / "images").glob("fluorescence*"))[0]
    image = np.asarray(Image.open(source).convert("L"))[:120, :160].astype(np.uint16) * 20
    values = np.stack([np.roll(image, 2 * z, axis=1) for z in range(3)] + [np.zeros_like(image)])
    path = tmp_path_factory.mktemp("stack") / "nuclei.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "ZYX"})
    return path


def test_help_has_the_formats_of_stacks() -> None:
    shown = " ".join(re.split(r"[\s│]+", run("predict", "--help").output))
    *names, last = STACK_FORMATS
    assert f"formats are then {', '.join(names)} and {last}" in shown


def test_the_command(nuclei: Path, tmp_path: Path) -> None:
    done = run("predict", "nuclei", nuclei, "-o", tmp_path, "--planes", "all", "--link", "z")
    assert done.exit_code == 0, done.output
    assert "4 planes." in done.output
    assert "linked with the plane before" in done.output
    numbers = tifffile.imread(tmp_path / "nuclei_numbers.ome.tif")
    assert numbers.shape == (4, 120, 160)
    assert numbers[3].max() == 0
    middle = [numbers[z, :, 20 + 2 * z : 140 + 2 * z] for z in range(3)]
    same = (middle[0] > 0) & (middle[1] > 0) & (middle[2] > 0)
    assert same.sum() > 300
    assert (middle[0] == middle[1])[same].mean() > 0.95
    again = run("predict", "nuclei", nuclei, "-o", tmp_path, "--planes", "all", "--link", "z",
                "--resume")  # fmt: skip
    assert again.exit_code == 0
    assert "1 had been done before" in again.output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "--planes all, or choose one"),
        (("--link", "z"), "give --planes all, too"),
        (("--planes", "5"), "planes '5': give all, or numbers"),
        (("--planes", "all", "--format", "overlay"), "unknown format overlay: choose from labels"),
        (("--planes", "all", "--simplify", "1"), "--simplify does not go with --planes"),
        (("--planes", "all", "--link", "z", "--link-iou", "2"), "expected a number above 0"),
        (("--planes", "all", "--link", "t"), "has z, and none of t to link"),
    ],
)
def test_mistakes(nuclei: Path, tmp_path: Path, options: tuple[str, ...], expected: str) -> None:
    done = run("predict", "nuclei", nuclei, "-o", tmp_path, *options)
    assert done.exit_code in (1, 2)
    assert expected in " ".join(done.output.split())
    assert not list(tmp_path.glob("nuclei*"))
