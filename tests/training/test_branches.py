"""Branches, read from text and chosen by the sizes of objects."""

import pytest

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.model.architecture import Branch
from segfit.training.plan.branches import choose_branches, parse_branches

FACE = ClassTable.from_names(("background", "hair", "skin", "eyes"))


@pytest.mark.parametrize(
    ("text", "branches"),
    [
        ("", ()),
        (" ; ", None),
        ("eyes@1/2; hair,skin@1/4", (Branch((3,), 2), Branch((1, 2), 4))),
        ("hair , skin,eyes@1/4x32", (Branch((1, 2, 3), 4, 32),)),
        (
            "background,eyes@1/2x8;hair@1/4;skin@1/8",
            (Branch((0, 3), 2, 8), Branch((1,), 4), Branch((2,), 8)),
        ),
    ],
)
def test_branches_are_read(text, branches):
    if branches is None:
        with pytest.raises(SegfitError, match="have no hair, skin, eyes"):
            parse_branches(text, FACE)
    else:
        assert parse_branches(text, FACE) == branches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("eyes", "branch 'eyes' cannot be read: write CLASS"),
        ("eyes@1/3", "cannot be read.*strides are 2, 4, 8"),
        ("eyes@1/4x0; hair,skin@1/4", "cannot be read"),
        ("nose@1/2; hair,skin,eyes@1/4", "no class nose; classes are background, hair"),
        ("eyes@1/2; hair@1/4", "have no skin: each class belongs to one"),
        ("eyes,hair@1/2; hair,skin@1/4", "have hair twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(SegfitError, match=message):
        parse_branches(text, FACE)


def test_one_score_cannot_be_divided():
    with pytest.raises(SegfitError, match="cell is the only one beside the background"):
        parse_branches("cell@1/2", ClassTable.from_names(("background", "cell")))


def test_small_classes_see_finer():
    assert choose_branches({"hair": 90, "eyes": 9, "skin": 140}) == "eyes@1/2x48; hair,skin@1/4x64"
    assert choose_branches({"hair": 90, "skin": 140}) == ""
    assert choose_branches({"nose": 12, "eyes": 9}) == ""
    assert parse_branches(choose_branches({"hair": 90, "eyes": 9, "skin": 140}), FACE)
