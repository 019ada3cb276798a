"""What of features is kept: all that other networks look at, and nothing else."""

import numpy as np
import pytest
import torch
from safetensors.torch import save

import segfit
from segfit.classes import ClassTable
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture, OutlineArchitecture
from segfit.model.archive import ModelFile, NetworkFiles
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.model.squeezing import find_feature_basis, read_tensor

FEATURES = 12


def weigh(rows):
    """A file of weights with a squeezing layer of these rows, and another tensor before it."""
    tensors = {
        "first": torch.ones(3),
        "squeeze.weight": torch.tensor(rows)[:, :, None, None].half(),
    }
    return save(tensors)


def make_model(*companions):
    classifier = ClassifierArchitecture(outputs=1, feature_width=FEATURES, gives_features=True)
    cards = [
        NetworkCard(classifier),
        *(NetworkCard(architecture) for architecture, _ in companions),
    ]
    card = ModelCard(
        name="a test",
        classes=ClassTable.from_names(("background", "bright")),
        scaling=Scaling("field"),
        networks=list_networks(*cards),
        segfit_version=segfit.__version__,
        created="2026-01-02",
    )
    networks = {classifier.NAME: NetworkFiles(b"", b"")}
    for architecture, rows in companions:
        networks[architecture.NAME] = NetworkFiles(b"", weigh(rows))
    return ModelFile(card, networks)


def test_what_networks_see_of_features_is_in_the_basis():
    rng = np.random.default_rng(0)
    outline, box = rng.normal(size=(2, 3, FEATURES)).astype(np.float16)
    model = make_model(
        (OutlineArchitecture(features=FEATURES, squeezed=3), outline),
        (BoxArchitecture(features=FEATURES, squeezed=3), box),
    )
    basis = find_feature_basis(model)
    assert basis.shape == (FEATURES, 6)
    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-6)
    features = rng.normal(size=(FEATURES, 50)).astype(np.float32)
    kept = basis @ (basis.T @ features)
    for rows in (outline, box):
        seen = rows.astype(np.float32)
        np.testing.assert_allclose(seen @ kept, seen @ features, atol=2e-6)
    assert np.abs(kept - features).max() > 0.5, "the rest is gone"


@pytest.mark.parametrize("companions", [(), ((OutlineArchitecture(), np.ones((1, FEATURES))),)])
def test_without_a_network_that_looks_at_features_there_is_no_basis(companions):
    assert find_feature_basis(make_model(*companions)) is None


def test_a_tensor_is_read_by_its_name():
    rows = np.arange(24.0).reshape(2, FEATURES)
    assert read_tensor(weigh(rows), "first").tolist() == [1, 1, 1]
    np.testing.assert_array_equal(read_tensor(weigh(rows), "squeeze.weight")[..., 0, 0], rows)
