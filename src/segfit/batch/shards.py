"""Shares of a run, for as many machines or jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from segfit.errors import SegfitError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """One of ``count`` shares of a list; ``number`` counts from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``3/16``; raises ``SegfitError`` for anything else.

        >>> Shard.parse("3/16")
        Shard(number=3, count=16)
        """
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.number <= shard.count:
            raise SegfitError(
                f"{text!r} is not a shard: write the third of sixteen as 3/16, from 1/16 to 16/16"
            )
        return shard

    @property
    def suffix(self) -> str:
        """What tells its files from those of the others."""
        return f"-{self.number}-of-{self.count}"

    def take(self, items: Sequence[Item]) -> list[Item]:
        """Its items: every ``count``-th, so that shards are alike and none has all large files.

        >>> Shard(2, 3).take("abcdefgh")
        ['b', 'e', 'h']
        """
        return list(items[self.number - 1 :: self.count])
