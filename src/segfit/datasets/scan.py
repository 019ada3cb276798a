"""The opening scan: every pair is read once, measured, and left out where something is wrong."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from segfit.basics.progress import OnProgress, map_in_threads
from segfit.basics.text import count_noun, list_first, show_share
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.labelled import (
    Dataset,
    Finding,
    ImageStats,
    OnReading,
    Source,
)
from segfit.datasets.stats import measure_labels
from segfit.errors import SegfitError
from segfit.imaging.contrast import find_levels

MIN_TRAINING_SIDE_PX = 16
DOUBTS = (
    "snapped_px",
    "overlapped_px",
    "overlapped_objects",
    "lost_objects",
    "unnumbered_px",
    "crowds",
    "crowd_objects",
)
"""What a reading counts of labels that are in doubt."""
NAMED_LEFT_OUT = 20
NAMED_OBJECTS = 3
NAMED_KINDS = 3


@dataclass(frozen=True, eq=False)
class Scanned:
    """One readable pair: its measures, how much of it is in doubt, and which objects it lacks."""

    stats: ImageStats
    doubts: Counter[str]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """An image that cannot be used: its name, and a sentence without its stop that says why."""

    name: str
    reason: str

    @property
    def kind(self) -> str:
        """The reason without what names the image, so that those of others may be equal."""
        stem = re.escape(PurePath(self.name).stem)
        return re.sub(rf"\S*(?<![^\W_]){stem}(?![^\W_])\S*", "", self.reason)


@dataclass(eq=False)
class ScanTally:
    """What the notes of a whole scan are written from."""

    pixels: int = 0
    ignored_px: int = 0
    objects: int = 0
    in_pieces: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
    snapped_in: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    objects_left_out: list[str] = field(default_factory=list)


def scan_splits(
    finding: Finding,
    *,
    strict: bool,
    on_progress: OnProgress | None,
    on_reading: OnReading | None = None,
) -> tuple[dict[str, Dataset], list[str]]:
    """Read every pair of every split once; give the good ones and notes on the others.

    Raises SegfitError at the first bad pair where ``strict``, and where no pair or only one class
    is left.
    """
    everything = [
        (split, source) for split, sources in finding.splits.items() for source in sources
    ]
    scans = map_in_threads(
        lambda entry: scan_source(entry[1], classes=finding.classes, on_reading=on_reading),
        everything,
        on_progress=on_progress,
    )
    tally = ScanTally()
    kept: dict[str, list[tuple[Source, ImageStats]]] = {split: [] for split in finding.splits}
    for (split, source), scan in zip(everything, scans, strict=True):
        if isinstance(scan, SegfitError):
            if strict:
                raise scan
            tally.left_out.append(LeftOut(source.name, str(scan)))
            continue
        if strict and scan.left_out:
            raise SegfitError(scan.left_out[0])
        kept[split].append((source, scan.stats))
        tally.objects_left_out += scan.left_out
        pixels = scan.stats.height * scan.stats.width
        tally.pixels += pixels
        tally.ignored_px += pixels - sum(scan.stats.class_pixels)
        tally.objects += scan.stats.objects
        tally.in_pieces += scan.stats.in_pieces
        tally.doubts += scan.doubts
        if scan.doubts["snapped_px"]:
            tally.snapped_in.append(source.name)
    _check_left(kept, tally.left_out)
    described = list(_describe_scan(tally))
    notes = [*_check_classes(finding.classes, kept, described), *described]
    return {
        split: Dataset(
            finding.classes,
            [source for source, _ in pairs],
            stats=[stats for _, stats in pairs],
        )
        for split, pairs in kept.items()
        if pairs
    }, notes


def scan_source(
    source: Source, *, classes: ClassTable, on_reading: OnReading | None = None
) -> Scanned | SegfitError:
    """Read and measure one pair; a user's mistake comes back as the error that it is."""
    try:
        reading = source.read()
    except SegfitError as error:
        return error
    height, width = reading.labels.shape
    if min(height, width) < MIN_TRAINING_SIDE_PX:
        return SegfitError(
            f"{source.name} is {height}×{width} px; a labelled image needs at least "
            f"{MIN_TRAINING_SIDE_PX} px a side: enlarge it or leave it out"
        )
    if (reading.labels == IGNORE).all():
        return SegfitError(
            f"{source.name}: every pixel of its mask is ignored: label it or leave it out"
        )
    measured = measure_labels(reading.labels, class_count=len(classes), given=reading.objects)
    stats = replace(measured, levels=find_levels(reading.image))
    doubts = Counter({name: getattr(reading, name) for name in DOUBTS})
    if on_reading is not None:
        on_reading(source, reading)
    return Scanned(stats, doubts, reading.left_out)


def _check_left(kept: Mapping[str, Sequence[object]], left_out: Sequence[LeftOut]) -> None:
    if any(kept.values()):
        return
    alike: dict[str, list[LeftOut]] = defaultdict(list)
    for one in left_out:
        alike[one.kind].append(one)
    reasons = [_describe_alike(group) for group in alike.values()]
    raise SegfitError(
        f"no labelled image can be used ({len(left_out)} found): {'; '.join(reasons[:NAMED_KINDS])}"
    )


def _describe_alike(group: Sequence[LeftOut]) -> str:
    """The reason of the first, and how many others were left out for it."""
    first, *others = group
    if not others:
        return first.reason
    named = list_first([one.name for one in others])
    return f"{first.reason}; so it is with {count_noun(len(others), 'other')} ({named})"


def _check_classes(
    classes: ClassTable,
    kept: Mapping[str, Sequence[tuple[Source, ImageStats]]],
    described: Sequence[str],
) -> list[str]:
    """A note on classes without pixels; an error, with what was ``described``, for one class."""
    pixels = [
        sum(stats.class_pixels[index] for pairs in kept.values() for _, stats in pairs)
        for index in range(len(classes))
    ]
    empty = [name for name, count in zip(classes.names, pixels, strict=True) if count == 0]
    if len(classes) - len(empty) < 2:
        only = [name for name in classes.names if name not in empty]
        one_class = (
            f"every labelled pixel is '{only[0]}'; a segmenter needs at least 2 classes to tell "
            "apart: label another class or the background"
        )
        raise SegfitError(". ".join([one_class, *described]).removesuffix("."))
    if not empty:
        return []
    return [f"No pixel is labelled {list_first([repr(name) for name in empty])}."]


def _describe_scan(tally: ScanTally) -> Iterator[str]:
    doubts = tally.doubts
    if tally.ignored_px:
        yield (
            f"{tally.ignored_px / tally.pixels:.2%} of all labelled pixels are ignored: neither "
            "trained on nor measured."
        )
    if doubts["snapped_px"]:
        share = doubts["snapped_px"] / tally.pixels
        yield (
            f"{count_noun(doubts['snapped_px'], 'pixel')} ({show_share(share)}) had a value or "
            "color of no class and were given the nearest class, in "
            f"{count_noun(len(tally.snapped_in), 'image')}: {list_first(tally.snapped_in)}."
        )
    if doubts["overlapped_px"]:
        yield (
            f"{doubts['overlapped_px']} pixels belong to two or more objects; the object that "
            "comes later in the file (over slides and maps the smaller one) gets them, and "
            f"{count_noun(doubts['overlapped_objects'], 'object')} lost some."
        )
    if doubts["lost_objects"]:
        yield (
            f"{count_noun(doubts['lost_objects'], 'object')} left out: smaller than a pixel, "
            "outside the image, or wholly covered by others."
        )
    if doubts["unnumbered_px"]:
        yield (
            f"{doubts['unnumbered_px']} pixels of classes with objects have no object number; "
            "each connected region of them counts as an object."
        )
    if tally.in_pieces:
        yield (
            f"{tally.in_pieces} of {count_noun(tally.objects, 'object')} lie in several pieces and "
            "stay one object each; to make each piece an object, give --split-objects (in Python: "
            "split_objects=True)."
        )
    if doubts["crowds"] or doubts["crowd_objects"]:
        yield (
            f"Of the annotations with iscrowd: 1, {doubts['crowd_objects']} are taken for objects "
            f"(as CVAT writes brush masks) and {doubts['crowds']} for crowds, whose pixels are "
            "ignored; for the other, set iscrowd to 0, or name the category a crowd."
        )
    if tally.objects_left_out:
        named = "; ".join(tally.objects_left_out[:NAMED_OBJECTS])
        more = len(tally.objects_left_out) - NAMED_OBJECTS
        yield (
            f"{count_noun(len(tally.objects_left_out), 'object')} left out: {named}"
            + (f"; and {more} more." if more > 0 else ".")
        )
    for one in tally.left_out[:NAMED_LEFT_OUT]:
        yield f"Left out: {one.reason}."
    if len(tally.left_out) > NAMED_LEFT_OUT:
        yield f"Left out: {len(tally.left_out) - NAMED_LEFT_OUT} more images for similar reasons."
