"""What every reader gives: labelled images, read when asked for, and what a scan found in them.

Shapes: an image is (H, W, 3) uint8 RGB; labels are (H, W) uint8 class indices or ``IGNORE``;
objects are (H, W) int32 with 0 for none; they are None where no class has objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.imaging.channels import Channels


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with its truth; ``name`` is unique within its split."""

    name: str
    image: UInt8Array
    labels: UInt8Array
    objects: Int32Array | None

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class Reading:
    """What one source gives, how many of its labels are in doubt, and what could not be read.

    ``left_out`` says of each object that is drawn but cannot be filled, why. ``channel_names``: of
    the image's channels that were taken, where its file says them.
    """

    image: UInt8Array
    labels: UInt8Array
    objects: Int32Array | None = None
    snapped_px: int = 0  # color off the palette, taken for the nearest
    overlapped_px: int = 0  # claimed by two objects, given to the later
    overlapped_objects: int = 0  # that lost pixels in that way
    lost_objects: int = 0  # without a pixel of their own
    unnumbered_px: int = 0  # of object_classes, where other pixels have an object's number
    crowds: int = 0  # marked so, and ignored
    crowd_objects: int = 0  # marked as crowds, and taken for objects
    left_out: tuple[str, ...] = ()
    channel_names: tuple[str, ...] = ()

    __repr__ = show_briefly


@dataclass(frozen=True)
class Source:
    """Where one labelled image comes from; ``read`` raises SegfitError naming the file.

    ``drawn_on``: its file, where the labels may lie like the image as it is seen, or like its
    stored pixels; None where they lie like the former. ``group``: sources of the same one, such as
    windows next to each other, stay together when images are held out; empty for one by itself.
    """

    name: str
    read: Callable[[], Reading]
    drawn_on: Path | None = None
    group: str = ""


OnReading = Callable[[Source, Reading], None]
"""Called with what the opening scan reads, while it is in memory; by several threads."""


@dataclass(frozen=True)
class ImageStats:
    """What the opening scan found in one labelled image.

    ``class_pixels`` counts each class's pixels, ignored ones not at all. ``object_sides_px`` holds,
    per class, each object's width at its thickest place (see ``measure_labels``). ``objects`` of
    classes that have objects, how many of those are ``touching`` another, and how many lie
    ``in_pieces`` that do not share a side. ``levels``: between which of 255 grey levels all but the
    darkest and brightest values lie. ``class_layout`` tells, per class, how far below the middle it
    lies and how much farther it reaches along the columns than along the rows, both as shares of
    the image's sides, 0 for a class that is not there; empty where nobody has measured it.
    """

    height: int
    width: int
    class_pixels: tuple[int, ...]
    object_sides_px: tuple[tuple[float, ...], ...]
    objects: int = 0
    touching: int = 0
    in_pieces: int = 0
    levels: tuple[int, int] = (0, 255)
    class_layout: tuple[tuple[float, float], ...] = ()

    __repr__ = show_briefly


class Dataset(Sequence[LabelledImage]):
    """Labelled images of one split, read from disk at each access; nothing is kept in memory."""

    def __init__(
        self,
        classes: ClassTable,
        sources: Sequence[Source],
        *,
        stats: Sequence[ImageStats],
    ) -> None:
        self.classes = classes
        self.names = tuple(source.name for source in sources)
        self.stats = tuple(stats)
        self.sources = tuple(sources)

    def __repr__(self) -> str:
        return f"<Dataset of {count_noun(len(self), 'image')}, {self.classes!r}>"

    def __len__(self) -> int:
        return len(self.sources)

    @overload
    def __getitem__(self, index: int) -> LabelledImage: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> LabelledImage | Dataset:
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        source = self.sources[index]
        reading = source.read()
        return LabelledImage(source.name, reading.image, reading.labels, reading.objects)

    def subset(self, indices: Iterable[int]) -> Dataset:
        """The images at these indices, in this order, as a data set of their own."""
        chosen = list(indices)
        return Dataset(
            self.classes,
            [self.sources[index] for index in chosen],
            stats=[self.stats[index] for index in chosen],
        )

    def joined_with(self, other: Dataset) -> Dataset:
        """These images, followed by those of another data set with the same classes."""
        if other.classes.names != self.classes.names:
            raise SegfitError(
                f"data sets of different classes cannot be joined (one has "
                f"{', '.join(self.classes.names)}, the other {', '.join(other.classes.names)}): "
                "name the same classes in both"
            )
        return Dataset(
            self.classes,
            [*self.sources, *other.sources],
            stats=[*self.stats, *other.stats],
        )


@dataclass(frozen=True, eq=False)
class LabelledData:
    """A labelled data set: its classes, its splits ("train", "val", "test"), what to tell the user.

    Each note is a full sentence. ``channels``: those of the images that were chosen, see
    ``read_image``; None where nobody chose. ``channel_names``: what all images that say so call
    them; None where none does, or they differ.
    """

    classes: ClassTable
    splits: Mapping[str, Dataset]
    notes: tuple[str, ...]
    channels: Channels | None = None
    channel_names: tuple[str, ...] | None = None

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class Finding:
    """What a format's reader found on disk, before any image is opened."""

    classes: ClassTable
    splits: Mapping[str, tuple[Source, ...]]
    notes: tuple[str, ...] = ()

    __repr__ = show_briefly
