"""Torch's threads and random numbers, changed for a while."""

import pytest
import torch

from segfit.runtime.torch import use_threads
from segfit.training.torch_state import use_seed


def test_threads_are_restored_whatever_happens():
    before = torch.get_num_threads()
    with use_threads(before + 2):
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="stop"), use_threads(before + 1):
        raise ValueError("stop")
    assert torch.get_num_threads() == before


def test_a_seed_gives_the_same_numbers_and_leaves_no_trace():
    state = torch.get_rng_state()
    with use_seed(5):
        first = torch.rand(4)
    with use_seed(5):
        again = torch.rand(4)
    with use_seed(6):
        other = torch.rand(4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_seed_is_what_manual_seed_makes_of_it():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = torch.rand(4)
    with use_seed(5):
        assert torch.equal(torch.rand(4), expected)
