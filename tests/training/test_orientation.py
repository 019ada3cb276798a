"""Whether labels show an up and a down."""

import tracemalloc

import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.datasets import Dataset
from segfit.datasets.labelled import Source
from segfit.datasets.stats import measure_labels
from segfit.model.scaling import Scaling
from segfit.training.plan.orientation import has_up_and_down
from segfit.training.plan.plan import make_plan

CLASSES = ("background", "thing")


def collect(masks):
    stats = [measure_labels(mask, class_count=len(CLASSES)) for mask in masks]
    sources = [Source(f"{index:03}", read=lambda: None) for index in range(len(stats))]
    return Dataset(ClassTable.from_names(CLASSES), sources, stats=stats)


def draw(*, y, x, height, width):
    """A rectangle about (y, x)."""
    mask = np.zeros((120, 160), np.uint8)
    top, left = max(0, round(y - height / 2)), max(0, round(x - width / 2))
    mask[top : top + height, left : left + width] = 1
    return mask


def scatter(count, *, seed=0):
    """Rectangles of any size, anywhere."""
    rng = np.random.default_rng(seed)
    return [
        draw(
            y=rng.uniform(20, 100),
            x=rng.uniform(20, 140),
            height=int(rng.integers(10, 60)),
            width=int(rng.integers(10, 80)),
        )
        for _ in range(count)
    ]


def test_what_lies_below_in_all_images_shows_where_down_is():
    masks = [draw(y=80 + n % 5, x=30 + 10 * n, height=20, width=27) for n in range(10)]
    assert has_up_and_down(collect(masks)) is True
    turned = [mask[::-1] if n % 2 else mask for n, mask in enumerate(masks)]
    assert has_up_and_down(collect(turned)) is False


def test_what_stands_upright_in_the_middle_shows_it_too():
    masks = [draw(y=60, x=80, height=80 + n, width=20) for n in range(10)]
    assert has_up_and_down(collect(masks)) is True
    assert has_up_and_down(collect([*masks[:5], *(mask.T.copy() for mask in masks[5:])])) is False


@pytest.mark.parametrize("seed", range(5))
def test_what_lies_anywhere_shows_none(seed):
    assert has_up_and_down(collect(scatter(60, seed=seed))) is False


def test_hundreds_of_images_that_hardly_agree_show_none():
    masks = scatter(400)
    shifted = [np.roll(mask, 3, axis=0) for mask in masks]
    assert has_up_and_down(collect(shifted)) is False


def test_many_images_take_no_more_memory_than_some():
    one = collect([draw(y=100, x=80, height=20, width=27)])
    many = Dataset(one.classes, one.sources * 20_000, stats=one.stats * 20_000)
    tracemalloc.start()
    try:
        assert has_up_and_down(many) is True
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_five_images_are_too_few_to_tell():
    masks = [draw(y=100, x=30 + 10 * n, height=20, width=27) for n in range(6)]
    assert has_up_and_down(collect(masks[:5])) is None
    assert has_up_and_down(collect(masks)) is True


def test_a_class_that_no_image_has_says_nothing():
    empty = [np.zeros((64, 64), np.uint8)] * 8
    assert has_up_and_down(collect(empty)) is False


def test_a_plan_turns_images_that_show_no_up_and_down():
    plan, reasons = make_plan(collect(scatter(20)))
    assert plan.augmentation.flip_vertical
    assert plan.augmentation.rotation_deg == 180
    assert any("turned any way" in reason for reason in reasons)
    given = {"augmentation": {"rotation_deg": 10, "flip_vertical": False}}
    plan, reasons = make_plan(collect(scatter(20)), overrides=given)
    assert plan.augmentation.rotation_deg == 10
    assert not any("turned" in reason for reason in reasons)


def test_a_plan_keeps_the_up_and_down_of_a_field_of_view():
    masks = [draw(y=80 + n % 5, x=30 + 10 * n, height=20, width=27) for n in range(10)]
    field = {"scaling": {"kind": "field", "factor": 1.0}}
    plan, reasons = make_plan(collect(masks), overrides=field)
    assert plan.scaling == Scaling("field", factor=1.0)
    assert not plan.augmentation.flip_vertical
    assert any("not turned upside down" in reason for reason in reasons)
