"""What a training is and where it stood after its last round, as a file to resume from."""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from segfit.basics.files import write_file
from segfit.errors import SegfitError
from segfit.training.engine import State

CHECKPOINT_FORMAT = 2
"""Raised whenever what is written changes; no other format is read."""
FORMAT_KEY = "checkpoint_format"
FIRST_FORMAT_KEYS = {"training", "component", "seed", "plan"}
"""By which a checkpoint of format 1 is known, which did not say its format."""


@dataclass(frozen=True)
class Request:
    """What a training was asked for, by the names of ``segfit.train``; a resumed one keeps it."""

    component: str
    base: str | None
    seed: int
    split_objects: bool = False
    channels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A training that can be resumed.

    ``plan``, ``classes``, ``images``: what it learns by, and from. ``states``: of its engines, by
    component.
    """

    request: Request
    plan: dict[str, Any]
    classes: list[str]
    images: list[str]
    states: dict[str, State]


def checkpoint_path(output: Path) -> Path:
    """The checkpoint that belongs to a model file that is being trained."""
    return output.with_name(output.name + ".checkpoint")


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint by a newer one; at no time is there a broken one."""
    buffer = io.BytesIO()
    content = {**vars(checkpoint), "request": asdict(checkpoint.request)}
    torch.save({FORMAT_KEY: CHECKPOINT_FORMAT, **content}, buffer)
    try:
        write_file(path, buffer.getvalue(), force=True, durable=True)
    except SegfitError as error:
        kept = " The one of the round before is whole: --resume continues from it." * path.exists()
        raise SegfitError(f"the checkpoint could not be written: {error}.{kept}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed (``weights_only``).

    Raises ``SegfitError`` for a missing, damaged or foreign file, and for one of another format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            is_whole = archive.testzip() is None  # torch does not compare the checksums
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise SegfitError(f"{path}: no such checkpoint; train without --resume") from error
    except Exception as error:  # on damaged files, unpickling raises nearly everything there is
        raise _is_damaged(path) from error
    if not is_whole or not isinstance(content, dict):
        raise _is_damaged(path)
    found = content.pop(FORMAT_KEY, 1 if content.keys() >= FIRST_FORMAT_KEYS else None)
    if found is not None and found != CHECKPOINT_FORMAT:
        raise SegfitError(
            f"{path} was written by another version of segfit (its format is {found}, this version "
            f"reads format {CHECKPOINT_FORMAT}): finish that training with the version that began "
            "it, or train without --resume"
        )
    try:
        return Checkpoint(**{**content, "request": Request(**content["request"])})
    except (KeyError, TypeError) as error:
        raise _is_damaged(path) from error


def _is_damaged(path: Path) -> SegfitError:
    return SegfitError(f"{path} is not a checkpoint, or it is damaged: train without --resume")
