"""The settings of a prediction are options of every command that predicts."""

from __future__ import annotations

from dataclasses import fields

import pytest
from typer.main import get_command

from segfit.classification.decision import Decision
from segfit.cli.app import app
from segfit.cli.decision import DECISION_OPTIONS, name_decision_options, with_decision


def test_every_setting_has_an_option_and_its_own_default():
    settings = {one.name: one.default for one in fields(Decision)}
    options = {name: default for name, (_, _, default) in DECISION_OPTIONS.items()}
    assert list(options.items()) == list(settings.items())


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_command_that_predicts_has_them_all(command):
    parameters = get_command(app).commands[command].params
    assert {name for one in parameters for name in one.opts} >= set(name_decision_options())
    assert "decision" not in {one.name for one in parameters}


def test_options_arrive_as_one_decision():
    given = {}

    def command(name: str, *, decision: Decision, force: bool = False) -> None:
        given.update(name=name, decision=decision, force=force)

    with_decision(command)(name="x", threshold=None, reject=0.5, min_area=9.0, force=True)
    assert given == {"name": "x", "decision": Decision(reject=0.5, min_area_px=9.0), "force": True}
