"""Regions against what people drew: covering, Rand index, variation of information.

Shapes: ``A``, ``B`` regions of two segmentations of an image. As in Arbeláez et al., PAMI 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from segfit.basics.arrays import Float64Array

Table = Float64Array


@dataclass(frozen=True)
class RegionFigures:
    """How well regions agree with those that people drew, the mean over the people.

    ``covering``: of people's regions by the best found one each, by IoU and area, 0 to 1 (1 is
    best). ``rand_index``: share of pairs of pixels that are together, or apart, in both (1 is
    best). ``variation_of_information``: in bits (0 is best).
    """

    covering: float
    rand_index: float
    variation_of_information: float


def compare_regions(tables: Sequence[Table]) -> RegionFigures:
    """Figures of an image, from one table of common pixels, (A, B), for each person.

    Rows: the found regions; columns: the person's. At least one table is needed.
    """
    return RegionFigures(
        covering=float(np.mean([measure_covering(table) for table in tables])),
        rand_index=float(np.mean([measure_rand_index(table) for table in tables])),
        variation_of_information=float(np.mean([measure_variation(table) for table in tables])),
    )


def count_common(found: NDArray[np.integer], drawn: NDArray[np.integer]) -> Table:
    """Pixels that regions of two grids (H, W) of numbers from 0 have in common, (A, B)."""
    columns = int(drawn.max()) + 1
    codes = found.astype(np.int64).ravel() * columns + drawn.ravel()
    counts = np.bincount(codes, minlength=(int(found.max()) + 1) * columns)
    return np.asarray(counts.reshape(-1, columns), np.float64)


def measure_covering(table: Table) -> float:
    """Best IoU of each column's region with any row's, the mean by area."""
    areas = table.sum(axis=0)
    union = table.sum(axis=1)[:, None] + areas - table
    best = (table / np.maximum(union, 1)).max(axis=0)
    return float((best * areas).sum() / areas.sum())


def measure_rand_index(table: Table) -> float:
    """Share of pairs of pixels on which both agree (Rand, 1971); 1 for a single pixel."""
    pixels = table.sum()
    together, rows, columns = (
        float((part * (part - 1)).sum()) / 2
        for part in (table, table.sum(axis=1), table.sum(axis=0))
    )
    pairs = pixels * (pixels - 1) / 2
    return 1 - (rows + columns - 2 * together) / pairs if pairs else 1.0


def measure_variation(table: Table) -> float:
    """Entropy of each given the other, summed, in bits (Meilă, 2005)."""
    shares = table / table.sum()
    rows, columns, both = (
        -float(xlogy(part, part).sum()) / np.log(2)
        for part in (shares.sum(axis=1), shares.sum(axis=0), shares)
    )
    return float(max(0.0, 2 * both - rows - columns))


def join_rows(table: Table, owners: NDArray[np.integer]) -> Table:
    """The table of regions that others were joined to: rows with the same owner, (A,), summed."""
    joined = np.zeros((int(owners.max()) + 1, table.shape[1]))
    np.add.at(joined, owners, table)
    return joined
