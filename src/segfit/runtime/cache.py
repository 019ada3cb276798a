"""The folder in which a model's networks lie as files, for backends that read files."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from segfit.basics.files import write_file
from segfit.errors import SegfitError
from segfit.model.archive import ModelFile
from segfit.model.card import Card

CACHE_VARIABLE = "SEGFIT_CACHE"


def unpack_networks(model: ModelFile[Card]) -> Path:
    """Folder that holds the model's graphs and weights as files; made once per model.

    What lies there already is compared with the model: a disk may have filled up or lost power.
    """
    cache = Path(os.environ.get(CACHE_VARIABLE) or user_cache_path("segfit"))
    folder = cache / model.digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in model.members.items():
            if not _holds(folder / name, content):
                write_file(folder / name, content, force=True)
    except OSError as error:
        raise SegfitError(
            f"the cache folder {cache} cannot be written ({error.strerror}): "
            f"set {CACHE_VARIABLE} to a folder that can"
        ) from error
    except SegfitError as error:
        raise SegfitError(
            f"the cache folder {cache} cannot be used: {error}; or set {CACHE_VARIABLE} to another"
        ) from error
    return folder


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
