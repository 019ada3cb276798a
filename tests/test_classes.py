import pytest

from segfit.classes import BACKGROUND_COLOR, DISTINCT_COLORS, ClassTable
from segfit.errors import SegfitError


def test_classes_without_colors_get_distinct_ones():
    table = ClassTable.from_names(("background", "road", "car"))
    assert table.colors[0] == BACKGROUND_COLOR
    assert len(set(table.colors)) == 3
    assert set(table.colors[1:]) <= set(DISTINCT_COLORS)


def test_given_colors_stay_and_are_not_given_twice():
    taken = DISTINCT_COLORS[1]
    table = ClassTable.from_names(("a", "b", "c"), background=None, colors=(None, taken, None))
    assert table.colors[1] == taken
    assert len(set(table.colors)) == 3


@pytest.mark.parametrize(
    ("names", "background", "binary"),
    [
        (("background", "cell"), 0, True),
        (("sky", "road"), None, False),
        (("a", "b", "c"), 0, False),
    ],
)
def test_binary_is_background_and_one_foreground(names, background, binary):
    assert ClassTable.from_names(names, background=background).is_binary is binary


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("alone",), "1 class"),
        (("same", "same"), "must differ"),
        (tuple(str(number) for number in range(256)), "256 class"),
    ],
)
def test_impossible_tables_are_refused(names, message):
    with pytest.raises(SegfitError, match=message):
        ClassTable.from_names(names)
