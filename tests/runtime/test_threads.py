"""How many processors there are to use, by given files of control groups."""

import os

import pytest

from segfit.errors import SegfitError
from segfit.runtime import threads
from segfit.runtime.threads import count_threads, read_limit


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "own", "limit"),
    [
        ({}, "0::/", None),
        ({"cpu.max": "max 100000"}, "0::/", None),
        ({"cpu.max": "200000 100000"}, "0::/", 2),
        ({"cpu.max": "250000 100000"}, "0::/", 3),
        ({"cpu.max": "10000 100000"}, "0::/", 1),
        ({"cpu.max": "200000 100000"}, "0::/a/path/of/the/host", 2),
        ({"slice/cpu.max": "400000 100000", "slice/job/cpu.max": "max 100000"}, "0::/slice/job", 4),
        ({"slice/cpu.max": "400000 100000", "slice/job/cpu.max": "1500 1000"}, "0::/slice/job", 2),
        ({"other/cpu.max": "100000 100000"}, "0::/slice", None),
        ({"cpu.max": "nonsense"}, "0::/", None),
        ({"cpu.max": "1000 0"}, "0::/", None),
        (
            {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"},
            "5:memory:/\n3:cpu,cpuacct:/",
            3,
        ),
        (
            {"cpu/job/cpu.cfs_quota_us": "-1", "cpu/job/cpu.cfs_period_us": "100000"},
            "3:cpu,cpuacct:/job",
            None,
        ),
        ({"cpu/cpu.cfs_quota_us": "100000"}, "3:cpu:/", None),
    ],
)
def test_limit_of_a_container_is_read(tmp_path, files, own, limit):
    write(tmp_path / "groups", files)
    write(tmp_path, {"own": own})
    assert read_limit(tmp_path / "groups", tmp_path / "own") == limit


def test_without_a_list_of_groups_the_mounts_themselves_count(tmp_path):
    write(tmp_path, {"cpu.max": "200000 100000"})
    assert read_limit(tmp_path, tmp_path / "none") == 2


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 processors, 5 of which the process may run on; no container."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(5)), raising=False)
    monkeypatch.setattr(threads, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(threads, "OWN_GROUPS", tmp_path / "none")
    return tmp_path


def test_processors_that_the_process_may_run_on_count(machine):
    assert count_threads() == 5
    write(machine, {"cpu.max": "200000 100000"})
    assert count_threads() == 2
    write(machine, {"cpu.max": "900000 100000"})
    assert count_threads() == 5


@pytest.mark.usefixtures("machine")
def test_where_nobody_says_which_all_processors_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert count_threads() == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_threads() == 1


@pytest.mark.usefixtures("machine")
def test_a_number_that_is_given_is_taken():
    assert count_threads(12) == 12
    for number in (0, -3):
        with pytest.raises(SegfitError, match=f"threads is 1 or more.*given {number}"):
            count_threads(number)
