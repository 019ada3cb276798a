"""Files that grow line by line: what a kill, a full disk or a second writer does to them."""

from __future__ import annotations

import errno

import pytest

from segfit.batch.lines import GrowingFile, measure_whole_lines, read_lines
from segfit.errors import SegfitError


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"", 0),
        (b"torn", 0),
        (b"one\n", 4),
        (b"one\ntwo\nto", 8),
        (b"x" * 200_000 + b"\n" + b"y" * 200_000, 200_001),
        (b"x" * 200_000, 0),
    ],
)
def test_what_was_cut_off_is_no_line_and_is_written_over(tmp_path, content, whole):
    path = tmp_path / "lines"
    path.write_bytes(content)
    assert sum(len(line) + 1 for _, line in read_lines(path)) == whole
    with path.open("rb") as file:
        assert measure_whole_lines(file) == whole
    growing = GrowingFile(path)
    assert growing.append(b"next") == whole
    assert growing.read_line(whole) == b"next"
    growing.close()
    assert path.read_bytes() == content[:whole] + b"next\n"


def test_one_process_writes_at_a_time(tmp_path):
    first = GrowingFile(tmp_path / "lines")
    with pytest.raises(SegfitError, match=r"another run is writing .*lines: wait until"):
        GrowingFile(tmp_path / "lines")
    first.close()
    GrowingFile(tmp_path / "lines").close()


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    growing = GrowingFile(tmp_path / "lines")

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    class Half:
        def write(self, data):
            return len(data) // 2

    for disk in (Full(), Half()):
        with monkeypatch.context() as patch:
            patch.setattr(growing, "_file", disk)
            with pytest.raises(SegfitError, match="free some disk space"):
                growing.append(b"next")
    growing.close()
