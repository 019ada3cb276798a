"""Results as files: each module one format, writing and, where it can be, reading.

A module of this folder that has a ``FORMAT`` is a format: to add one is to add its file.

>>> for name in ("mask", "overlay", "json"):  # doctest: +SKIP
...     format = FORMATS[name]
...     format.write(segmentation, folder / format.file_name("portrait"))
"""

from __future__ import annotations

from segfit.basics.discovery import collect
from segfit.formats.format import LACKING, Content, Format, Result, Writer

FORMATS: dict[str, Format] = {one.name: one for one in collect(__name__, "FORMAT", Format)}
"""What ``segfit predict --format`` can name."""

FORMAT_OF_SUFFIX: dict[str, Format] = {
    suffix: format for format in FORMATS.values() for suffix in format.saved_as
}
"""What ``Segmentation.save`` writes for a file's suffix."""

__all__ = ["FORMATS", "FORMAT_OF_SUFFIX", "LACKING", "Content", "Format", "Result", "Writer"]
