"""Tables made of what modules define."""

import sys

import pytest

from segfit.basics.discovery import collect


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules, two of which have an ENTRY."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "b.py").write_text("ENTRY = 'second'")
    (folder / "a.py").write_text("ENTRY = 'first'")
    (folder / "c.py").write_text("OTHER = 'none of them'")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "shelf"]:
        del sys.modules[name]


def test_entries_come_in_the_modules_order_and_others_are_passed_over(package):
    assert collect("shelf", "ENTRY", str) == ["first", "second"]


def test_an_entry_of_another_kind_is_a_mistake(package):
    (package / "d.py").write_text("ENTRY = 4")
    with pytest.raises(TypeError, match=r"shelf\.d\.ENTRY is not a str: 4"):
        collect("shelf", "ENTRY", str)
