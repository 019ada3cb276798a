"""The worst images of a report: truth, answer and mistakes, each drawn over the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segfit.basics.arrays import Int32Array, IntpArray, UInt8Array
from segfit.classes import DISTINCT_COLORS, IGNORE, ClassTable
from segfit.evaluation.examples import LabelledExample, make_lookup
from segfit.formats.draw import draw_overlay, encode_image
from segfit.result.segmentation import Segmentation

LONGEST_SIDE_PX = 900
SHORTEST_SIDE_PX = 600
"""Of the longer side, too: a small image is enlarged, so that lines do not hide what it shows."""
MOST_ENLARGED = 4.0
QUALITY = 80
IMAGE, TRUTH, MISTAKES = "image", "truth", "mistakes"
WRONG = ClassTable.from_names(("right", "wrong"), colors=((0, 0, 0), (230, 40, 60)))


def draw_pictures(
    example: LabelledExample,
    answers: dict[str, tuple[Segmentation, IntpArray]],
    classes: ClassTable,
) -> tuple[dict[str, bytes], tuple[int, int]]:
    """WebP files of an image, its truth, its answers and the first one's mistakes; their size.

    ``answers``: by name, each with the data's index of each of its method's classes. A picture's
    longer side is ``LONGEST_SIDE_PX`` at most. Where truth and all answers have objects, one has
    the color of the true one that it covers most of.
    """
    size = choose_size(example.labels.shape)
    is_smaller = size[0] < example.labels.shape[1]
    kind = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(example.image, size, interpolation=kind), np.uint8)

    def draw(labels: UInt8Array, objects: Int32Array | None) -> bytes:
        shown = None if objects is None else resize_grid(objects, size)
        return encode(draw_overlay(image, resize_grid(labels, size), classes, objects=shown))

    true = example.objects
    if not all(found.classes.object_classes for found, _ in answers.values()):
        true = None
    pictures = {IMAGE: encode(image), TRUTH: draw(example.labels, true)}
    for name, (segmentation, order) in answers.items():
        labels = make_lookup(order)[segmentation.labels]
        objects = None if true is None else number_alike(segmentation.objects, true)
        pictures[name] = draw(labels, objects)
        if MISTAKES not in pictures:
            wrong = (labels != example.labels) & (example.labels != IGNORE)
            grid = resize_grid(wrong.astype(np.uint8), size)
            pictures[MISTAKES] = encode(draw_overlay(image, grid, WRONG, opacity=0.6))
    return pictures, size


def encode(picture: UInt8Array) -> bytes:
    """A picture as WebP."""
    return encode_image(picture, Path("picture.webp"), quality=QUALITY)


def choose_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of the pictures of an image of this height and width.

    >>> choose_size((3000, 4000)), choose_size((256, 320)), choose_size((1, 1))
    ((900, 675), (600, 480), (4, 4))
    """
    longer = max(shape)
    wanted = min(max(longer, SHORTEST_SIDE_PX), LONGEST_SIDE_PX)
    scale = min(wanted / longer, MOST_ENLARGED)
    height, width = (max(1, round(side * scale)) for side in shape)
    return width, height


def number_alike(objects: Int32Array, true: Int32Array) -> Int32Array:
    """Numbers for objects (H, W) that give each the color of the true one it shares most with.

    Numbers differ for different objects; those that share a color differ by a multiple of how many
    colors there are. Objects that cover no true one come after all others.
    """
    colors = len(DISTINCT_COLORS)
    numbers = np.zeros(int(objects.max(initial=0)) + 1, np.int32)
    shared = (objects > 0) & (true > 0)
    pairs, counts = np.unique(np.stack([objects[shared], true[shared]]), axis=1, return_counts=True)
    for place in np.argsort(counts, kind="stable"):
        numbers[pairs[0, place]] = pairs[1, place]  # the last one written shares the most
    used: set[int] = set()
    beyond = (int(true.max(initial=0)) // colors + 1) * colors
    for number in range(1, len(numbers)):
        wanted = int(numbers[number]) or beyond + number
        while wanted in used:
            wanted += colors
        used.add(wanted)
        numbers[number] = wanted
    return np.asarray(numbers[objects])


def resize_grid(grid: UInt8Array | Int32Array, size: tuple[int, int]) -> Any:
    """The values nearest to the centres of more or fewer pixels, of which none is mixed."""
    width, height = size
    rows = ((np.arange(height) + 0.5) * grid.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * grid.shape[1] / width).astype(np.intp)
    return np.ascontiguousarray(grid[np.ix_(rows, columns)])
