"""What users import: additions are made on purpose, and everything is explained."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest

import segfit

SURFACE = [
    "Decision",
    "OrientedBox",
    "Refiner",
    "Region",
    "ScribbleSegmenter",
    "SegfitError",
    "Segmentation",
    "Segmenter",
    "__version__",
    "evaluate",
    "export_model",
    "fit_scribbles",
    "load",
    "load_refiner",
    "read_image",
    "segment_stack",
    "train",
]


def test_surface_is_as_agreed():
    assert segfit.__all__ == SURFACE


@pytest.mark.parametrize("name", [name for name in SURFACE if name != "__version__"])
def test_public_name_is_explained(name):
    thing = getattr(segfit, name)
    assert inspect.getdoc(thing)
    methods = vars(thing).items() if inspect.isclass(thing) else ()
    for method, value in methods:
        if not method.startswith("_"):
            is_field = not callable(value) and not isinstance(value, property)
            assert is_field or inspect.getdoc(value), f"{name}.{method} has no docstring"


def test_options_are_given_by_name():
    for name, positional in (
        ("load", 1),
        ("load_refiner", 1),
        ("train", 2),
        ("export_model", 2),
        ("segment_stack", 2),
    ):
        parameters = inspect.signature(getattr(segfit, name)).parameters.values()
        kinds = [p.kind for p in parameters]
        assert kinds[positional:] == [inspect.Parameter.KEYWORD_ONLY] * (len(kinds) - positional)


def test_a_users_mistake_is_a_value_error():
    assert issubclass(segfit.SegfitError, ValueError)


def find_dataclasses():
    """All dataclasses of the package, by their names."""
    found = {}
    for module in pkgutil.walk_packages(segfit.__path__, "segfit."):
        if not module.name.endswith("__main__"):
            for thing in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(thing) and is_dataclass(thing):
                    found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return {name: thing for name, thing in found.items() if name.startswith("segfit.")}


def test_comparing_and_hashing_never_raise():
    """Arrays compared with == give no one answer: what holds some compares by identity."""
    holds_arrays = re.compile(r"Array|NDArray|Ring|Tensor|ndarray|Segments|\bTable\b")
    raising = [
        name
        for name, thing in find_dataclasses().items()
        if thing.__dataclass_params__.eq
        and any(holds_arrays.search(str(one.type)) for one in fields(thing))
    ]
    assert raising == []


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        _ = segfit.segment


def test_dir_lists_everything_public():
    done = subprocess.run(
        [sys.executable, "-c", "import segfit; print(*dir(segfit))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(SURFACE) <= set(done.stdout.split())


def test_importing_segfit_brings_nothing_heavy():
    script = (
        "import sys, segfit; "
        "print(*({'torch', 'numpy', 'cv2', 'openvino', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
