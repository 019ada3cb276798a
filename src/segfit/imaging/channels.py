"""Which channels of an image are looked at, where it has more than a picture needs.

Shapes: ``H, W`` the image; ``C`` its channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TypeAlias

from segfit.errors import SegfitError

Channels: TypeAlias = tuple[int, ...]
"""One channel, which is shown grey, or three, which are shown as red, green and blue; from 0."""

AS_READ: Channels = (0, 1, 2)
"""Of an image (H, W, 3) whose channels were chosen when it was read."""
CHANNEL_AXES = frozenset("SC")
"""Letters of a file's axes along which channels lie: samples of a pixel, and channels."""
NAMES_SHOWN = 8


def parse_channels(text: str) -> Channels:
    """Read ``0,2,1``; ``SegfitError`` for another form.

    >>> parse_channels("0,2,1")
    (0, 2, 1)
    """
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() for number in numbers):
        raise SegfitError(
            f"channels {text!r}: give one number or three, counted from 0, such as 0,2,1"
        )
    return check_channels([int(number) for number in numbers])


def check_channels(channels: Iterable[int]) -> Channels:
    """Channels as a tuple; raises ``SegfitError`` unless they are one or three numbers from 0."""
    given = tuple(channels) if isinstance(channels, Iterable) else ()
    is_whole = all(isinstance(one, Integral) and not isinstance(one, bool) for one in given)
    if isinstance(channels, str) or len(given) not in (1, 3) or not is_whole or min(given) < 0:
        shown = channels if not given or isinstance(channels, str) else ",".join(map(str, given))
        raise SegfitError(
            f"channels {shown}: give one, which is shown grey, or three as red, green and blue, "
            "counted from 0; one may come twice, such as 0,1,1 (in Python: (0,) or (0, 1, 1))"
        )
    return tuple(int(number) for number in given)


def choose_channels(given: Iterable[int] | None, own: Channels | None) -> Channels | None:
    """The channels that were given, checked, or else a model's own."""
    return own if given is None else check_channels(given)


def list_channels(names: Sequence[str]) -> str:
    """Channels with their numbers, as a message lists them.

    >>> list_channels(["DAPI", "GFP"])
    '0 DAPI, 1 GFP'
    """
    shown = [f"{number} {name}" for number, name in enumerate(names[:NAMES_SHOWN])]
    more = [f"… {len(names) - 1} {names[-1]}"] if len(names) > NAMES_SHOWN else []
    return ", ".join(shown + more)


def name_channels(count: int) -> tuple[str, ...]:
    """Names of channels that have none of their own: grey, the colors, or c0, c1 …

    >>> name_channels(2)
    ('c0', 'c1')
    """
    if count == 1:
        return ("grey",)
    return COLOR_NAMES if count == 3 else tuple(f"c{number}" for number in range(count))


COLOR_NAMES = ("red", "green", "blue")
