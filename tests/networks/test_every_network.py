"""What holds for every network that a model may have."""

from __future__ import annotations

import pytest
import torch

from runtimes import assert_runtimes_agree
from segfit.basics.discovery import collect
from segfit.model.architecture import ARCHITECTURES, ClassifierArchitecture, ReaderArchitecture
from segfit.networks.network import NetworkKind

FOUND = collect("segfit.networks", "NETWORK", NetworkKind)
KINDS = {kind.architecture.NAME: kind for kind in FOUND}
SMALL = ClassifierArchitecture(outputs=2, encoder="plain")


@pytest.fixture(params=KINDS)
def network(request):
    torch.manual_seed(0)
    kind = KINDS[request.param]
    is_classifier = kind.architecture is ClassifierArchitecture
    return kind.build(SMALL if is_classifier else kind.architecture()).eval()


def test_every_architecture_has_a_network():
    assert set(KINDS) == set(ARCHITECTURES)
    assert all(kind.architecture is ARCHITECTURES[name] for name, kind in KINDS.items())


def test_it_says_what_it_does_and_goes_with_networks_that_there_are(network):
    assert str(network.architecture)
    assert "Architecture(" not in str(network.architecture)
    assert set(network.architecture.GOES_WITH) <= set(ARCHITECTURES)


def test_exported_it_answers_as_in_torch(network, tmp_path):
    inputs = [given.example for given in network.inputs().values()]
    assert_runtimes_agree(network, inputs, tmp_path, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_it_computes_where_its_weights_are(name):
    """On torch's device without numbers, which refuses what mixes devices, as a card does."""
    kind = KINDS[name]
    architecture = SMALL
    if kind.architecture is not ClassifierArchitecture:
        is_reader = issubclass(kind.architecture, ReaderArchitecture)
        architecture = kind.architecture(features=8) if is_reader else kind.architecture()
    network = kind.build(architecture).eval().to("meta")
    answers = network(*(given.example.to("meta") for given in network.inputs().values()))
    for answer in answers if isinstance(answers, tuple) else (answers,):
        assert answer.device == torch.device("meta")
