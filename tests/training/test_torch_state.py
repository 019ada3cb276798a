"""Torch's threads and random numbers, changed for a while."""

import pytest
import torch

from segfit.runtime.torch import use_threads
from segfit.training import torch_state as module
from segfit.training.torch_state import to_cpu, use_seed


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


def test_a_seed_holds_on_a_card_too(monkeypatch):
    card = torch.Generator()  # in the place of that of a card
    card.manual_seed(9)
    expected = torch.rand(2, generator=torch.Generator().manual_seed(9)).tolist()
    monkeypatch.setattr(module, "find_generator", lambda device: card)
    drawn = []
    for _ in range(2):
        with use_seed(5, torch.device("cuda:0")):
            drawn.append((torch.rand(2).tolist(), torch.rand(2, generator=card).tolist()))
    assert drawn[0] == drawn[1]
    assert torch.rand(2, generator=card).tolist() == expected, "it goes on as if nothing had been"


def test_a_state_comes_to_the_processor_however_deep_it_is():
    state = {"a": [torch.ones(1), {"b": torch.zeros(2)}], "c": (1, 2), "d": "text"}
    found = to_cpu(state)
    torch.testing.assert_close(found["a"][0], state["a"][0])
    assert found["a"][1]["b"].device == torch.device("cpu")
    assert (found["c"], found["d"]) == ((1, 2), "text")


def test_a_kept_state_does_not_change_with_what_it_is_of():
    layer = torch.nn.Linear(2, 2)
    kept = to_cpu({"best": layer.state_dict(), "list": [layer.weight]})
    with torch.no_grad():
        layer.bias += 1
        layer.weight += 1
    torch.testing.assert_close(kept["best"]["bias"], layer.bias - 1)
    torch.testing.assert_close(kept["list"][0], layer.weight - 1)
