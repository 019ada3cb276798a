"""What every classical method keeps to, whatever it finds."""

import copy
import pickle
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segfit.classical import METHODS, HintedMethod
from segfit.classical.grabcut import GrabCut
from segfit.formats import Content

every_method = pytest.mark.parametrize("name", METHODS)
REPR_LINES = 10
DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "without-training.md"


def make(name):
    kind = METHODS[name]
    return kind(rectangle=(15, 10, 65, 50)) if issubclass(kind, HintedMethod) else kind()


def draw():
    """Random patches in a few colors, (60, 80, 3)."""
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return patches.repeat(10, axis=0).repeat(10, axis=1)


@every_method
def test_knows_its_classes_and_what_it_provides(name):
    method = make(name)
    found = method(draw())
    assert method.name == name
    assert found.classes == method.classes
    has_objects = {Content.OBJECTS} if method.classes.object_classes else set()
    assert method.provides == has_objects
    assert found.probabilities is None
    assert found.edges is None


@every_method
def test_says_what_it_is_for_and_when_it_fails(name):
    kind = METHODS[name]
    assert len(kind.purpose) > 10
    assert len(kind.fails) > 10


def test_the_docs_list_them_all():
    listed = re.findall(r"^\| `([\w-]+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == list(METHODS)


@every_method
def test_every_setting_is_documented(name):
    kind = METHODS[name]
    docs = " ".join(one.__doc__ or "" for one in kind.__mro__ if one is not object)
    assert [key for key in kind.model_fields if f"``{key}``" not in docs] == []


@every_method
def test_travels_and_compares(name):
    method = make(name)
    for other in (pickle.loads(pickle.dumps(method)), copy.copy(method), copy.deepcopy(method)):
        assert other == method
        assert hash(other) == hash(method)
        np.testing.assert_array_equal(other(draw()).labels, method(draw()).labels)
    assert method != METHODS["lines" if name == "slic" else "slic"]()
    assert method != name


@every_method
def test_shows_name_and_settings_on_a_few_lines(name):
    method = make(name)
    for shown in (repr(method), str(method)):
        assert shown.startswith(type(method).__name__)
        assert all(f"{key}=" in shown for key in METHODS[name].model_fields if key != "rough_mask")
        assert len(shown.splitlines()) <= REPR_LINES


def test_methods_with_masks_compare_them_by_their_pixels():
    mask = np.zeros((30, 30), bool)
    mask[5:20, 5:20] = True
    one, same, other = (GrabCut(rough_mask=each) for each in (mask, mask.copy(), ~mask))
    none = GrabCut()
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != none
    assert len({one, same, other, none}) == 3
    assert "rough_mask=<30×30>" in repr(one)
    assert len(repr(one).splitlines()) == 1
    assert len(repr(GrabCut(points=((1, 2),) * 5000))) < 300
    assert pickle.loads(pickle.dumps(one)) == one


@every_method
def test_leaves_the_process_as_it_was(name):
    """Neither threads nor anybody's random numbers are touched."""
    method, image = make(name), draw()

    def draw_numbers():
        numbers = np.zeros((1, 8), np.int32)
        cv2.randu(numbers, 0, 1_000_000)
        return numbers.tolist()

    cv2.setRNGSeed(7)
    expected = [draw_numbers(), draw_numbers()]
    cv2.setRNGSeed(7)
    first = draw_numbers()
    threads = cv2.getNumThreads(), torch.get_num_threads()
    numpys, torchs = np.random.get_state(), torch.random.get_rng_state()
    method(image)
    assert [first, draw_numbers()] == expected
    assert (cv2.getNumThreads(), torch.get_num_threads()) == threads
    after = np.random.get_state()
    assert after[0] == numpys[0]
    assert after[2:] == numpys[2:]
    np.testing.assert_array_equal(after[1], numpys[1])
    assert torch.equal(torch.random.get_rng_state(), torchs)


@pytest.mark.parametrize("name", ["kmeans", "grabcut"])
def test_results_do_not_depend_on_the_users_random_numbers(name):
    results = []
    for seed in (1, 2):
        cv2.setRNGSeed(seed)
        results.append(make(name)(draw()).labels)
    np.testing.assert_array_equal(*results)
