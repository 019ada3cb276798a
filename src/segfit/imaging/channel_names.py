"""Channels by the names that files give them: those of a model, found in another file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from segfit.errors import SegfitError
from segfit.imaging.channels import Channels, check_channels, list_channels

_NO_NAME = re.compile(r"grey|red|green|blue|value|alpha|extra \d+|(([a-z]|page )\d+ ?)+")
"""What channels are called that a file does not name."""


@dataclass(frozen=True)
class TrainedChannels:
    """The channels that a model was trained on, with the names that its images gave them.

    ``numbers``: None where each image had no others than these. ``names``: one for each of them.
    """

    numbers: Channels | None
    names: tuple[str, ...]


ChannelChoice: TypeAlias = Channels | TrainedChannels | None
"""Channels that a user chose; those that a model was trained on; or all of them."""


def choose_trained(given: Iterable[int] | None, own: ChannelChoice) -> ChannelChoice:
    """The channels that were given, checked, or else a model's own."""
    return own if given is None else check_channels(given)


def has_names(names: Iterable[str]) -> bool:
    """Whether a file names its channels.

    >>> has_names(["DAPI", "GFP"]), has_names(["c0", "c1"]), has_names(["t0 z1"])
    (True, False, False)
    """
    return any(_NO_NAME.fullmatch(name) is None for name in names)


def find_channels(name: str, names: Sequence[str], choice: ChannelChoice) -> Channels | None:
    """The channels of an image to take; ``names``: of all of its channels, ``name``: of its file.

    Where the image's channels of a model's numbers have other names than the model was trained on,
    those of these names are taken, if each is there once; else ``SegfitError``. A file that names
    no channels is taken by number.
    """
    if not isinstance(choice, TrainedChannels):
        return choice
    places = choice.numbers or tuple(range(len(names)))
    own = [names[place] for place in places if place < len(names)]
    if not has_names(names) or _fold(own) == _fold(choice.names):
        return choice.numbers
    found = [_find(one, names) for one in choice.names]
    if all(len(numbers) == 1 for numbers in found):
        return tuple(numbers[0] for numbers in found)
    raise SegfitError(
        f"the model was trained on {_describe(choice)}; {name} has {list_channels(names)}: give "
        "the channel that looks like it by --channels, such as --channels 0 (in Python: "
        "channels=(0,))"
    )


def describe_choice(names: Sequence[str], choice: ChannelChoice, taken: Channels | None) -> str:
    """What to say where channels were taken by their names instead of their numbers; else nothing.

    ``taken``: what ``find_channels`` gave.
    """
    if not isinstance(choice, TrainedChannels) or taken == choice.numbers or taken is None:
        return ""
    shown = ", ".join(f"{number} {names[number]}" for number in taken)
    return f"channel {shown} was taken, since the model was trained on {_describe(choice)}"


def _describe(choice: TrainedChannels) -> str:
    if choice.numbers is None:
        return ", ".join(choice.names)
    pairs = zip(choice.names, choice.numbers, strict=True)
    return ", ".join(f"{name} (channel {number})" for name, number in pairs)


def _fold(names: Iterable[str]) -> list[str]:
    return [name.strip().casefold() for name in names]


def _find(wanted: str, names: Sequence[str]) -> list[int]:
    folded = wanted.strip().casefold()
    return [number for number, name in enumerate(_fold(names)) if name == folded]
