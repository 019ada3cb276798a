"""A result saved under a name: the suffix says as what."""

from __future__ import annotations

import os
from pathlib import Path

from segfit.errors import SegfitError
from segfit.formats.format import Result


def save(
    result: Result,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    force: bool = False,
) -> None:
    """Write a file of the kind that its suffix names, or ``format``.

    ``.png``: mask; ``.jpg``, ``.jpeg``, ``.webp``: overlay; ``.json``: summary; ``.npz``:
    probabilities; ``.geojson``, ``.svg``: regions. ``format``: a name in ``formats.FORMATS``, such
    as "coco". Raises ``SegfitError`` for another suffix or format, or where the file exists (unless
    ``force``) or cannot be written.
    """
    from segfit.formats import FORMAT_OF_SUFFIX, FORMATS

    suffix = Path(path).suffix.lower()
    if format is not None and format not in FORMATS:
        raise SegfitError(f"unknown format {format}: choose from {', '.join(FORMATS)}")
    if format is None and suffix not in FORMAT_OF_SUFFIX:
        raise SegfitError(
            f"cannot tell from the suffix {suffix!r} of {path} what to write: use one of "
            f"{', '.join(FORMAT_OF_SUFFIX)}, or name a format ({', '.join(FORMATS)})"
        )
    chosen = FORMAT_OF_SUFFIX[suffix] if format is None else FORMATS[format]
    chosen.write(result, path, force=force)
