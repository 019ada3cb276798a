"""Load a refiner, and move the outlines of masks that came from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.masks.reading import MaskValues
from segfit.datasets.masks.tally import tally_stored
from segfit.datasets.masks.value_classes import name_values
from segfit.errors import SegfitError
from segfit.formats.format import Content
from segfit.imaging.channels import Channels, choose_channels
from segfit.imaging.read import check_size, read_image
from segfit.imaging.source import ImageSource, as_array, file_name, name_source
from segfit.model.archive import read_refiner
from segfit.model.card import RefinerCard
from segfit.model.shipped import find_model
from segfit.partition import (
    LabelGrid,
    Partition,
    fill_ignored,
    partition_of,
)
from segfit.refinement.outlines import (
    USUAL_CELL_PX,
    OutlineNetwork,
    check_given,
    refine_outlines,
)
from segfit.result.segmentation import Segmentation
from segfit.runtime.devices import DeviceKind
from segfit.runtime.session import Session
from segfit.runtime.sessions import describe_networks, open_sessions

LARGEST_VALUE = 65535
LABELS_NEEDED = (
    "a mask: give an array (H, W) of whole numbers or bool, such as mask.astype('uint8')"
)
OBJECTS_NEEDED = "a grid of objects: give an array (H, W) of whole numbers, 0 for none"


class Refiner:
    """A trained regression network, ready to move outlines to where an image has its edges.

    >>> import segfit
    >>> refiner = segfit.load_refiner("outlines.segfit")  # doctest: +SKIP
    >>> result = refiner(mask, "photo.jpg")  # doctest: +SKIP
    >>> result.regions[0].error_px_mean  # doctest: +SKIP
    """

    def __init__(self, card: RefinerCard, sessions: Mapping[str, Session]) -> None:
        """``sessions``: of the card's networks, by their names there."""
        self.card = card
        self._sessions = dict(sessions)

    def provide(self, classes: ClassTable) -> frozenset[Content]:
        """What results of masks of these classes hold beside labels."""
        return frozenset({Content.OBJECTS} if classes.object_classes else ())

    def __call__(
        self,
        labels: NDArray[Any],
        source: ImageSource,
        *,
        classes: ClassTable | None = None,
        objects: NDArray[np.integer] | None = None,
        cell_px: float = USUAL_CELL_PX,
        channels: Channels | None = None,
    ) -> Segmentation:
        """Move the outlines of a mask.

        ``labels``: (H, W) integers or bool, indices into ``classes``. Without ``classes``, values
        are taken for classes as those of mask files are: 0 and one other are background and
        foreground, smeared borders and strays go to a class beside them, and 255 in uint8, where it
        looks like void, to what is nearest.
        ``source``: the image, (H, W) like the mask; see ``Segmenter``. ``objects``: (H, W)
        numbers of objects, which stay apart where they touch. ``cell_px``: how far off the outlines
        may be, about; the first look goes twice that far to either side. ``channels``: of the
        image, see ``read_image``; those of the refiner, if not given.

        The result's ``labels`` are indices into its ``classes``; ``refined`` has the outlines with
        their errors. Raises ``SegfitError`` for an image that cannot be read, and for labels of
        another size or type, of no class, of a single class that nobody named, or ignored all over.
        """
        image = read_image(source, channels=choose_channels(channels, self.card.channels))
        check_size(image, name_source(source))
        indices, table = index_labels(labels, classes)
        if objects is not None:
            objects = as_array(objects, needed=OBJECTS_NEEDED)
            if objects.dtype.kind not in "ui":
                raise SegfitError(
                    f"objects are {objects.dtype}; expected whole numbers, 0 for none"
                )
        for name, grid in (("labels", indices), ("objects", objects)):
            if grid is not None and grid.shape != image.shape[:2]:
                raise SegfitError(
                    f"{name} are {_show_shape(grid)} but the image is {_show_shape(image)} "
                    "(height × width): resize one of them"
                )
        refined = self.refine(trace_objects(indices, objects), image, cell_px=cell_px)
        return Segmentation(
            image=image,
            source=refined,
            classes=table,
            image_name=file_name(source),
            model_name=self.card.name,
        )

    def refine(self, partition: Partition, image: UInt8Array, *, cell_px: float) -> Partition:
        """Move the outlines of a planar map over an image, (H, W, 3) uint8 RGB, of its shape.

        ``cell_px``: how far off they may be, about; above 0 and at most 64. Raises ``SegfitError``
        for another distance, a partition of another shape, and one whose borders cross.
        """
        check_given(partition, image, cell_px=cell_px)
        card = self.card.regressor
        session = self._sessions[card.architecture.NAME]
        network = OutlineNetwork(session.run, card.architecture, card.temperature)
        refined, _ = refine_outlines(partition, image, network=network, cell_px=cell_px)
        return refined

    def __repr__(self) -> str:
        """What it is and how it works, on a few lines."""
        lines = [
            f"<Refiner {self.card.name}",
            "moves the outlines of any mask, and says how far off each point may be",
            *describe_networks(self.card, self._sessions),
        ]
        return "\n  ".join(lines) + ">"


def load_refiner(
    model: str | Path,
    *,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
) -> Refiner:
    """Load a shipped refiner by its name, or a ``.segfit`` file that holds one by its path.

    ``backend``, ``device``, ``threads``: as ``load`` takes them. Raises ``SegfitError`` for a name
    that does not exist, a file that is not a good refiner, and a device that cannot be used.
    """
    contents = read_refiner(find_model(model))
    sessions = open_sessions(contents, backend=backend, device=device, threads=threads)
    return Refiner(contents.card, sessions)


def index_labels(labels: NDArray[Any], classes: ClassTable | None) -> tuple[UInt8Array, ClassTable]:
    """Turn labels (H, W) into class indices or ``IGNORE``, and name the classes if need be."""
    labels = as_array(labels, needed=LABELS_NEEDED)
    if labels.ndim != 2 or labels.dtype.kind not in "bui" or labels.size == 0:
        raise SegfitError(
            f"labels are {labels.dtype} of shape {labels.shape}; expected a grid (H, W) of whole "
            "numbers or bool, such as mask.astype('uint8')"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > LARGEST_VALUE:
        raise SegfitError(f"labels are from {low} to {high}; expected 0 to {LARGEST_VALUE}")
    if classes is None:
        is_8_bit = labels.dtype.itemsize == 1
        values = labels.astype(np.uint8 if is_8_bit else np.uint16)
        given = tally_stored(MaskValues(values, colors=None, is_lossy=False), "labels")
        try:
            found = name_values([given])
        except SegfitError as error:
            raise SegfitError(f"{error}; with an array, give its classes=") from None
        return found.code.decode(values, "labels").labels, found.table
    foreign = np.unique(labels[(labels >= len(classes)) & (labels != IGNORE)])
    if foreign.size:
        raise SegfitError(
            f"labels have the value {foreign[0]}, but there are {len(classes)} classes: give 0 to "
            f"{len(classes) - 1}, or {IGNORE} for pixels of no class"
        )
    return labels.astype(np.uint8), classes


def trace_objects(labels: UInt8Array, objects: NDArray[np.integer] | None) -> Partition:
    """The planar map of class indices, in which objects of different numbers have a border.

    Ignored pixels go to what is nearest.
    """
    if (labels == IGNORE).all():
        raise SegfitError(f"every pixel is ignored ({IGNORE}): label at least one class")
    numbers = None if objects is None else _narrow(objects)
    return partition_of(fill_ignored(LabelGrid(labels, numbers)))


def _narrow(objects: NDArray[np.integer]) -> Int32Array:
    """Object numbers in 32 bits; counted anew where they do not fit, 0 staying 0."""
    if objects.size and objects.max() > np.iinfo(np.int32).max:
        objects = np.unique(np.append(0, objects), return_inverse=True)[1][1:].reshape(
            objects.shape
        )
    return objects.astype(np.int32)


def _show_shape(grid: NDArray[Any]) -> str:
    return "×".join(map(str, grid.shape[:2]))
