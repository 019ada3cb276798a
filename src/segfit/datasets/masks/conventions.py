"""Where images and their masks lie: a table of the names that people give to such folders.

- ``images/`` and ``masks/`` under any of their names, in the folder or in each of its splits;
- ``images/train/`` and ``masks/train/``, and so on;
- ``train/`` and ``train_masks/``, and so on;
- ``masks/`` and ``classes.json`` in the very folder whose images they label;
- ``a.jpg`` and ``a_mask.png`` in one folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.text import list_first
from segfit.datasets.layout import (
    SPLIT_FOLDERS,
    find_splits,
    index_by_stem,
    list_folders,
    name_split,
)
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.datasets.masks.pairs import MASK_WORDS, drop_image_word, drop_mask_word, split_words
from segfit.errors import SegfitError
from segfit.imaging.find import list_images

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "frames", "img_dir", "pictures", "photos")
MASK_FOLDERS = (
    "masks", "mask", "labels", "label", "annotations", "annotation", "ann_dir", "ground_truth",
    "groundtruth", "gt", "segmentations", "segmentation", "seg",
)  # fmt: skip
MASK_FOLDERS_BESIDE = ("masks", "mask", "labels", "label", "annot", "annotations", "gt")
"""What follows the name of a split, as in ``train_masks`` and ``trainannot``."""
OBJECTS_FOLDER = "instances"
LABEL_FOLDERS = ("masks", OBJECTS_FOLDER)
"""What lies among the images that it labels, and is none of them."""
NAME_LISTS = ("classes", "labels", "names", "readme")
"""Text files that may lie beside masks."""
LOSSY_SUFFIXES = (".jpg", ".jpeg", ".jpe")


@dataclass(frozen=True)
class MaskFolders:
    """A split: images and masks by name, and what to call the place; ``objects`` number objects."""

    where: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    objects: Mapping[str, Path]


def find_mask_folders(root: Path) -> dict[str, MaskFolders]:
    """The splits of a folder that has folders of images and of masks; empty where it has none.

    Raises SegfitError where two folders of images, or of masks, could be meant.
    """
    splits = find_splits(root, is_split=lambda folder: choose_folders(folder) is not None)
    found: dict[str, MaskFolders] = {}
    for split, folder in splits.items():
        images, masks = choose_folders(folder) or (folder, folder)
        found |= _divide(images, masks, split=split, where=folder)
    return found or _find_beside(root)


def choose_folders(folder: Path) -> tuple[Path, Path] | None:
    """A folder's folder of images and its folder of masks; None where either is missing."""
    named = [(_fold(inner.name), inner) for inner in list_folders(folder)]
    images = [inner for name, inner in named if name in IMAGE_FOLDERS]
    masks = [inner for name, inner in named if name in MASK_FOLDERS]
    if len(masks) > 1 or not any(_fold(inner.name) == "masks" for inner in masks):
        masks = [inner for inner in masks if images and _holds_masks(inner)]
    for several, what in ((images, "images"), (masks, "masks")):
        if images and masks and len(several) > 1:
            raise SegfitError(
                f"{folder} has several folders of {what} "
                f"({list_first([f'{inner.name}/' for inner in several], limit=5)}): leave the one "
                "that you mean, and move the others elsewhere"
            )
    return (images[0], masks[0]) if images and masks else None


def find_masks_within(root: Path) -> dict[str, MaskFolders]:
    """The images of a folder that has ``masks/`` and ``classes.json`` among them; empty without.

    So a folder of photos looks after it was labelled where it lay. Whatever the names of its
    subfolders, masks have the same ones: ``day 1/a.jpg`` and ``masks/day 1/a.png``. A folder with
    ``images/`` is another matter, and so is one whose masks are those of a folder of images in it.
    """
    folders = {_fold(inner.name): inner for inner in list_folders(root)}
    if "masks" not in folders or "images" in folders or not (root / CLASS_FILE_NAME).is_file():
        return {}
    names, masks = {*_list_deeper(root)}, {*_list_deeper(folders["masks"])}
    if not names & masks or (not masks <= names and choose_folders(root)):
        return {}
    return _divide(root, folders["masks"], split="train", where=root)


def find_neighbours(root: Path) -> dict[str, MaskFolders]:
    """The splits of a folder in which every image has its mask beside it, under another name.

    A mask is told by a word in its name, such as ``_mask``; where there is none, by its suffix,
    JPEG being the image. Where neither the folder nor its splits hold such pairs, its folders are
    looked through for them, as they may be one a patient.
    """
    splits = find_splits(root, is_split=lambda folder: bool(_tell_masks(_index(folder))))
    if splits:
        found = {split: _index(folder) for split, folder in splits.items()}
    else:
        inner = [_index(folder, base=root) for folder in list_folders(root)]
        joined = {name: path for files in inner for name, path in files.items()}
        found = {"train": joined} if _tell_masks(joined) else {}
    neighbours = {}
    for split, files in found.items():
        masks = _tell_masks(files)
        images = {name: path for name, path in files.items() if name not in masks}
        where = str(splits.get(split, root))
        neighbours[split] = MaskFolders(where, _drop_suffixes(images), _drop_suffixes(masks), {})
    return neighbours


def _divide(images: Path, masks: Path, *, split: str, where: Path) -> dict[str, MaskFolders]:
    """A pair of folders, or the splits that lie within both, or all that lies deeper in both."""
    inner = {name_split(folder.name): folder for folder in list_folders(images)}
    inner_masks = {name_split(folder.name): folder for folder in list_folders(masks)}
    shared = [name for name in SPLIT_FOLDERS if name in inner and name in inner_masks]
    objects = where / OBJECTS_FOLDER
    if shared and not list_images(images):
        return {
            name: _list_both(
                inner[name],
                inner_masks[name],
                objects / inner[name].name,
                where=f"{inner[name]} and {inner_masks[name]}",
            )
            for name in shared
        }
    return {split: _list_both(images, masks, objects, where=str(where))}


def _list_both(images: Path, masks: Path, objects: Path, *, where: str) -> MaskFolders:
    """The images and masks of two folders; of all folders within, where those of both agree."""
    within = masks.parent == images
    deeper = _list_deeper(masks)
    if within or any("/" in name for name in deeper):
        found = _list_deeper(images)
        if within or any("/" in name for name in deeper.keys() & found):
            return MaskFolders(where, found, deeper, _index_objects(objects))
    return MaskFolders(where, list_deep(images), list_deep(masks), _index_objects(objects))


def _find_beside(root: Path) -> dict[str, MaskFolders]:
    """Splits whose masks lie in a folder beside theirs, as ``train/`` and ``train_masks/`` do."""
    folders = {_fold(folder.name): folder for folder in list_folders(root)}
    found: dict[str, MaskFolders] = {}
    for split, names in SPLIT_FOLDERS.items():
        for name in names:
            masks = [
                folders[name + sign + ending]
                for ending in MASK_FOLDERS_BESIDE
                for sign in ("_", "")
                if name + sign + ending in folders and name in folders
            ]
            if masks and _holds_masks(masks[0]):
                where = f"{folders[name]} and {masks[0]}"
                found[split] = MaskFolders(where, list_deep(folders[name]), list_deep(masks[0]), {})
    return found


def _holds_masks(folder: Path) -> bool:
    """Whether a folder, or one within, has images, and no label files that outlines are drawn in.

    A JSON file is one; text files are where they are about as many as the images.
    """
    folders = [folder, *list_folders(folder)]
    images = sum(len(list_images(inner)) for inner in folders)
    files = [path for inner in folders for path in inner.iterdir()]
    texts = [p for p in files if p.suffix.lower() == ".txt" and p.stem.lower() not in NAME_LISTS]
    drawn = any(path.suffix.lower() == ".json" for path in files) or 2 * len(texts) >= images
    return images > 0 and not drawn


def list_deep(folder: Path) -> dict[str, Path]:
    """A folder's images by stem; where it has none, those of its folders by path."""
    if not folder.is_dir():
        return {}
    here = index_by_stem(folder)
    return here or {
        f"{inner.name}/{stem}": path
        for inner in list_folders(folder)
        for stem, path in index_by_stem(inner).items()
    }


def _list_deeper(folder: Path, *, at: str = "") -> dict[str, Path]:
    """The images of a folder and of all within by path, but for those that label the others."""
    if not folder.is_dir():
        return {}
    found = {at + stem: path for stem, path in index_by_stem(folder).items()}
    for inner in list_folders(folder):
        if at or _fold(inner.name) not in LABEL_FOLDERS:
            found |= _list_deeper(inner, at=f"{at}{inner.name}/")
    return found


def _index_objects(folder: Path) -> dict[str, Path]:
    """Masks that number objects, by image; ``segfit predict`` calls them ``X_instances.png``."""
    return {name.removesuffix(f"_{OBJECTS_FOLDER}"): p for name, p in _list_deeper(folder).items()}


def _index(folder: Path, *, base: Path | None = None) -> dict[str, Path]:
    """A folder's images by their path below ``base``, with suffix."""
    if not folder.is_dir():
        return {}
    return {path.relative_to(base or folder).as_posix(): path for path in list_images(folder)}


def _tell_masks(files: Mapping[str, Path]) -> dict[str, Path]:
    """Those of the files that are another one's mask."""
    stems = {name: name.removesuffix(path.suffix) for name, path in files.items()}
    is_mask = {name: bool(MASK_WORDS & {*split_words(stem)}) for name, stem in stems.items()}
    images = {
        key
        for name, stem in stems.items()
        if not is_mask[name]
        for key in (split_words(stem), drop_image_word(stem))
    }
    masks = {
        name: path
        for name, path in files.items()
        if is_mask[name] and drop_mask_word(stems[name]) in images
    }
    if masks:
        return {name: path for name, path in files.items() if is_mask[name]}
    photos = {stem for name, stem in stems.items() if files[name].suffix.lower() in LOSSY_SUFFIXES}
    others = {n: p for n, p in files.items() if p.suffix.lower() not in LOSSY_SUFFIXES}
    return others if others and all(stems[name] in photos for name in others) else {}


def _drop_suffixes(files: Mapping[str, Path]) -> dict[str, Path]:
    """The same by name without suffix; SegfitError where two share one."""
    found: dict[str, Path] = {}
    for name, path in files.items():
        stem = name.removesuffix(path.suffix)
        if stem in found:
            raise SegfitError(
                f"{path.parent}: {found[stem].name} and {path.name} share a name, by which images "
                "are paired with their labels: rename one"
            )
        found[stem] = path
    return found


def _fold(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
