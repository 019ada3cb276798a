"""Going on from a trained model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import segfit
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.model.architecture import Branch, ClassifierArchitecture
from segfit.model.archive import ModelFile, read_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network
from segfit.training.finetuning import describe_start, fill_from, inherit_plan, write_branches
from segfit.training.plan.branches import parse_branches

WIDTHS = ((8,), (16,), (16,), (24,), (32,))
IMAGE = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)


def make_model(names, *, background=0, **changes):
    """A model of so many classes, as it is before it has learned anything."""
    classes = ClassTable.from_names(names, background=background)
    outputs = 1 if classes.is_binary else len(names)
    architecture = ClassifierArchitecture(outputs, encoder="plain", widths=WIDTHS, **changes)
    torch.manual_seed(0)
    network = Classifier(architecture).eval()
    card = ModelCard(
        name="old",
        classes=classes,
        scaling=Scaling("field", factor=0.5),
        networks=list_networks(NetworkCard(architecture)),
        segfit_version="0.1.0",
        created="2026-01-02",
    )
    return ModelFile(card, {"classifier": export_network(network)})


def go_on(model, names, *, background=0):
    """Logits of a model, and those of a new network that has its weights, of other classes."""
    classes = ClassTable.from_names(names, background=background)
    outputs = 1 if classes.is_binary else len(names)
    torch.manual_seed(1)
    new = Classifier(replace(model.card.architecture, outputs=outputs)).eval()
    fill_from(new, model, classes)
    same = Classifier(model.card.architecture).eval()
    fill_from(same, model, model.card.classes)
    return same.run({"images": IMAGE})[0][0], new.run({"images": IMAGE})[0][0]


def test_the_same_classes_give_the_same_scores():
    old, new = go_on(make_model(("ground", "cat", "dog")), ("ground", "cat", "dog"))
    np.testing.assert_allclose(new, old, atol=1e-5)


def test_classes_are_matched_by_name_and_new_ones_begin_as_background():
    old, new = go_on(make_model(("ground", "cat", "dog")), ("ground", "dog", "bird", "cat"))
    np.testing.assert_allclose(new, old[[0, 2, 0, 1]], atol=1e-5)


def test_classes_that_are_gone_leave_nothing():
    old, new = go_on(make_model(("ground", "cat", "dog", "bird")), ("ground", "bird", "dog"))
    np.testing.assert_allclose(new, old[[0, 3, 2]], atol=1e-5)


def test_one_output_becomes_several():
    old, new = go_on(make_model(("ground", "cat")), ("ground", "dog", "cat"))
    assert len(old) == 1
    np.testing.assert_allclose(new, np.stack([0 * old[0], 0 * old[0], old[0]]), atol=1e-5)


def test_several_outputs_become_one():
    old, new = go_on(make_model(("ground", "cat", "dog")), ("ground", "dog"))
    np.testing.assert_allclose(new[0], old[2] - old[0], atol=1e-5)


def test_the_background_is_matched_whatever_it_is_called():
    old, new = go_on(make_model(("ground", "cat", "dog")), ("void", "cat", "dog"))
    np.testing.assert_allclose(new, old, atol=1e-5)


def test_without_a_background_a_new_class_begins_anew():
    old, new = go_on(
        make_model(("sky", "road", "car"), background=None),
        ("sky", "road", "tree"),
        background=None,
    )
    np.testing.assert_allclose(new[:2], old[:2], atol=1e-5)
    assert not np.allclose(new[2], old[2], atol=1e-3)


def test_another_network_is_refused():
    other = Classifier(ClassifierArchitecture(3, encoder="plain", widths=((8,),) * 5))
    with pytest.raises(SegfitError, match="cannot go on from old: its network is another"):
        fill_from(other, make_model(("a", "b", "c")), ClassTable.from_names(("a", "b", "c")))


def test_the_start_says_what_is_known_new_and_gone():
    card = make_model(("ground", "cat", "dog")).card
    said = describe_start(card, ClassTable.from_names(("ground", "dog", "bird")))
    assert said == (
        "training goes on from old, with its network and resolution; it knows ground, dog; "
        "new: bird; gone: cat"
    )


def test_a_plan_takes_network_and_resolution_from_the_model():
    card = make_model(("ground", "cat", "dog"), output_stride=2).card
    plan = inherit_plan(card, card.classes, {"minutes": 0.5})
    assert plan["scaling"]["factor"] == 0.5
    assert (plan["encoder"], plan["output_stride"], plan["minutes"]) == ("plain", 2, 0.5)
    assert plan["learning_rate"] < 2e-3
    assert inherit_plan(card, card.classes, {"learning_rate": 1e-3})["learning_rate"] == 1e-3


@pytest.mark.parametrize("key", ["encoder", "scaling", "branches", "output_stride"])
def test_settings_of_another_network_are_refused(key):
    card = make_model(("ground", "cat")).card
    with pytest.raises(SegfitError, match=f"plan, {key}: taken from old"):
        inherit_plan(card, card.classes, {key: "anything"})


def test_branches_go_on_for_the_same_classes_only():
    branches = (Branch((2, 1), 2, 24), Branch((3,), 4, 32))
    card = make_model(("ground", "cat", "dog", "sky"), output_stride=2, branches=branches).card
    assert write_branches(card) == "dog,cat@1/2x24; sky@1/4x32"
    assert parse_branches(write_branches(card), card.classes) == branches
    with pytest.raises(SegfitError, match="train anew without --from"):
        inherit_plan(card, ClassTable.from_names(("ground", "cat", "dog", "sea")), {})


def test_training_goes_on_from_a_file(squares, make_dataset, tmp_path):
    plan = {"encoder": "plain", "widths": WIDTHS, "crop_px": [64, 64], "batch": 2,
            "scaling": {"kind": "field"}, "steps": 6}  # fmt: skip
    first, second = tmp_path / "first.segfit", tmp_path / "second.segfit"
    segfit.train(squares, first, component="classifier", plan=plan, threads=1)
    prepared = []
    # A rate of nearly nothing: what it gives is what it began with.
    segfit.train(
        squares,
        second,
        component="classifier",
        base=first,
        plan={"steps": 1, "batch": 1, "crop_px": [64, 64], "learning_rate": 1e-12, "l2": 0.0},
        threads=1,
        on_prepared=prepared.append,
    )
    assert prepared[0].reasons[0].startswith("training goes on from first, with its network")
    weights = [read_model(path).networks["classifier"].weights for path in (first, second)]
    assert len(weights[0]) == len(weights[1])
    image = squares.splits["val"][0].image
    old, new = (segfit.load(path, threads=1).score(image).logits for path in (first, second))
    np.testing.assert_allclose(new, old, atol=0.02)
    assert read_model(second).card.name == "second"
