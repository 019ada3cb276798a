"""Where a training stood after its last round, as a file to resume from."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from segfit.errors import SegfitError
from segfit.files import write_file

State = dict[str, Any]
STATE_KEYS = {"training", "component", "base", "seed", "plan", "classes", "images"}


def checkpoint_path(output: Path) -> Path:
    """The checkpoint that belongs to a model file that is being trained."""
    return output.with_name(output.name + ".checkpoint")


def write_checkpoint(path: Path, state: State) -> None:
    """Replace the checkpoint by a newer one; at no time is there a broken one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        write_file(path, buffer.getvalue(), force=True, durable=True)
    except SegfitError as error:
        kept = " The one of the round before is whole: --resume continues from it." * path.exists()
        raise SegfitError(f"the checkpoint could not be written: {error}.{kept}") from error


def read_checkpoint(path: Path) -> State:
    """Read a checkpoint; nothing in it is executed (``weights_only``)."""
    try:
        with zipfile.ZipFile(path) as archive:
            is_whole = archive.testzip() is None  # torch does not compare the checksums
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise SegfitError(f"{path}: no such checkpoint; train without --resume") from error
    except Exception as error:  # on damaged files, unpickling raises nearly everything there is
        raise _is_damaged(path) from error
    if not is_whole or not isinstance(state, dict) or STATE_KEYS - state.keys():
        raise _is_damaged(path)
    return state


def _is_damaged(path: Path) -> SegfitError:
    return SegfitError(f"{path} is not a checkpoint, or it is damaged: train without --resume")
