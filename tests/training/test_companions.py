"""Networks that are trained after the outline regressor."""

import pytest

from segfit.training import boxes, companions
from segfit.training.companions import Companion, share_out
from segfit.training.plan.plan import Plan


def make_plan(**settings):
    required = {name for name, one in Plan.model_fields.items() if one.is_required()}
    return Plan.model_construct(**dict.fromkeys(required), **settings)


def test_boxes_are_one_and_have_the_share_of_the_plan():
    left, [(companion, seconds)] = share_out(make_plan(boxes_share=0.2), 100.0)
    assert companion is boxes.COMPANION
    assert (left, seconds) == (pytest.approx(80), pytest.approx(20))


def test_what_the_plan_does_not_want_is_not_trained():
    assert share_out(make_plan(boxes_share=0.0), 100.0) == (100.0, [])


def test_several_take_their_share_of_what_is_left(monkeypatch):
    two = [Companion(lambda plan: 0.5, lambda *_: None) for _ in range(2)]
    monkeypatch.setattr(companions, "collect", lambda *_: two)
    left, wanted = share_out(make_plan(), 100.0)
    assert (left, [seconds for _, seconds in wanted]) == (25.0, [50.0, 25.0])
