"""A folder an image, a mask an object: ``ID/images/ID.png`` and ``ID/masks/*.png``.

Kaggle's Data Science Bowl 2018 lies like this.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import Layout, check_same_size, find_splits, list_folders, name_split
from segfit.datasets.masks.reading import read_mask_values
from segfit.datasets.painting import PaintedObject, paint_objects
from segfit.errors import SegfitError
from segfit.imaging.find import list_images
from segfit.imaging.read import read_image

IMAGES, MASKS = "images", "masks"


def find_object_folders(
    root: Path, *, strict: bool, on_progress: OnProgress | None
) -> Finding | None:
    """Find the folders of one image and the masks of its objects; None where there are none.

    They may lie in folders of splits, and in ``stage1_train`` as Kaggle's do. A folder without
    masks is unlabelled and left out with a note.
    """
    staged = root / "stage1_train"
    splits = find_splits(staged if staged.is_dir() else root, is_split=_holds_objects)
    if not splits:
        return None
    sources: dict[str, tuple[Source, ...]] = {}
    bare: list[str] = []
    for split, folder in splits.items():
        cases = [case for case in list_folders(folder) if (case / IMAGES).is_dir()]
        labelled = [case for case in cases if _holds_images(case / MASKS)]
        bare += [case.name for case in cases if case not in labelled]
        sources[split] = tuple(Source(c.name, partial(read_object_masks, c)) for c in labelled)
    notes = ["A folder an image, a mask an object: every mask is one object."]
    if bare:
        problem = f"{count_noun(len(bare), 'folder')} without masks left out ({list_first(bare)})"
        if strict:
            raise SegfitError(f"{problem}: label the images or take them away")
        notes.append(f"{problem}.")
    table = ClassTable.from_names(("background", "object"), object_classes=(1,))
    return Finding(table, sources, notes=tuple(notes))


def read_object_masks(folder: Path) -> Reading:
    """Read a folder's image and paint its masks, in the order of their names."""
    images = list_images(folder / IMAGES)
    if len(images) != 1:
        raise SegfitError(
            f"{folder / IMAGES} has {count_noun(len(images), 'image')}; the masks beside it are of "
            "one: leave one"
        )
    image = read_image(images[0])
    return paint_objects(image, _read_objects(folder / MASKS, image.shape[:2], images[0]))


def _read_objects(folder: Path, size: tuple[int, ...], image_path: Path) -> Iterator[PaintedObject]:
    for number, path in enumerate(list_images(folder), start=1):
        values = read_mask_values(path, by_color=True)
        if values.ndim == 3:
            raise SegfitError(f"{path} has colors; the mask of an object is black and white")
        check_same_size(size, values.shape, image_path=image_path, mask=path)
        # A border may be smeared: what is nearer to the brightest value than to 0 is the object.
        yield PaintedObject(values > int(values.max()) // 2, 1, number)


def _holds_objects(folder: Path) -> bool:
    """Whether there are folders of one image and of masks; the first of many tells."""
    return any(
        _holds_images(case / MASKS) and len(list_images(case / IMAGES)) == 1
        for case in list_folders(folder)
        if (case / IMAGES).is_dir() and name_split(case.name) is None
    )


def _holds_images(folder: Path) -> bool:
    return folder.is_dir() and bool(list_images(folder))


LAYOUT = Layout("ID/images/ID.png and ID/masks/*.png (Data Science Bowl)", find_object_folders)
