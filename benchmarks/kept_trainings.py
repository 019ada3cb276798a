"""What a result file of many trainings has already, so that only the rest is done.

A set's entry: ``data``, which images; ``runs``, by side and seed; ``difference`` of the sides,
None until all that was asked for is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results import describe_data

Entry = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """One training: of a side, by a seed, on a set."""

    of: str
    side: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.of}-{self.side}-seed{self.seed}"


@dataclass(frozen=True)
class Request:
    """What the command asks for: minutes and settings by side, and which side of this commit."""

    minutes: float
    settings: Mapping[str, Sequence[str]]
    commit: str
    again: str | None = None

    def describe(self, side: str) -> dict[str, Any]:
        """What a training of the result file must have been made with."""
        made_with = {"minutes": self.minutes, "settings": list(self.settings[side])}
        return made_with | ({"commit": self.commit} if side == self.again else {})


def read_kept(path: Path) -> dict[str, Entry]:
    """The entries of a result file by their sets; none where there is no file."""
    if not path.is_file():
        return {}
    kept: dict[str, Entry] = json.loads(path.read_text(encoding="utf-8"))["figures"]["sets"]
    return kept


def begin_entry(kept: Entry | None, folder: Path, sides: Sequence[str]) -> Entry:
    """A set's entry as it is, or an empty one where there is none of the same images."""
    data = asdict(describe_data(folder))
    if kept is not None and kept["data"]["sha256"] == data["sha256"]:
        kept["runs"] = {side: kept["runs"].get(side, {}) for side in sides}
        return kept
    return {"data": data, "runs": {side: {} for side in sides}, "difference": None}


def list_left(
    trainings: Sequence[Training], entry: Entry, predictions: Path, request: Request
) -> list[Training]:
    """Those trainings that are still to be done, in their order.

    One is done where the entry has one made alike, and with it either the difference of all these
    trainings or its own predictions.
    """
    alike = [one for one in trainings if is_alike(one, entry, request)]
    if len(alike) == len(trainings) and has_difference(trainings, entry):
        return []
    return [
        one for one in trainings if one not in alike or not has_predictions(one, entry, predictions)
    ]


def is_alike(one: Training, entry: Entry, request: Request) -> bool:
    done = entry["runs"][one.side].get(str(one.seed), {})
    return all(done.get(key) == value for key, value in request.describe(one.side).items())


def has_difference(trainings: Sequence[Training], entry: Entry) -> bool:
    """Whether a set's difference has the seeds of these trainings."""
    difference = entry["difference"]
    return difference is not None and {one.seed for one in trainings} <= set(difference["seeds"])


def has_predictions(one: Training, entry: Entry, predictions: Path) -> bool:
    path = find_predictions(one, predictions)
    done = entry["runs"][one.side][str(one.seed)]
    return path.is_file() and digest(path) == done["predicted_sha256"]


def find_predictions(one: Training, predictions: Path) -> Path:
    return predictions / f"{one.name}.npz"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
