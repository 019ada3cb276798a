"""What is added to the logits of classes: it finds what is off, and leaves alone what is not."""

import numpy as np
import pytest
import torch

from segfit.datasets import LabelledData
from segfit.metrics.confusion import mean_iou
from segfit.model.archive import read_model
from segfit.training import train
from segfit.training.classifier import ClassifierTraining, build_network, validate
from segfit.training.engine import Engine
from segfit.training.logit_adjustment import (
    FEWEST_IMAGES,
    OFFSETS,
    Sample,
    _count,
    _sweep,
    adjust_logits,
    choose_offsets,
    draw_samples,
)
from segfit.training.plan.plan import make_plan

SHARES = (0.75, 0.2, 0.05)
TINY = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 2,
    "learning_rate": 5e-3,
    "steps": 6,
}


def draw(*, images=8, pixels=4000, shift=(0.0, 0.0, 0.0), seed=0):
    """Samples whose best logits are those of Bayes' rule, and then shifted."""
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(images):
        labels = rng.choice(3, pixels, p=SHARES).astype(np.uint8)
        seen = 2.0 * np.eye(3)[labels] + rng.normal(0, 1, (pixels, 3))
        logits = 2.0 * seen + np.log(SHARES) + np.array(shift)
        samples.append(Sample(logits.T.astype(np.float32), labels))
    return samples


def measure(samples, offsets=(0.0, 0.0, 0.0)):
    return mean_iou(sum(_count(sample, np.array(offsets)) for sample in samples))


def test_a_sweep_measures_what_each_offset_gives():
    (sample,) = draw(images=1, pixels=500)
    labels = sample.labels.astype(np.int64)
    offsets = np.array([0.25, -0.5, 0.0], np.float32)
    for index in range(3):
        moved, own = sample.logits + offsets[:, None], sample.logits[index]
        for value, reached in zip(OFFSETS, _sweep(moved, own, labels, index), strict=True):
            tried = offsets.copy()
            tried[index] = value
            assert reached == pytest.approx(mean_iou(_count(sample, tried)))


def test_finds_by_how_much_classes_were_shifted():
    shift = np.array([-0.8, -0.2, 1.0])
    found = choose_offsets(draw(shift=shift))
    right = choose_offsets(draw(shift=(0.0, 0.0, 1e-3)))
    others, shifted = draw(seed=1), draw(seed=1, shift=shift)
    assert found.mean() == pytest.approx(0, abs=1e-9)
    assert np.argsort(found).tolist() == [2, 1, 0]
    assert measure(shifted) < measure(others) - 0.02
    assert (
        measure(shifted, found)
        > measure(others, (0.0, 0.0, 0.0) if right is None else right) - 0.004
    )


def test_fewer_images_move_less():
    shift = (-0.8, -0.2, 1.0)
    two, many = (choose_offsets(draw(images=count, shift=shift)) for count in (2, 30))
    assert np.abs(two).max() < 0.7 * np.abs(many).max()


def test_nothing_is_moved_where_one_half_does_not_help_the_other():
    first, second = (
        draw(images=4, shift=shift, seed=seed)
        for seed, shift in enumerate([(1.0, 0.0, -1.0), (-1.0, 0.0, 1.0)])
    )
    mixed = [sample for pair in zip(first, second, strict=True) for sample in pair]
    assert choose_offsets(mixed) is None


def test_a_class_that_no_image_shows_stays():
    samples = [
        Sample(np.pad(one.logits, [(0, 1), (0, 0)], constant_values=-1.0), one.labels)
        for one in draw(shift=(-0.8, -0.2, 1.0))
    ]
    found = choose_offsets(samples)
    assert found[3] == 0
    assert found[:3] == pytest.approx(choose_offsets(draw(shift=(-0.8, -0.2, 1.0))))


@pytest.mark.parametrize("labelled_px", [0, 10])
def test_images_of_one_class_or_none_move_nothing(labelled_px):
    sample = Sample(np.zeros((2, labelled_px), np.float32), np.zeros(labelled_px, np.uint8))
    assert choose_offsets([sample] * 4) is None


@pytest.fixture(scope="module")
def stripes(make_dataset):
    """Three classes, of which the narrow one looks much like its neighbour; a corner is ignored."""
    rng = np.random.default_rng(0)

    def draw_image():
        labels = np.zeros((96, 96), np.uint8)
        left = rng.integers(10, 50)
        labels[:, left : left + 30] = 1
        labels[:, left + 12 : left + 18] = 2
        image = np.array([(40, 60, 50), (180, 90, 60), (200, 110, 60)])[labels]
        image = image + rng.integers(-25, 26, image.shape)
        labels[:4, :4] = 255
        return np.clip(image, 0, 255).astype(np.uint8), labels

    names = ("ground", "stripe", "core")
    splits = {
        name: make_dataset([draw_image() for _ in range(count)], names)
        for name, count in (("train", 6), ("val", 6))
    }
    return LabelledData(splits["train"].classes, splits, ())


def test_biases_take_the_offsets_and_the_figures_rise(stripes):
    plan, _ = make_plan(stripes.splits["train"], overrides={**TINY, "steps": 40})
    training = ClassifierTraining(stripes, plan, seed=0, budget_seconds=None)
    engine = Engine(training)
    network = engine.run(on_event=lambda _: None, save=lambda _: None)
    validation = stripes.splits["val"]
    with torch.no_grad():
        network.head.bias += torch.tensor([0.0, 3.0, 0.0])
    before = network.head.bias.detach().clone()
    worse = mean_iou(validate(network, validation, plan)[0])
    offsets = adjust_logits(network, validation, plan)
    moved = (network.head.bias - before).detach().numpy()
    np.testing.assert_allclose(moved, offsets, atol=1e-6)
    assert mean_iou(validate(network, validation, plan)[0]) > worse


def test_ignored_pixels_are_not_looked_at(stripes):
    plan, _ = make_plan(stripes.splits["train"], overrides=TINY)
    network = build_network(plan, stripes.classes).eval()
    samples = draw_samples(network, stripes.splits["val"], plan)
    assert [len(sample.labels) for sample in samples] == [96 * 96 - 16] * 6
    assert all(sample.logits.shape == (3, 96 * 96 - 16) for sample in samples)


def test_one_output_has_a_threshold_and_one_image_is_too_few(squares, stripes):
    plan, _ = make_plan(squares.splits["train"], overrides=TINY)
    network = build_network(plan, squares.classes).eval()
    assert adjust_logits(network, squares.splits["val"], plan) is None
    plan, _ = make_plan(stripes.splits["train"], overrides=TINY)
    network = build_network(plan, stripes.classes).eval()
    few = stripes.splits["val"].subset(range(FEWEST_IMAGES - 1))
    assert adjust_logits(network, few, plan) is None


def test_a_training_moves_the_logits_and_says_so(stripes, tmp_path):
    output = tmp_path / "stripes.segfit"
    plan = {**TINY, "steps": 40, "class_weights": {"core": 20.0}}
    train(stripes, output, component="classifier", plan=plan, threads=1)
    offsets = read_model(output).card.metrics["logit_offsets"]
    assert list(offsets) == ["ground", "stripe", "core"]
    assert offsets["core"] < 0
