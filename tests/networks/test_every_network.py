"""What holds for every network that a model may have."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
import torch

from segfit.basics.discovery import collect
from segfit.model.architecture import ARCHITECTURES, ClassifierArchitecture
from segfit.model.archive import GRAPH_SUFFIX, WEIGHTS_SUFFIX
from segfit.networks.export import export_network, restore_network
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
    name, files = network.architecture.NAME, export_network(network)
    (tmp_path / (name + WEIGHTS_SUFFIX)).write_bytes(files.weights)
    (tmp_path / (name + GRAPH_SUFFIX)).write_bytes(files.graph)
    inputs = {key: given.example.numpy() for key, given in network.inputs().items()}
    expected = restore_network(network.architecture, files.weights).run(inputs)
    compiled = openvino.Core().compile_model(
        tmp_path / (name + GRAPH_SUFFIX), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    answers = compiled(list(inputs.values()))
    assert len(expected) == len(network.outputs()) == len(answers)
    for number, answer in enumerate(expected):
        np.testing.assert_allclose(answers[number], answer, rtol=1e-3, atol=1e-4)
