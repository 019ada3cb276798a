"""How a command's run is recorded: by all of its options that results depend on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from segfit.batch.record import Recording

INDIFFERENT = frozenset(
    {"paths", "output", "threads", "workers", "ray", "force", "resume", "skip_existing", "shard"}
)
"""Parameters of commands that change no result, or that say of which files there are any."""
MODELS = frozenset({"model", "detector"})
"""Those that name one."""
DIGEST_LENGTH = 12


def make_recording(context: typer.Context, *, resume: bool, shard: str | None) -> Recording:
    """The record of the command that is running.

    Raises ``SegfitError`` for another shard than one can have.
    """
    from segfit.batch.record import Recording
    from segfit.batch.shards import Shard

    settings: dict[str, object] = {"command": context.info_name}
    for name, value in context.params.items():
        if name in MODELS:
            settings[name] = _identify_model(value)
        elif name not in INDIFFERENT:
            settings[name] = os.path.abspath(value) if isinstance(value, Path) else value
    return Recording(settings, resume=resume, shard=None if shard is None else Shard.parse(shard))


def _identify_model(model: str) -> str:
    """A model by its contents, wherever it lies; a name that is none's, as it is."""
    from segfit.model.shipped import list_shipped

    path = Path(model) if os.path.isfile(model) else list_shipped().get(model)
    if path is None:
        return model
    return f"{path.stem} {hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_LENGTH]}"
