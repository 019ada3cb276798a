"""Recognising what kind of labelled data lies at a path, and opening it."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets import labelme, outlines, supervisely, via, yolo
from segfit.datasets.coco import layouts as coco
from segfit.datasets.drawn_orientation import turn_drawn
from segfit.datasets.foreign import describe_foreign
from segfit.datasets.label_studio import tasks
from segfit.datasets.labelled import (
    Dataset,
    Finding,
    LabelledData,
    OnReading,
    Reading,
    Source,
)
from segfit.datasets.layers import layout as layers
from segfit.datasets.layers.pairs import find_lone_layer
from segfit.datasets.layout import list_folders
from segfit.datasets.masks import (
    ade20k,
    cellpose,
    cityscapes,
    folders,
    nnunet,
    object_folders,
    roboflow,
    voc,
)
from segfit.datasets.objects import complete_objects
from segfit.datasets.scan import scan_splits
from segfit.datasets.split import describe_lacks, split_images
from segfit.errors import SegfitError
from segfit.imaging.channel_names import has_names
from segfit.imaging.channels import Channels, choose_channels
from segfit.imaging.find import list_images
from segfit.imaging.read import choosing, noting_names

LAYOUTS = (
    nnunet.LAYOUT,
    voc.LAYOUT,
    supervisely.LAYOUT,
    roboflow.LAYOUT,
    ade20k.LAYOUT,
    cityscapes.LAYOUT,
    object_folders.LAYOUT,
    folders.LAYOUT,
    coco.IN_ANNOTATIONS,
    yolo.LAYOUT,
    labelme.LAYOUT,
    tasks.LAYOUT,
    via.LAYOUT,
    coco.LAYOUT,
    layers.LAYOUT,
    outlines.LAYOUT,
    cellpose.LAYOUT,
    folders.BESIDE,
)
"""In the order in which they are looked for: first those that nothing else looks like."""
DESCRIPTION = f"labelled data is one of: {'; '.join(layout.description for layout in LAYOUTS)}"


def open_labelled(
    path: str | os.PathLike[str],
    *,
    strict: bool = False,
    seed: int = 0,
    split_objects: bool = False,
    hold_out: bool = True,
    channels: Channels | None = None,
    on_progress: OnProgress | None = None,
    on_reading: OnReading | None = None,
) -> LabelledData:
    """Open labelled images of any known layout and check every one of them.

    ``path`` is a folder or a file of one of ``LAYOUTS``, such as ``images/`` and ``masks/``, or
    ``train/``, ``val/``, ``test/`` that have these, or a COCO file. Every pair is read once, which
    finds what is damaged, of the wrong size, or labelled with an unknown class;
    ``on_progress(done, total)`` follows it (masks without ``classes.json`` are counted through once
    before). Such pairs are left out with a note, or raise SegfitError where ``strict``.

    Where there is a training split but no validation split, every fifth image becomes one, chosen
    by ``seed`` so that both hold every class evenly (see ``split_images``); not so without
    ``hold_out``.

    Objects of classes that have objects are numbered, see ``complete_objects``; where one lies in
    several pieces, it stays one unless ``split_objects``. ``channels``: of the images, see
    ``read_image``. ``on_reading(source, reading)`` gets every pair while it is in memory.

    Raises SegfitError for an unknown layout, where nothing usable is left, where there is only one
    class, and where a validation split would have to come from a single image.
    """
    root = Path(path)
    channels = choose_channels(channels, None)
    found = find_labelled(root, strict=strict, on_progress=on_progress)
    with choosing(channels):
        found = turn_drawn(found, root)
    finding = _with_numbers(found, split_pieces=split_objects, channels=channels)
    called: set[tuple[str, ...]] = set()

    def look(source: Source, reading: Reading) -> None:
        if reading.channel_names:
            called.add(reading.channel_names)
        if on_reading is not None:
            on_reading(source, reading)

    splits, scan_notes = scan_splits(
        finding, strict=strict, on_progress=on_progress, on_reading=look
    )
    notes = [*finding.notes, *scan_notes]
    names, name_notes = _agree_on_names(called)
    notes += name_notes
    if hold_out and "train" in splits and "val" not in splits:
        try:
            splits, note = _hold_out(splits, seed=seed)
        except SegfitError as error:
            raise SegfitError(" ".join([f"{error}.", *scan_notes]).removesuffix(".")) from None
        notes.append(note)
    notes += describe_lacks(finding.classes, splits)
    return LabelledData(finding.classes, splits, tuple(notes), channels, names)


def _agree_on_names(
    called: set[tuple[str, ...]],
) -> tuple[tuple[str, ...] | None, list[str]]:
    """What all images call their channels, and a note where they differ."""
    if len(called) <= 1:
        return (next(iter(called)) if called else None), []
    shown = list_first([" ".join(names) for names in sorted(called)])
    return None, [f"The images have different channels ({shown}), and the model keeps no names."]


def find_labelled(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding:
    """Tell the layout and find the pairs, without opening an image."""
    if not root.exists():
        raise SegfitError(f"{root}: no such file or folder")
    for layout in LAYOUTS:
        finding = layout.find(root, strict=strict, on_progress=on_progress)
        if finding is not None:
            return finding
    raise SegfitError(_describe_unknown(root))


def _with_numbers(finding: Finding, *, split_pieces: bool, channels: Channels | None) -> Finding:
    """The same with the objects of each image numbered as it is read, of these channels."""

    def number(source: Source) -> Source:
        return replace(
            source,
            read=partial(
                _read_numbered,
                source,
                finding.classes,
                split_pieces=split_pieces,
                channels=channels,
            ),
        )

    splits = {split: tuple(map(number, sources)) for split, sources in finding.splits.items()}
    return replace(finding, splits=splits)


def _read_numbered(
    source: Source, classes: ClassTable, *, split_pieces: bool, channels: Channels | None
) -> Reading:
    with choosing(channels), noting_names() as noted:
        reading = source.read()
    if noted and has_names(noted[-1]):
        reading = replace(reading, channel_names=noted[-1])
    return complete_objects(reading, classes, split_pieces=split_pieces)


def _hold_out(splits: dict[str, Dataset], *, seed: int) -> tuple[dict[str, Dataset], str]:
    images = splits["train"]
    training, validation = split_images(
        images.stats, seed=seed, groups=[source.group for source in images.sources]
    )
    note = (
        f"No validation split given: {len(validation)} of {count_noun(len(images), 'image')} held "
        f"out for it, spread evenly over the classes (seed {seed})."
    )
    held = {"train": images.subset(training), "val": images.subset(validation)}
    return {**held, **{split: data for split, data in splits.items() if split != "train"}}, note


def _describe_unknown(root: Path) -> str:
    inner = next((str(folder) for folder in list_folders(root) if _is_labelled(folder)), None)
    lone = None if inner else find_lone_layer(root)
    if lone is not None:
        return (
            f"{lone} is a layer of polygons, and the image that it was drawn over is not beside "
            f"it: put it there, called like it, such as {lone.stem}.tif"
        )
    foreign = None if inner else describe_foreign(root)
    if foreign is not None:
        return foreign
    if root.is_file():
        return f"{root} is not labelled data: {DESCRIPTION}"
    entries = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir())
    if not entries:
        return f"{root} is an empty folder; {DESCRIPTION}"
    for name, missing in (("images", "masks"), ("masks", "images")):
        if (root / name).is_dir():
            count = count_noun(len(list_images(root / name)), "image")
            return (
                f"{root} has {name}/ ({count}) but no {missing}/: put {missing} with the same "
                f"names into {root / missing}"
            )
    if inner is not None:
        return f"{root} is not labelled data, but {inner} is: give that folder"
    return (
        f"{root} holds {list_first(entries, limit=5)}: put the images into images/ and masks of "
        f"the same names into masks/ there; {DESCRIPTION}"
    )


def _is_labelled(folder: Path) -> bool:
    """Whether a folder has a layout, be its data faulty."""
    try:
        return any(layout.find(folder, strict=False, on_progress=None) for layout in LAYOUTS)
    except SegfitError:
        return True
