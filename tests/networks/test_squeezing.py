"""What a classifier squeezes for other networks is what they would have squeezed themselves."""

import dataclasses

import numpy as np
import pytest
import torch

import segfit
from segfit.classes import ClassTable
from segfit.classification.surprise import describe_planes
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture, OutlineArchitecture
from segfit.model.archive import ModelFile, read_archive, write_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.networks.box_regressor import BoxRegressor
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network, restore_from
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.networks.squeezing import place_squeezing
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter
from segfit.training.finetuning import restore_classifier, restore_regressor

FEATURES = 12
PLAIN = ClassifierArchitecture(
    outputs=3,
    encoder="plain",
    widths=((8,), (12,), (16,), (16,), (16,)),
    decoder_width=16,
    feature_width=FEATURES,
    gives_features=True,
)


def shake(network, seed):
    """Give a network that leaves everything where it is some opinions."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    return (
        shake(Classifier(PLAIN), 1),
        shake(OutlineRegressor(OutlineArchitecture(features=FEATURES, width=16, squeezed=3)), 2),
        shake(BoxRegressor(BoxArchitecture(features=FEATURES, width=8, squeezed=4)), 3),
    )


def make_model(networks):
    card = ModelCard(
        name="a test",
        classes=ClassTable.from_names(("background", "grey", "bright")),
        scaling=Scaling("field"),
        networks=list_networks(*(NetworkCard(network.architecture) for network in networks)),
        segfit_version=segfit.__version__,
        created="2026-01-02",
    )
    return ModelFile(card, {one.architecture.NAME: export_network(one) for one in networks})


@pytest.fixture(scope="module")
def models(trained):
    """As it was trained, and as it is written."""
    classifier, readers = place_squeezing(trained[0], trained[1:])
    return make_model(trained), make_model([classifier, *readers])


@pytest.fixture
def image():
    grey = np.kron(np.random.default_rng(0).integers(0, 255, (12, 12)), np.ones((8, 8)))
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def open_model(model, backend, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "cache"))
    return Segmenter(model.card, open_sessions(model, backend=backend, threads=1))


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_results_are_those_of_a_model_that_gives_its_features(
    models, image, backend, monkeypatch, tmp_path
):
    before, after = (open_model(model, backend, monkeypatch, tmp_path) for model in models)
    scores, squeezed = before.score(image), after.score(image)
    assert scores.features.shape == (FEATURES, 24, 24)
    assert squeezed.features.shape == (3 + 4, 24, 24)
    np.testing.assert_allclose(squeezed.logits, scores.logits, atol=1e-5)
    figures = describe_planes(scores.features)
    np.testing.assert_allclose(squeezed.feature_figures, figures, rtol=1e-3, atol=1e-4)
    result, expected = after(image), before(image)
    np.testing.assert_array_equal(result.labels, expected.labels)
    np.testing.assert_allclose(result.refined.points, expected.refined.points, atol=1e-3)
    boxes, others = ([region.box for region in one.regions[:9]] for one in (result, expected))
    np.testing.assert_allclose(
        [box.corners for box in boxes], [box.corners for box in others], atol=0.02
    )


def test_weights_are_each_network_s_own(models):
    for name, files in models[0].networks.items():
        assert models[1].networks[name].weights == files.weights


def test_training_goes_on_with_offsets_as_they_were_learned(models):
    card = models[1].card
    cautious = dataclasses.replace(card.regressor.architecture, shrinkage=0.4)
    networks = [
        dataclasses.replace(one, architecture=cautious) if one is card.regressor else one
        for one in card.networks.values()
    ]
    model = dataclasses.replace(models[1], card=card.with_networks(*networks))
    assert restore_from(model, "regressor").architecture.shrinkage == 0.4
    assert restore_regressor(model).architecture.shrinkage == 0


def test_training_goes_on_with_all_features(trained, models):
    classifier, regressor = restore_classifier(models[1]), restore_regressor(models[1])
    assert classifier.architecture == trained[0].architecture
    assert regressor.architecture == trained[1].architecture
    images = torch.full((1, 64, 64, 3), 90, dtype=torch.uint8)
    assert classifier(images).shape == (1, 3 + FEATURES, 16, 16)


def test_a_written_model_is_restored_with_all_that_it_computes(models, tmp_path):
    write_model(models[1], tmp_path / "m.segfit")
    restored = restore_from(read_archive(tmp_path / "m.segfit"), "classifier")
    assert [layer.out_channels for layer in restored.squeezers] == [3, 4]


@pytest.mark.parametrize(("given", "at"), [(0, 0), (8, None), (8, 1)])
def test_a_card_whose_networks_do_not_go_together_is_refused(given, at):
    reader = OutlineArchitecture(features=FEATURES, squeezed_at=at)
    networks = list_networks(
        NetworkCard(dataclasses.replace(PLAIN, squeezed=given)), NetworkCard(reader)
    )
    with pytest.raises(ValueError, match="features that the classifier does not give"):
        ModelCard(
            name="a test",
            classes=ClassTable.from_names(("background", "grey", "bright")),
            scaling=Scaling("field"),
            networks=networks,
            segfit_version=segfit.__version__,
            created="2026-01-02",
        )
