"""The images that files, folders and patterns stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from segfit.errors import SegfitError
from segfit.imaging.find import find_images


def test_find_images(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    names = ["b.png", "a.JPG", "notes.txt", ".hidden.png", "sub/c.png"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    a, b, c = tmp_path / "a.JPG", tmp_path / "b.png", tmp_path / "sub" / "c.png"
    assert find_images([tmp_path]) == [a, b]
    assert find_images([str(tmp_path / "*.png")]) == [b]
    assert find_images([str(tmp_path / "**" / "*.png")]) == [b, c]
    assert find_images([b, tmp_path]) == [b, a]
    assert find_images([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]


def test_finding_nothing_says_where(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match="no image in this folder"):
        find_images([tmp_path])
    with pytest.raises(SegfitError, match=r"\*\.png: no image matches"):
        find_images([str(tmp_path / "*.png")])
    with pytest.raises(SegfitError, match="no such file or folder"):
        find_images([tmp_path / "none"])
    with pytest.raises(SegfitError, match="no image given"):
        find_images([])
