"""Stacks → stacks of labels and of numbers, and tables over all planes, by any method."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segfit.basics.files import leaving_half_files_in
from segfit.basics.progress import OnProgress
from segfit.basics.stores import find_url, make_absolute
from segfit.basics.text import count_noun
from segfit.batch.files import ResultFiles, list_files, plan_files
from segfit.batch.image_run import ImageRun
from segfit.batch.predict import (
    PredictedImage,
    check_names,
    measure_shares,
)
from segfit.batch.record import Recording
from segfit.batch.run import BatchReport
from segfit.batch.run_formats import TABLES, RunFiles
from segfit.batch.steps import Steps, Written
from segfit.batch.workers import IN_THREADS, Workers
from segfit.errors import SegfitError
from segfit.formats.layers.label_stack import PlaneStore, StackHead, write_label_stack
from segfit.imaging.channel_names import ChannelChoice, describe_choice
from segfit.imaging.layout import Place, name_axis
from segfit.imaging.planes import ALL, check_choice, choose_places
from segfit.imaging.raster.stack import Stack, open_stack
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.result.method import Method
from segfit.streaming.linking import LEAST_IOU, LinkCounts, Linker
from segfit.streaming.planes import FoundPlane, find_axis, segment_planes

LABELS, NUMBERS = "labels", "numbers"
ENDINGS = {LABELS: "_labels.ome.tif", NUMBERS: "_numbers.ome.tif"}
KINDS = {LABELS: np.uint8, NUMBERS: np.uint32}
STACK_FORMATS = dict.fromkeys((*ENDINGS, *TABLES))
"""What is written of stacks."""
DEFAULT_OF_STACKS = (LABELS, NUMBERS, "table")


@dataclass(frozen=True)
class PlaneOptions:
    """How stacks are gone through; see ``segment_stack``."""

    planes: str = ALL
    link: str | None = None
    least_iou: float = LEAST_IOU


@dataclass(frozen=True, eq=False)
class OpenedStack:
    """A stack, and the places of the planes that are chosen."""

    stack: Stack
    places: list[Place]


@dataclass(frozen=True, eq=False)
class FoundStack:
    """What was found in a stack: its planes, on the disk, rows of tables, and its classes' shares.

    ``counts``: of linked objects, None where none were to be.
    """

    opened: OpenedStack
    stores: Mapping[str, PlaneStore]
    table: Mapping[str, Any]
    shares: tuple[float, ...]
    counts: LinkCounts | None


def predict_stacks(
    method: Method,
    images: Sequence[Path],
    output: Path,
    formats: Sequence[str],
    *,
    options: PlaneOptions,
    channels: ChannelChoice = None,
    scale: Scale | None = None,
    keep_folders: bool = False,
    force: bool = False,
    skip_existing: bool = False,
    recording: Recording | None = None,
    workers: Workers = IN_THREADS,
    on_progress: OnProgress | None = None,
) -> BatchReport[PredictedImage]:
    """Segment stacks plane by plane, and write each one's results, named by its stem.

    ``formats``: names in ``STACK_FORMATS``. ``on_progress``: of the planes, where it is one stack.
    The others, and what is raised, as in ``apply_method``. An image that is no stack is one of a
    single plane.
    """
    check_names(formats, STACK_FORMATS)
    check_choice(options.planes)
    if workers.ray is not None:  # other machines work in other folders
        images, output = [make_absolute(path) for path in images], make_absolute(output)
    files = plan_files(images, output, partial(name_files, formats), keep_folders=keep_folders)
    run_files = RunFiles([name for name in formats if name in TABLES], output, method.classes)
    run = ImageRun(
        files,
        run_files,
        recording=recording,
        workers=workers,
        skip_existing=skip_existing,
        force=force,
    )
    is_one = len(images) == 1
    place = output if find_url(output) is None else Path(tempfile.gettempdir())
    with run:
        steps = Steps(
            read=partial(open_places, options=options),
            apply=StackFinder(
                method,
                options,
                channels,
                formats,
                place,
                scale,
                on_progress if is_one and workers.count == 1 else None,
            ),
            write=StackWriter(
                run_files,
                method,
                channels,
                scale,
                run.overwrites,
                run.record.half_files,
            ),
        )
        return run.do(steps, on_progress=None if is_one else on_progress)


def name_files(formats: Sequence[str], stem: Path) -> ResultFiles:
    """The result files of a path without suffix, see ``plan_files``."""
    name = stem.name.removesuffix(".ome")
    paths = {one: stem.with_name(name + ENDINGS[one]) for one in formats if one in ENDINGS}
    return {one: (path, path) for one, path in paths.items()}


def open_places(path: Path, *, options: PlaneOptions) -> OpenedStack:
    """Open a stack that can be segmented; raises ``SegfitError`` for another one."""
    stack = open_stack(path)
    try:
        last = find_axis(stack, options.link)
        places = choose_places(stack.axes, options.planes, name=stack.name, last=last)
    except SegfitError:
        stack.close()
        raise
    return OpenedStack(stack, places)


@dataclass(frozen=True)
class StackFinder:
    """Segments the planes of a stack. ``place``: a folder with room for them on the disk."""

    method: Method
    options: PlaneOptions
    channels: ChannelChoice
    formats: Sequence[str]
    place: Path
    scale: Scale | None
    on_progress: OnProgress | None

    def __call__(self, opened: OpenedStack) -> FoundStack:
        """All planes, one at a time; raises ``SegfitError`` where one cannot be read."""
        stack, places = opened.stack, opened.places
        stores = {
            name: PlaneStore(self.place, len(places), stack.shape, KINDS[name])
            for name in self.formats
            if name in KINDS
        }
        try:
            return self._find(opened, stores)
        except BaseException:
            stack.close()
            for store in stores.values():
                store.close()
            raise

    def _find(self, opened: OpenedStack, stores: Mapping[str, PlaneStore]) -> FoundStack:
        stack, places = opened.stack, opened.places
        link = self.options.link
        linker = None if link is None else Linker(self.options.least_iou)
        found = segment_planes(
            self.method, stack, places, channels=self.channels, link=link, linker=linker
        )
        in_file = {_key(place): number for number, place in enumerate(_sort(places))}
        has_table = any(name in TABLES for name in self.formats)
        scale = self.scale or stack.facts.scale or IN_PIXELS
        rows: list[dict[str, object]] = []
        columns: list[str] = ["image", *map(name_axis, stack.axes)]
        shares = []
        for done, (place, plane) in enumerate(zip(places, found, strict=True), start=1):
            number = in_file[_key(place)]
            if LABELS in stores:
                stores[LABELS].write(number, plane.result.labels)
            if NUMBERS in stores:
                stores[NUMBERS].write(number, plane.numbers)
            if has_table:
                of_plane, titles = list_rows(Path(stack.name).name, plane, scale)
                rows += of_plane
                columns += [title for title in titles if title not in columns]
            shares.append(measure_shares(plane.result))
            if self.on_progress is not None:
                self.on_progress(done, len(places))
        table = {"rows": rows, "columns": columns}
        mean = tuple(np.mean(shares, axis=0).tolist())
        return FoundStack(opened, stores, table, mean, None if linker is None else linker.counts)


def list_rows(
    name: str, plane: FoundPlane, scale: Scale
) -> tuple[list[dict[str, object]], list[str]]:
    """A row for every region of a plane, and the columns that rows have."""
    from segfit.shapes.rows import measure_regions, name_columns, to_rows

    channels = plane.stored.measured
    measured = to_rows(measure_regions(plane.result, channels=channels), scale)
    rows = []
    for row, number in zip(measured, plane.ids.tolist(), strict=True):
        object_number = None if row["object"] is None else number
        rows.append(
            {"image": name, **plane.place, **row, "region": number, "object": object_number}
        )
    return rows, name_columns(channels, scale)


@dataclass(frozen=True)
class StackWriter:
    """Writes what was found in a stack to the files that are planned for it.

    ``scale``: of a pixel, where it was given. ``half_files``: see ``ResultWriter``.
    """

    run_files: RunFiles
    method: Method
    channels: ChannelChoice
    scale: Scale | None
    force: bool
    half_files: Path | None

    def __call__(
        self, path: Path, files: ResultFiles, found: FoundStack, seconds: float
    ) -> Written[PredictedImage]:
        """Write the files, and say what is in them; raises ``SegfitError`` where that fails."""
        stack, places = found.opened.stack, found.opened.places
        scale = self.scale or stack.facts.scale or IN_PIXELS
        axes = {
            axis: size
            for axis in stack.axes
            if (size := len({place[axis] for place in places})) > 1
        }
        try:
            with leaving_half_files_in(self.half_files):
                for name, (target, *_) in files.items():
                    classes = self.method.classes if name == LABELS else None
                    head = StackHead(target.name, axes, stack.steps, scale, classes)
                    write_label_stack(target, found.stores[name], head, force=self.force)
        finally:
            stack.close()
            for store in found.stores.values():
                store.close()
        chosen = describe_choice(stack.facts.names, self.channels, stack.facts.find(self.channels))
        parts = [describe_planes(places), chosen, describe_links(found.counts)]
        note = " ".join(f"{part}." for part in parts if part)
        row = PredictedImage(
            path,
            list_files(files),
            found.shares,
            seconds,
            note=note,
            scale=scale,
            scale_note="" if self.scale else stack.facts.scale_note,
        )
        kept = {name: found.table for name in self.run_files.names}
        return Written(row, json.dumps(kept, allow_nan=False).encode())


def describe_planes(places: Sequence[Place]) -> str:
    """How many planes there are, along which axes."""
    sizes = [f"{len({place[axis] for place in places})} {name_axis(axis)}" for axis in places[0]]
    along = f" ({' × '.join(sizes)})" if len(sizes) > 1 else ""
    return f"{count_noun(len(places), 'plane')}{along}"


def describe_links(counts: LinkCounts | None) -> str:
    """How many objects there are through the planes, and where they begin and end."""
    if counts is None:
        return ""
    return (
        f"{count_noun(counts.objects, 'object')}: {counts.linked:,} linked with the plane before, "
        f"{counts.started:,} started after the first plane, {counts.ended:,} ended before the last"
    )


def _key(place: Place) -> tuple[int, ...]:
    return tuple(place.values())


def _sort(places: Sequence[Place]) -> list[Place]:
    """Places in the file's order."""
    return sorted(places, key=_key)
