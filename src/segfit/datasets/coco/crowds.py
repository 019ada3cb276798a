"""Which annotations with ``iscrowd: 1`` are crowds, and which are objects painted with a brush.

COCO marks regions of many objects that nobody told apart by ``iscrowd: 1``, and writes them as run
lengths. CVAT (through Datumaro) marks *every* mask so, since it takes the word for "is given by run
lengths". Shapes: ``H, W`` the image.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.datasets.coco.content import Annotation, Identity
from segfit.datasets.coco.outlines import is_run_lengths

CROWD_NAME = re.compile(r"crowd|group|ignore", re.IGNORECASE)
MANY_PIECES = 3
PIECE_SHARE = 0.02
"""Of a mask's pixels: smaller pieces are slips of a brush."""
OVERLAP_SHARE = 0.1
RARE = 10
"""Times as many annotations of the category that are no crowds, where crowds are the exception."""
SIGNS_NEEDED = 2


@dataclass(frozen=True)
class CrowdRule:
    """What a file says of its crowds: categories named so, and those in which they are rare."""

    named: frozenset[Identity]
    rare: frozenset[Identity]

    def is_crowd(self, annotation: Annotation, mask: BoolArray, others: BoolArray) -> bool:
        """Whether an annotation that is marked as a crowd is one; ``others``: pixels of the others.

        Polygons are, since no tool marks them so by itself; so is what the category's name says.
        Of run lengths two of three signs are needed: in several pieces, over other objects, and
        rare in the file.
        """
        if not is_run_lengths(annotation.segmentation) or annotation.category_id in self.named:
            return True
        covered = int(np.count_nonzero(mask & others))
        signs = [
            count_pieces(mask) >= MANY_PIECES,
            covered > OVERLAP_SHARE * int(np.count_nonzero(mask)),
            annotation.category_id in self.rare,
        ]
        return sum(signs) >= SIGNS_NEEDED


def find_crowd_rule(annotations: Iterable[Annotation], names: Mapping[Identity, str]) -> CrowdRule:
    """What the annotations of a file say of its crowds; ``names``: of its categories."""
    counts: Counter[tuple[Identity | None, bool]] = Counter(
        (annotation.category_id, bool(annotation.iscrowd)) for annotation in annotations
    )
    rare = {key for key in names if 0 < counts[key, True] * RARE <= counts[key, False]}
    named = {key for key, name in names.items() if CROWD_NAME.search(name)}
    return CrowdRule(frozenset(named), frozenset(rare))


def count_pieces(mask: BoolArray) -> int:
    """How many connected pieces a mask has that are no mere slips of a brush."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int(np.count_nonzero(areas >= PIECE_SHARE * max(1, areas.sum())))
