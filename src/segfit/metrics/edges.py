"""Edges against what people drew: precision and recall with every pixel matched once.

Shapes: ``H, W`` an image; ``T`` strengths at which an edge map is cut. As in the Berkeley
segmentation benchmark (Martin et al., PAMI 2004; Arbeláez et al., PAMI 2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow
from skimage.morphology import thin

from segfit.basics.arrays import BoolArray, Float32Array, Float64Array, Int64Array

REACH_SHARE = 0.0075
"""How far apart matched pixels may be, as a share of the image's diagonal."""
STRENGTHS = np.arange(1, 100) / 100
RECALL_STEPS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class EdgeCounts:
    """Edge pixels of an image at every strength, (T,) each.

    ``found``, and of these ``found_matched`` with any person's; ``drawn`` by all people together,
    and of these ``drawn_matched``.
    """

    found: Int64Array
    found_matched: Int64Array
    drawn: Int64Array
    drawn_matched: Int64Array

    def __add__(self, other: EdgeCounts) -> EdgeCounts:
        return EdgeCounts(
            self.found + other.found,
            self.found_matched + other.found_matched,
            self.drawn + other.drawn,
            self.drawn_matched + other.drawn_matched,
        )

    def at(self, index: int) -> EdgeCounts:
        """The counts at one strength."""
        chosen = slice(index, index + 1)
        return EdgeCounts(
            self.found[chosen],
            self.found_matched[chosen],
            self.drawn[chosen],
            self.drawn_matched[chosen],
        )

    @property
    def precision(self) -> Float64Array:
        """Share of found pixels that are right, (T,); 1 where none was found."""
        return np.where(self.found > 0, self.found_matched / np.maximum(self.found, 1), 1.0)

    @property
    def recall(self) -> Float64Array:
        """Share of drawn pixels that were found, (T,); 1 where none was drawn."""
        return np.where(self.drawn > 0, self.drawn_matched / np.maximum(self.drawn, 1), 1.0)

    @property
    def f(self) -> Float64Array:
        """Harmonic mean of precision and recall, (T,)."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / np.where(total > 0, total, 1.0)


@dataclass(frozen=True)
class EdgeFigures:
    """What a data set's images amount to.

    ``ods``: F at the one strength, ``ods_strength``, that is best for all images together.
    ``ois``: F with the best strength for each image. ``ap``: mean precision over all recalls.
    ``precision`` and ``recall`` are those at ``ods_strength``.
    """

    ods: float
    ods_strength: float
    precision: float
    recall: float
    ois: float
    ap: float


def summarise_edges(
    images: Sequence[EdgeCounts], *, strengths: Float64Array = STRENGTHS
) -> EdgeFigures:
    """Figures of a data set by the counts of its images, at least one."""
    total = sum(images[1:], images[0])
    best = int(np.argmax(total.f))
    each = [one.at(int(np.argmax(one.f))) for one in images]
    ois = sum(each[1:], each[0])
    return EdgeFigures(
        ods=float(total.f[best]),
        ods_strength=float(strengths[best]),
        precision=float(total.precision[best]),
        recall=float(total.recall[best]),
        ois=float(ois.f[0]),
        ap=measure_average_precision(total),
    )


def measure_average_precision(counts: EdgeCounts) -> float:
    """Area under the precision by recall, which is 0 at recalls that no strength reaches."""
    has_some = counts.found > 0
    recall, order = np.unique(counts.recall[has_some], return_index=True)
    if len(recall) == 0:
        return 0.0
    precision = counts.precision[has_some][order]
    return float(np.interp(RECALL_STEPS, recall, precision, left=0.0, right=0.0).mean())


def count_edges(
    edges: Float32Array,
    drawn: Sequence[BoolArray],
    *,
    strengths: Float64Array = STRENGTHS,
    reach_px: float | None = None,
) -> EdgeCounts:
    """Compare an edge map (H, W), 0 to 1 and thin, with the edges that people drew, (H, W) each.

    At every strength the pixels at or above it are thinned and matched with each person's, one to
    one, within ``reach_px`` (``REACH_SHARE`` of the diagonal). A found pixel is right if any person
    has a partner for it; each person's pixels count for the recall.
    """
    reach = REACH_SHARE * math.hypot(*edges.shape) if reach_px is None else reach_px
    rows = []
    before: tuple[BoolArray, tuple[int, int, int, int]] | None = None
    for strength in strengths.tolist():
        cut = edges >= strength
        if before is None or (cut != before[0]).any():
            before = cut, _count_cut(cut, drawn, reach)
        rows.append(before[1])
    return EdgeCounts(*np.array(rows, np.int64).reshape(-1, 4).T)


def _count_cut(
    cut: BoolArray, drawn: Sequence[BoolArray], reach_px: float
) -> tuple[int, int, int, int]:
    found = np.asarray(thin(cut), np.bool_) if cut.any() else cut
    right = np.zeros(found.shape, bool)
    recalled = 0
    for one in drawn:
        of_found, of_drawn = match_pixels(found, one, reach_px=reach_px)
        right |= of_found
        recalled += int(np.count_nonzero(of_drawn))
    all_drawn = sum(int(np.count_nonzero(one)) for one in drawn)
    return int(np.count_nonzero(found)), int(np.count_nonzero(right)), all_drawn, recalled


def match_pixels(
    first: BoolArray, second: BoolArray, *, reach_px: float
) -> tuple[BoolArray, BoolArray]:
    """Match as many pixels of two masks (H, W) as can be, one to one, at most so far apart.

    Returns the matched ones of either. Found as the largest flow through pairs, by SciPy's Dinic:
    its matching of Hopcroft and Karp took minutes for some pairs of edge maps.

    >>> line = np.zeros((3, 4), bool); line[1] = True
    >>> [int(part.sum()) for part in match_pixels(line, np.roll(line, 1, axis=0), reach_px=1)]
    [4, 4]
    """
    places = np.flatnonzero(first), np.flatnonzero(second)
    matched = np.zeros(first.shape, bool), np.zeros(second.shape, bool)
    rows, columns = _pair_pixels(*places, first.shape, reach_px)
    if len(rows) == 0:
        return matched
    # Nodes: a source, the first's pixels, the second's pixels, a sink.
    sink = len(places[0]) + len(places[1]) + 1
    of_first = np.arange(1, len(places[0]) + 1)
    of_second = np.arange(len(places[0]) + 1, sink)
    begins = np.concatenate([np.zeros_like(of_first), of_first[rows], of_second])
    ends = np.concatenate([of_first, of_second[columns], np.full_like(of_second, sink)])
    capacity = csr_array(
        (np.ones(len(begins), np.int32), (begins, ends)), shape=(sink + 1, sink + 1)
    )
    flow = maximum_flow(capacity, 0, sink, method="dinic").flow
    matched[0].ravel()[places[0][flow[[0]].indices[flow[[0]].data > 0] - 1]] = True
    into_sink = flow[[sink]]  # what flows in is written as what does not flow out
    chosen = into_sink.indices[into_sink.data < 0] - of_second[0]
    matched[1].ravel()[places[1][chosen]] = True
    return matched


def _pair_pixels(
    first: Int64Array, second: Int64Array, shape: tuple[int, ...], reach_px: float
) -> tuple[Int64Array, Int64Array]:
    """Pairs of pixels, given as flat places in a grid (H, W), that are near enough to each other.

    Returns which of the first, and which of the second, each pair has.
    """
    reach = int(reach_px)
    height, width = shape
    numbers = np.full((height + 2 * reach, width + 2 * reach), -1, np.int32)
    numbers[reach : reach + height, reach : reach + width].flat[second] = np.arange(len(second))
    stride = numbers.shape[1]
    starts = (first // width + reach) * stride + first % width + reach
    steps = [
        down * stride + across
        for down in range(-reach, reach + 1)
        for across in range(-reach, reach + 1)
        if math.hypot(down, across) <= reach_px
    ]
    partners = numbers.ravel()[starts[:, None] + np.array(steps)]  # (pixels of the first, steps)
    rows, at = np.nonzero(partners >= 0)
    return rows, partners[rows, at].astype(np.int64)
