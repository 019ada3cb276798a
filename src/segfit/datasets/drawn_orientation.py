"""Drawn labels of images that are turned by their EXIF orientation: on which of both they lie.

Every reader paints what is drawn on the image that it reads. So one that is let read the stored
pixels gives the labels as if they had been drawn on these, and both readings can be compared.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from segfit.datasets.json_files import has_keys
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.masks.class_file import CLASS_FILE_NAME, read_class_file
from segfit.datasets.masks.codes import DecodedMask
from segfit.datasets.masks.orientation import (
    MOST_LOOKED_AT,
    BothReadings,
    MaskOrientation,
    decide_turn,
)
from segfit.errors import SegfitError
from segfit.imaging.orientation import UPRIGHT, read_orientation, turn_upright
from segfit.imaging.read import leaving_as_stored


def turn_drawn(finding: Finding, root: Path) -> Finding:
    """The same with labels that are drawn on the stored pixels of turned images turned like these.

    ``classes.json`` in the folder at ``root``, or beside the file there, may say how they lie; else
    see ``find_turns``, which also says what is raised.
    """
    turned = {
        source: orientation
        for sources in finding.splits.values()
        for source in sources
        if source.drawn_on is not None
        and (orientation := read_orientation(source.drawn_on)) != UPRIGHT
    }
    if not turned:
        return finding
    decided = decide_turn(
        [source.drawn_on.name for source in turned if source.drawn_on is not None],
        (_read_both(*entry) for entry in [*turned.items()][:MOST_LOOKED_AT]),
        said=_read_said(root),
        labels="annotations",
    )
    notes = (*finding.notes, *([decided.note] if decided.note else []))
    if not decided.is_stored:
        return replace(finding, notes=notes)

    def turn(source: Source) -> Source:
        if source not in turned:
            return source
        return replace(source, read=partial(_read_stored, source, turned[source]))

    splits = {split: tuple(map(turn, sources)) for split, sources in finding.splits.items()}
    return replace(finding, splits=splits, notes=notes)


def _read_both(source: Source, orientation: int) -> BothReadings | None:
    """A turned image with its labels in both readings; None where neither can be read."""
    upright = _try_to_read(source)
    stored = _try_to_read(replace(source, read=partial(_read_stored, source, orientation)))
    readable = upright or stored
    if readable is None or source.drawn_on is None:
        return None
    return BothReadings(
        source.drawn_on.name,
        readable.image,
        None if upright is None else upright.labels,
        None if stored is None else stored.labels,
    )


def _try_to_read(source: Source) -> Reading | None:
    try:
        return source.read()
    except SegfitError:  # of another size than is said; or else the scan will say what is wrong
        return None


def _read_stored(source: Source, orientation: int) -> Reading:
    """What is drawn on the stored pixels, with these turned upright."""
    with leaving_as_stored():
        reading = source.read()
    image = np.ascontiguousarray(turn_upright(reading.image, orientation))
    drawn = DecodedMask(reading.labels, reading.objects).turn(orientation)
    return replace(reading, image=image, labels=drawn.labels, objects=drawn.objects)


def _read_said(root: Path) -> MaskOrientation | None:
    file = (root if root.is_dir() else root.parent) / CLASS_FILE_NAME
    is_ours = file.is_file() and has_keys(file, "orientation")
    return read_class_file(file).orientation if is_ours else None
