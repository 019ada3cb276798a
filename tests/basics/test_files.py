import errno
import os
import stat
from pathlib import Path

import pytest

from segfit.basics.files import (
    atomic_path,
    check_writable,
    leaving_half_files_in,
    write_file,
)
from segfit.errors import SegfitError


def test_writes_and_leaves_nothing_else(tmp_path):
    write_file(tmp_path / "a.bin", b"data")
    assert (tmp_path / "a.bin").read_bytes() == b"data"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_existing_file_needs_force(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(SegfitError, match=r"a\.bin exists already: .*--force"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    write_file(path, b"new", force=True)
    assert path.read_bytes() == b"new"


def test_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a.bin"

    def write_while_another_does():
        with atomic_path(path) as partial:
            partial.write_bytes(b"new")
            path.write_bytes(b"other")

    with pytest.raises(SegfitError, match="exists already"):
        write_while_another_does()
    assert path.read_bytes() == b"other"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt])
def test_interrupted_write_leaves_the_old_file(tmp_path, exception):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write_half():
        with atomic_path(path, force=True) as partial:
            partial.write_bytes(b"half")
            raise exception

    with pytest.raises(exception):
        write_half()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_partial_file_lies_beside_and_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "model.segfit") as partial:
        assert partial.parent == tmp_path.resolve()
        assert partial.suffix == ".segfit"
        partial.write_bytes(b"")


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_file(tmp_path / "a.bin", b"")
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link", b"new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(SegfitError, match=r"the folder .*nowhere does not exist: create it"):
        write_file(tmp_path / "nowhere" / "a.bin", b"")


def test_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SegfitError, match="file is not a folder"):
        check_writable(tmp_path / "file" / "a.bin")


def test_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(SegfitError, match="is a folder"):
        check_writable(tmp_path, force=True)


def test_device_is_never_replaced():
    with pytest.raises(SegfitError, match="device or a pipe"):
        write_file(os.devnull, b"", force=True)


def test_name_too_long_is_said(tmp_path):
    with pytest.raises(SegfitError, match="name is too long"):
        write_file(tmp_path / ("a" * 300), b"")


def test_longest_name_can_be_written(tmp_path):
    write_file(tmp_path / ("a" * 251 + ".bin"), b"data")


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_missing_permission_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SegfitError, match="no permission to write in"):
        check_writable(tmp_path / "a.bin")


def test_missing_permission_is_said_to_root_too(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SegfitError, match="no permission to write in"):
        write_file(tmp_path / "a.bin", b"")


def test_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    write_bytes = Path.write_bytes

    def fill_up(path, data):
        write_bytes(path, data[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(SegfitError, match="the disk is full: free some space"):
        write_file(tmp_path / "a.bin", b"data")
    assert list(tmp_path.iterdir()) == []


def test_error_about_another_file_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.bin"):
        (tmp_path / "input").read_bytes()


@pytest.fixture
def events(monkeypatch):
    """The order in which files and folders are flushed, and files renamed."""
    events = []
    replace = os.replace

    def flush(descriptor):
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def rename(source, target):
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    return events


def test_a_file_that_must_last_is_on_the_disk_before_it_has_its_name(tmp_path, events):
    write_file(tmp_path / "a.bin", b"data", durable=True)
    assert events == ["file", "rename", "folder"]
    assert (tmp_path / "a.bin").read_bytes() == b"data"


def test_a_file_that_is_soon_made_again_is_not_waited_for(tmp_path, events):
    write_file(tmp_path / "a.bin", b"data")
    assert events == ["rename"]


def test_a_folder_that_cannot_be_flushed_is_left_out(tmp_path, monkeypatch):
    fsync = os.fsync

    def flush(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    write_file(tmp_path / "a.bin", b"data", durable=True)
    assert (tmp_path / "a.bin").read_bytes() == b"data"


def test_a_file_that_cannot_be_flushed_is_no_file(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    (tmp_path / "a.bin").write_bytes(b"old")
    with pytest.raises(SegfitError, match="the disk is full"):
        write_file(tmp_path / "a.bin", b"new", force=True, durable=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_files_are_begun_where_that_is_wanted(tmp_path):
    """What a killed process leaves is then in one place."""
    half = tmp_path / "half"
    half.mkdir()
    (tmp_path / "out").mkdir()
    with leaving_half_files_in(half), atomic_path(tmp_path / "out" / "a.png") as partial:
        assert partial.parent == half
        partial.write_bytes(b"whole")
    assert (tmp_path / "out" / "a.png").read_bytes() == b"whole"
    assert not list(half.iterdir())
    with leaving_half_files_in(tmp_path / "gone"), atomic_path(tmp_path / "b.png") as partial:
        assert partial.parent == tmp_path
        partial.write_bytes(b"")
