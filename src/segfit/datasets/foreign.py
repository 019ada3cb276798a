"""Labels of tools whose files are not read, recognized so that a refusal can name them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from segfit.datasets.json_files import has_keys

Told = Callable[[Path], bool]

_LOOKED_AT = 3
"""Files of one pattern and depth that are opened; those of one tool are alike."""
_DEPTH = 3
"""Levels of folders that are looked through."""
_HEAD_BYTES = 4096


def _begins_with(*words: str) -> Told:
    """Tell a file by words that all stand near its beginning."""

    def tell(path: Path) -> bool:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode(errors="replace")
        return all(word in head for word in words)

    return tell


def _has(*keys: str) -> Told:
    """Tell a JSON file by its keys."""
    return partial(_has_keys, keys)


def _has_keys(keys: tuple[str, ...], path: Path) -> bool:
    return has_keys(path, *keys)


def _by_name(path: Path) -> bool:
    return path.is_file()


_COCO = "export COCO from there"
_KINDS: tuple[tuple[str, Told, str, str], ...] = (
    ("*.xml", _begins_with("<annotations", "<image "), 'is "CVAT for images"',
     'export "Segmentation mask 1.1" or "COCO 1.0" from CVAT'),
    ("*.xml", _begins_with("<annotation", "<bndbox"), "has boxes (Pascal VOC, for detection)",
     "segmentation needs outlines or masks"),
    ("*.json", _has("item", "annotations"), "is Darwin JSON (V7)", _COCO),
    ("*.json", _has("label_classes", "images"), "is of Hasty", _COCO),
    ("*.json", _has("metadata", "instances"), "is of SuperAnnotate", _COCO),
    ("*.json", _has("dataset", "name"), "is a release of Segments.ai", _COCO),
    ("*.ndjson", _by_name, "is an NDJSON export (Labelbox, Ultralytics)",
     "convert it to COCO with its tool"),
    ("*.manifest", _by_name, "is a manifest of SageMaker Ground Truth",
     "put its masks into masks/, named like their images in images/"),
    ("metadata.jsonl", _by_name, "is an image folder of Hugging Face",
     "put the masks that it names into masks/, named like their images in images/"),
    ("*.parquet", _by_name, "is a table", "save its images and masks into images/ and masks/"),
    ("*.csv", _begins_with("EncodedPixels"), "has run lengths (Kaggle)",
     "decode them into masks/, named like their images in images/"),
    ("*.roi", _by_name, "is of ImageJ's ROI Manager", "save the regions as a label image (TIFF)"),
    ("*RoiSet*.zip", _by_name, "is of ImageJ's ROI Manager",
     "save the regions as a label image (TIFF)"),
    ("*.zip", _by_name, "is packed", "unpack it, and give the folder"),
    ("*.tar*", _by_name, "is packed", "unpack it, and give the folder"),
    ("*.np[yz]", _by_name, "is of NumPy", "save its arrays as TIFF or PNG in images/ and masks/"),
    ("*.mat", _by_name, "is of MATLAB", "save its label images as PNG in masks/"),
    ("*.h5", _by_name, "is HDF5", "save its images as TIFF in images/ and masks/"),
)  # fmt: skip
"""Pattern of a file's name, what else tells it, what it is, and what to do."""


def describe_foreign(root: Path) -> str | None:
    """Which file at a path is labels that are not read, and what to do; None for nothing known.

    ``root``: a file, or a folder, with ``_DEPTH`` levels of folders in it.
    """
    for pattern, tell, kind, remedy in _KINDS:
        for path in _find(root, pattern):
            if tell(path):
                return f"{path} {kind}, which segfit does not read: {remedy}"
    return None


def _find(root: Path, pattern: str) -> Iterator[Path]:
    if root.is_file():
        yield from [root] if root.match(pattern) else []
        return
    for depth in range(_DEPTH + 1):
        found = sorted(path for path in root.glob("*/" * depth + pattern) if path.is_file())
        yield from [path for path in found if path.name[0] != "."][:_LOOKED_AT]
