"""Masks that came from anywhere: their images, and their classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.basics.text import list_first
from segfit.batch.run import FailedImage
from segfit.datasets.layout import check_same_size, index_by_stem, name_pair
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.datasets.masks.codes import MaskCode, read_coded_mask
from segfit.datasets.masks.finding import read_or_infer_classes
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.orientation import Turns, find_turns
from segfit.datasets.masks.pairs import Pairing, pair_by_name
from segfit.errors import SegfitError
from segfit.imaging.channels import Channels
from segfit.imaging.orientation import UPRIGHT
from segfit.imaging.read import read_stored
from segfit.imaging.stored import StoredImage

GREY = 128
"""What is shown of an image that there is not."""


@dataclass(frozen=True)
class PairedMasks:
    """Masks by their images, and those that have none."""

    masks: dict[Path, Path]
    unpaired: tuple[FailedImage, ...]


def pair_masks(masks: Sequence[Path], folder: Path) -> PairedMasks:
    """Find the image of each mask in a folder, by its name as ``pair_by_name`` does.

    The masks may lie in the same folder. Raises ``SegfitError`` where no mask has an image, and
    where two masks or two images share a stem.
    """
    if not folder.is_dir():
        raise SegfitError(f"{folder} is not a folder: give the one that holds the masks' images")
    images = index_by_stem(folder, without={mask.resolve() for mask in masks})
    mask_of: dict[str, Path] = {}
    for mask in masks:
        other = mask_of.setdefault(name_pair(mask), mask)
        if other != mask:
            raise SegfitError(
                f"{other} and {mask} share a name; which is what pairs masks "
                "with images: give them one after the other"
            )
    pairing = pair_by_name(images, mask_of, where=folder)
    image_of = {pair.mask: pair.image for pair in pairing.pairs}
    if not image_of:
        raise SegfitError(_describe_lonely(masks, folder, pairing))
    return PairedMasks(
        {image_of[mask]: mask for mask in mask_of.values() if mask in image_of},
        tuple(
            FailedImage(mask, _describe_unpaired(stem, mask, folder, pairing))
            for stem, mask in mask_of.items()
            if mask not in image_of
        ),
    )


def _describe_lonely(masks: Sequence[Path], folder: Path, pairing: Pairing) -> str:
    """Why no mask has an image."""
    if masks[0].resolve().parent == folder.resolve():
        return (
            f"{masks[0]} would be its own image: give the folder of the images, or only those "
            "images of this one that are masks"
        )
    if pairing.unclear:
        return _describe_unpaired(masks[0].stem, masks[0], folder, pairing)
    return (
        f"none of the {len(masks)} masks ({masks[0].name}, …) has an image of the same name "
        f"in {folder}: give the images' folder, or rename the files"
    )


def _describe_unpaired(stem: str, mask: Path, folder: Path, pairing: Pairing) -> str:
    """Why a mask has no image."""
    possible = {image: several for image, several in pairing.unclear.items() if mask in several}
    if not possible:
        return f"no image of the name {stem} in {folder}"
    others = list_first([other.name for other in next(iter(possible.values())) if other != mask])
    return (
        f"it may be the mask of {list_first([image.name for image in possible])}"
        + (f", and so may be {others}" if others else "")
        + ": keep one mask an image, or rename"
    )


def tell_turns(
    pairs: Sequence[tuple[Path, Path]],
    classes: MaskClasses,
    on_note: Callable[[str], None] | None,
) -> Turns:
    """How the masks of turned images lie, of pairs of image and mask; ``on_note`` is told why."""
    turns = find_turns(pairs, classes.code, said=classes.orientation)
    if turns.note and on_note is not None:
        on_note(turns.note)
    return turns


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """A mask, (H, W) labels and objects, and its image, shown and as its file has it.

    Without an image it is shown grey, and there is nothing ``stored``.
    """

    image: UInt8Array
    stored: StoredImage | None
    labels: UInt8Array
    objects: Int32Array | None

    __repr__ = show_briefly


def open_masked_image(
    mask: Path,
    code: MaskCode,
    image: Path | None,
    *,
    orientation: int = UPRIGHT,
    channels: Channels | None = None,
    is_shown: bool = True,
) -> MaskedImage:
    """Read a mask, and its image where it has one; raises ``SegfitError`` where they do not fit.

    ``orientation``: by which the mask is turned, see ``find_turns``. ``channels``: of the image,
    see ``read_image``. ``is_shown``: False where only its values are needed, so that no channels
    need be chosen.
    """
    decoded = read_coded_mask(mask, code).turn(orientation)
    stored = None if image is None else read_stored(image)
    if image is not None and stored is not None:
        shape = stored.values.shape[:2]
        check_same_size(shape, decoded.labels.shape, image_path=image, mask=mask)
    if stored is not None and is_shown:
        shown = stored.show(channels)
    else:
        shown = np.full((*decoded.labels.shape, 3), GREY, np.uint8)
    return MaskedImage(shown, stored, decoded.labels, decoded.objects)


def find_mask_classes(
    masks: Sequence[Path], *, on_progress: OnProgress | None = None
) -> MaskClasses:
    """The classes of masks: from ``classes.json``, or else from their values.

    The file may lie in the masks' folder or up to two above it, as data sets have it. Raises
    ``SegfitError`` where masks have different such files, and where the values do not tell the
    classes, see ``infer_classes``.
    """
    folders = dict.fromkeys(mask.resolve().parent for mask in masks)
    beside = {
        folder: next(
            (
                place / CLASS_FILE_NAME
                for place in (folder, *folder.parents[:2])
                if (place / CLASS_FILE_NAME).is_file()
            ),
            None,
        )
        for folder in folders
    }
    files = list(dict.fromkeys(beside.values()))
    if len(files) > 1:
        named = ", ".join(str(file) for file in files if file)
        raise SegfitError(
            f"the masks are in folders with different classes ({named}): give one folder at a time"
        )
    return read_or_infer_classes(masks, files[0], on_progress=on_progress)
