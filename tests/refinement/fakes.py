"""Networks of tests: functions of what a network sees."""

from types import SimpleNamespace

from segfit.model.architecture import BoxArchitecture, OutlineArchitecture
from segfit.refinement.boxes import BoxNetwork
from segfit.refinement.outlines import OutlineNetwork


def outline_network(answer, *, temperature=1.0, **architecture):
    """``answer``: strips → offsets and errors."""
    return OutlineNetwork(named(answer), OutlineArchitecture(**architecture), temperature)


def box_network(answer, *, temperature=1.0, **architecture):
    """``answer``: patches → offsets and errors."""
    return BoxNetwork(named(answer), BoxArchitecture(**architecture), temperature)


def named(answer):
    """A function of arrays as a function of inputs by name."""
    return lambda inputs: answer(SimpleNamespace(**inputs))
