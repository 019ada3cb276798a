"""What a card says of faster precisions."""

import json
from pathlib import Path

import pytest

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.card import ModelCard, NetworkCard, dump_card, list_networks, parse_card
from segfit.model.precision import MOST_LOST, FasterPrecisions, Precision
from segfit.model.scaling import Scaling

FASTER = FasterPrecisions(
    {"/stem/output": (-1.5, 6.0)},
    {Precision.INT8: {"mean IoU": 0.0009, "boundary F at 1 px": -0.02}},
    "22 validation images",
)
CARD = ModelCard(
    name="stripes",
    classes=ClassTable.from_names(("background", "stripe")),
    scaling=Scaling("frame", long_side_px=512),
    networks=list_networks(
        NetworkCard(ClassifierArchitecture(outputs=1, encoder="plain"), faster=FASTER)
    ),
    segfit_version="0.1.0",
    created="2026-01-02",
)


def test_a_card_keeps_them():
    assert parse_card(dump_card(CARD), Path("stripes.segfit")) == CARD


def test_a_card_of_format_4_knows_of_none():
    older = {**CARD.model_dump(mode="json"), "format_version": 4}
    del older["networks"]["classifier"]["faster"]
    parsed = parse_card(json.dumps(older).encode(), Path("old.segfit"))
    assert parsed.networks["classifier"].faster is None


def test_a_precision_that_there_is_not_is_refused_by_name():
    foreign = CARD.model_dump(mode="json")
    foreign["networks"]["classifier"]["faster"]["losses"] = {"int4": {"mean IoU": 0.0}}
    with pytest.raises(SegfitError, match=r"losses\.int4"):
        parse_card(json.dumps(foreign).encode(), Path("new.segfit"))


@pytest.mark.parametrize(("loss", "little"), [(MOST_LOST - 1e-5, True), (MOST_LOST, False)])
def test_every_figure_counts(loss, little):
    losses = {"mean IoU": -0.02, "boundary F at 1 px": loss}
    faster = FasterPrecisions({}, {Precision.INT8: losses})
    assert faster.costs_little(Precision.INT8) is little
    assert ("which is too much" in faster.describe(Precision.INT8)) is not little


def test_what_nobody_measured_costs_no_little():
    assert not FASTER.costs_little(Precision.BFLOAT16)
