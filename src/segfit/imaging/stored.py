"""An image with the values that were measured, and what one needs to know to show it.

Shapes: ``H, W`` the image; ``C`` its channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import UInt8Array
from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.imaging.channel_names import ChannelChoice, find_channels
from segfit.imaging.channels import Channels, check_channels, list_channels, name_channels
from segfit.imaging.rgb import Ranges, find_ranges, lay_over_white, to_uint8
from segfit.imaging.scale import Scale

Values = NDArray[Any]

LEAST_CLEAR_SHARE = 0.5
"""Of the pixels of alpha that are fully opaque or fully transparent; a channel of measured values,
such as near infrared, that a file calls alpha has fewer."""


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image as its file or array has it, upright.

    ``values``: (H, W, C) of bool, whole numbers or floating point. ``names``: of the channels.
    ``alpha``: the channel that says how opaque a pixel is, None where there is none;
    ``is_premultiplied``: whether the others are multiplied by it already; ``is_sure``: whether it
    is alpha in any case, and not only if it looks like it. ``is_color``: whether three channels are
    the colors of one photograph, so that they are stretched together. ``planes``: what channels
    are that are not just channels, such as "planes along Z"; they have to be chosen. ``palette``:
    (N, 3) uint8, the colors of a single channel's values. ``bits``: of a value. ``is_inverted``:
    0 is shown white. ``scale``: the size of a pixel, where the file says it; ``scale_note``: why
    one that it says is not used.
    """

    name: str
    values: Values
    names: tuple[str, ...]
    alpha: int | None = None
    is_premultiplied: bool = False
    is_sure: bool = True
    is_color: bool = True
    planes: str | None = None
    palette: UInt8Array | None = None
    bits: int = 8
    is_inverted: bool = False
    scale: Scale | None = None
    scale_note: str = ""

    __repr__ = show_briefly

    @property
    def measured(self) -> dict[str, Values]:
        """The values (H, W) of every channel but alpha, by its name."""
        return {
            name: self.values[..., number]
            for number, name in enumerate(self.names)
            if number != self.alpha
        }

    def find(self, choice: ChannelChoice) -> Channels | None:
        """The channels to take, see ``find_channels``; raises ``SegfitError`` as it does."""
        return find_channels(self.name, self.names, choice)

    def show(self, channels: Channels | None = None) -> UInt8Array:
        """The image as (H, W, 3) uint8 RGB; ``read_image`` says by what rules.

        ``channels``, and the errors: see ``choose``.
        """
        return self.choose(channels).render()

    def choose(self, channels: Channels | None = None) -> StoredImage:
        """The image with the channels that are shown, and alpha.

        ``channels``: which of them; None where they are one or three beside alpha. Raises
        ``SegfitError``, listing all that there are, where none was chosen and there are others,
        and for one that there is not.
        """
        if channels is not None:
            return self._take(check_channels(channels))
        colors = [number for number in range(len(self.names)) if number != self.alpha]
        if self.planes is not None or len(colors) not in (1, 3):
            has = self.planes or "channels"
            raise self._ask(f"has {len(self.names)} {has} ({list_channels(self.names)})")
        alpha = None if self.is_sure else self._split_alpha()[1]
        if alpha is not None and not looks_like_alpha(alpha):
            raise self._ask(
                f"calls its channel {self.alpha} alpha, but most of its pixels are neither opaque "
                f"nor transparent, as if it were measured ({list_channels(self.names)})"
            )
        return self

    def find_ranges(self) -> Ranges:
        """The values of a chosen image that are shown as 0 and 255, for ``render``."""
        colors, _ = self._split_alpha()
        return () if self.palette is not None else find_ranges(colors, together=self.is_color)

    def render(self, ranges: Ranges | None = None) -> UInt8Array:
        """A chosen image as (H, W, 3) uint8 RGB.

        ``ranges``: those of a whole of which this is a part; without them, its own.
        """
        if self.palette is not None:
            return self.palette[np.minimum(self.values[..., 0], len(self.palette) - 1)]
        values, alpha = self._split_alpha()
        colors = to_uint8(values, bits=self.bits, together=self.is_color, ranges=ranges)
        colors = 255 - colors if self.is_inverted else colors
        if alpha is not None:
            colors = lay_over_white(colors, alpha, is_premultiplied=self.is_premultiplied)
        grey = colors.shape[2] == 1
        return np.ascontiguousarray(colors.repeat(3, axis=2) if grey else colors)

    def _ask(self, has: str) -> SegfitError:
        example = "0,1,2" if len(self.names) > 2 and self.planes is None else "0"
        is_stack = self.planes is not None
        stacked = "segment each by segfit predict --planes all, or " if is_stack else ""
        return SegfitError(
            f"{self.name} {has}: {stacked}choose one, or three as red, green and blue, such as "
            f"--channels "
            f"{example} (in Python: channels=({example}{',' * (len(example) == 1)}))"
        )

    def _take(self, channels: Channels) -> StoredImage:
        missing = [number for number in channels if number >= len(self.names)]
        if missing:
            raise SegfitError(
                f"{self.name} has no channel {missing[0]}; it has {list_channels(self.names)}: "
                "choose others by --channels (in Python: channels=…), or leave it out"
            )
        values = self.values
        if channels != tuple(range(len(self.names))):
            values = values[..., list(channels)]
        names = tuple(self.names[number] for number in channels)
        return replace(self, values=values, names=names, alpha=None, planes=None)

    def _split_alpha(self) -> tuple[Values, Values | None]:
        """The values (H, W, C) of all channels but alpha, and those of alpha (H, W)."""
        if self.alpha is None:
            return self.values, None
        kept = [number for number in range(len(self.names)) if number != self.alpha]
        return self.values[..., kept], self.values[..., self.alpha]


def looks_like_alpha(values: Values) -> bool:
    """Whether most of the values that a file calls alpha are fully opaque or fully transparent."""
    opaque = 1 if values.dtype.kind in "fb" else np.iinfo(values.dtype).max
    clear = np.count_nonzero(values == 0) + np.count_nonzero(values == opaque)
    return bool(clear >= LEAST_CLEAR_SHARE * values.size)


def store_values(name: str, values: Values, **facts: Any) -> StoredImage:
    """Values (H, W), (H, W, 1), grey and alpha (H, W, 2), (H, W, 3) or with alpha (H, W, 4)."""
    values = values if values.ndim == 3 else values[..., np.newaxis]
    count = values.shape[2]
    has_alpha = count in (2, 4)
    names = name_channels(count - has_alpha) + ("alpha",) * has_alpha
    return StoredImage(name, values, names, alpha=count - 1 if has_alpha else None, **facts)
