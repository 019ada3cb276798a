"""What commands open: a console, models, refiners, labelled data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segfit.cli.choices import STANDARD, list_qualities, parse_choice
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from rich.console import Console

    from segfit.datasets import Dataset, LabelledData
    from segfit.datasets.masks.mask_classes import MaskClasses
    from segfit.imaging.channels import Channels
    from segfit.imaging.scale import Scale
    from segfit.model.precision import Precision
    from segfit.refiner import Refiner
    from segfit.result.method import Method
    from segfit.runtime.session import Backend
    from segfit.segmenter import Segmenter

SHIPPED_REFINER = "outlines"
VALIDATION, ALL_IMAGES = "val", "all"


def open_console(*, quiet: bool = False) -> Console:
    """The console that results are printed to; a ``quiet`` one prints nothing."""
    from rich.console import Console

    return Console(quiet=quiet)


def parse_backend(name: str | None) -> Backend | None:
    """A backend by its name, where one is given."""
    from segfit.runtime.session import Backend

    return None if name is None else parse_choice(name, Backend, "backend")


def parse_channel_option(text: str | None) -> Channels | None:
    """The channels of ``--channels``, where it is given."""
    from segfit.imaging.channels import parse_channels

    return None if text is None else parse_channels(text)


def parse_scale_option(text: str | None) -> Scale | None:
    """The size of a pixel of ``--scale``, where it is given."""
    from segfit.imaging.scale import Scale

    return None if text is None else Scale.parse(text)


def parse_precision(name: str) -> Precision:
    """A precision by its name."""
    from segfit.model.precision import Precision

    return parse_choice(name, Precision, "precision")


def open_segmenter(
    model: str, *, backend: str | None, device: str, threads: int | None, precision: str
) -> Segmenter:
    """Load a model by its path or its shipped name."""
    from segfit.segmenter import load

    return load(
        model,
        backend=parse_backend(backend),
        device=device,
        threads=threads,
        precision=parse_precision(precision),
    )


def choose_quality(method: Method, quality: str) -> Method:
    """The method, or a model that looks at each image twice, where that is wanted.

    Raises ``SegfitError`` for another word, and for a method that cannot.
    """
    from segfit.segmenter import AdjustedSegmenter

    if parse_choice(quality, list_qualities(), "quality") == STANDARD:
        return method
    if not isinstance(method, AdjustedSegmenter):
        raise SegfitError("--quality best is for models: leave it out")
    return replace(method, segmenter=method.segmenter.look_twice())


def open_refiner(model: str, *, backend: str | None, device: str, threads: int | None) -> Refiner:
    """Load a refiner by its path or its shipped name."""
    from segfit.refiner import load_refiner

    return load_refiner(model, backend=parse_backend(backend), device=device, threads=threads)


def open_data(
    console: Console,
    data: Path,
    *,
    split_objects: bool = False,
    hold_out: bool = True,
    channels: Channels | None = None,
) -> LabelledData:
    """Open labelled data under a progress bar."""
    from segfit.cli.display.terminal import show_bar
    from segfit.datasets import open_labelled

    with show_bar(console, "reading the data") as on_progress:
        return open_labelled(
            data,
            split_objects=split_objects,
            hold_out=hold_out,
            channels=channels,
            on_progress=on_progress,
        )


def open_split(
    console: Console,
    data: Path,
    split: str | None,
    *,
    split_objects: bool = False,
    channels: Channels | None = None,
) -> tuple[str, Dataset]:
    """Open labelled data and choose a split of it: "all" of data without splits, or "val".

    Only where "val" is asked for, and is not there, are images held out as a training does it.
    """
    from segfit.basics.text import count_noun
    from segfit.cli.display.terminal import print_line

    hold_out = split == VALIDATION
    labelled = open_data(
        console, data, split_objects=split_objects, channels=channels, hold_out=hold_out
    )
    for note in labelled.notes:
        print_line(console, note)
    if split is None and list(labelled.splits) == ["train"]:
        images = labelled.splits["train"]
        print_line(
            console,
            f"No splits given: {count_noun(len(images), 'image')}, all that there are; those that "
            f"a training holds out, with --split {VALIDATION}.",
        )
        return ALL_IMAGES, images
    chosen = split or VALIDATION
    if chosen not in labelled.splits:
        raise SegfitError(
            f"{data} has no split {chosen!r}: choose {', '.join(labelled.splits)} with --split"
        )
    return chosen, labelled.splits[chosen]


def find_classes(console: Console, masks: list[Path]) -> MaskClasses:
    """Find the classes of masks under a progress bar, and print how they were found."""
    from segfit.batch.masks import find_mask_classes
    from segfit.cli.display.terminal import print_line, show_bar

    with show_bar(console, "finding the classes") as on_progress:
        classes = find_mask_classes(masks, on_progress=on_progress)
    print_line(console, classes.note)
    return classes
