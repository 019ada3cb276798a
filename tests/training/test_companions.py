"""Networks that are trained after the outline regressor."""

import pytest

from segfit.training import boxes, companions
from segfit.training.companions import Companion, share_out
from segfit.training.plan.plan import Plan


def make_plan(**settings):
    required = {name for name, one in Plan.model_fields.items() if one.is_required()}
    return Plan.model_construct(**dict.fromkeys(required), **settings)


def test_boxes_are_one_where_the_plan_gives_them_a_share():
    _, wanted = share_out(make_plan(boxes_share=0.2), 100.0)
    assert boxes.COMPANION in {companion for companion, _ in wanted}
    _, others = share_out(make_plan(boxes_share=0.0), 100.0)
    assert {one for one, _ in wanted} - {one for one, _ in others} == {boxes.COMPANION}


def test_a_share_is_what_the_plan_says(monkeypatch):
    monkeypatch.setattr(companions, "collect", lambda *_: [boxes.COMPANION])
    left, [(_, seconds)] = share_out(make_plan(boxes_share=0.2), 100.0)
    assert (left, seconds) == (pytest.approx(80), pytest.approx(20))
    assert share_out(make_plan(boxes_share=0.0), 100.0) == (100.0, [])


def test_several_take_their_share_of_what_is_left(monkeypatch):
    two = [Companion(lambda plan: 0.5, lambda *_: None) for _ in range(2)]
    monkeypatch.setattr(companions, "collect", lambda *_: two)
    left, wanted = share_out(make_plan(), 100.0)
    assert (left, [seconds for _, seconds in wanted]) == (25.0, [50.0, 25.0])
