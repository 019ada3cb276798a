"""YOLO segmentation labels: a line for each region, ``class x1 y1 x2 y2 …``.

A line is one ring, so a hole is joined to the outline around it by a bridge, a way there and the
same way back, which adds no area.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from segfit.basics.files import FilePath, write_file
from segfit.basics.geometry import Ring
from segfit.classes import ClassTable
from segfit.formats.format import Format, Result
from segfit.result.regions import Region

FOLDER = "yolo"
DECIMALS = 8
"""Of shares of the image's side: less than a thousandth of a pixel in any image."""


def write_yolo(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write every region but the background's, coordinates as shares of width and height.

    Classes are numbered from 0 in the order of the class table, without the background, as
    ``data.yaml`` names them.
    """
    height, width = result.labels.shape
    number_of = {index: number for number, index in enumerate(result.classes.foreground)}
    lines = [
        _format_line(region, number_of[region.label], (width, height)) for region in result.regions
    ]
    write_file(path, "".join(lines).encode(), force=force)


def join_rings(rings: tuple[Ring, ...]) -> Ring:
    """One ring (N, 2) of the same area as an outer ring with its holes.

    Each hole is joined where it comes nearest to what has been joined before.
    """
    from scipy.spatial import cKDTree  # a twentieth of a second, which no other format should wait

    joined, *holes = rings
    for hole in holes:
        distances, nearest = cKDTree(joined).query(hole)
        start = int(np.argmin(distances))
        bridge = int(nearest[start])
        around = np.roll(hole, -start, axis=0)
        joined = np.concatenate([joined[: bridge + 1], around, around[:1], joined[bridge:]])
    return joined


def describe_classes(classes: ClassTable) -> Mapping[str, bytes]:
    """``data.yaml``, as Ultralytics and others read it, for images in ``images/`` beside it."""
    import yaml  # here, as few runs meet any YAML

    names = {number: classes.names[index] for number, index in enumerate(classes.foreground)}
    places = {"path": ".", "train": "images", "val": "images"}
    text = "# Put the images into images/; give training and validation images of their own.\n"
    for content in (places, {"nc": len(names), "names": names}):
        text += yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10**6)
    return {f"{FOLDER}/data.yaml": text.encode()}


def _format_line(region: Region, number: int, size: tuple[int, int]) -> str:
    shares = np.round(join_rings(region.polygon) / size, DECIMALS)
    return " ".join([str(number), *(f"{value:.{DECIMALS}g}" for value in shares.ravel())]) + "\n"


FORMAT = Format(
    "yolo",
    "YOLO segmentation labels",
    ".txt",
    write_yolo,
    folder=f"{FOLDER}/labels",
    companions=describe_classes,
)
