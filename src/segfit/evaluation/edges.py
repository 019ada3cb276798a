"""Edges over images that people drew → report.

Shapes: ``H, W`` an image; ``T`` strengths.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Protocol

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.progress import OnProgress
from segfit.datasets.drawn import DrawnImage
from segfit.edges.finder import EdgeFinder
from segfit.errors import SegfitError
from segfit.metrics.covering import (
    RegionFigures,
    compare_regions,
    count_common,
    join_rows,
)
from segfit.metrics.edges import (
    STRENGTHS,
    EdgeCounts,
    EdgeFigures,
    count_edges,
    summarise_edges,
)


class DrawnExamples(Protocol):
    """Images with drawings; ``segfit.datasets.drawn.DrawnImages`` are some."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> DrawnImage: ...


@dataclass(frozen=True)
class ImageEdges:
    """An image's best F, and the covering of its people's regions at its best strength."""

    name: str
    f: float
    covering: float


@dataclass(frozen=True, repr=False)
class EdgeReport:
    """How well edges, and the regions that they separate, agree with what people drew.

    ``edges``: see ``EdgeFigures``. ``regions``: at the one strength, ``regions_strength``, at which
    the mean covering is best; ``regions_each``: with the best strength for each image.
    ``seconds_per_image``: the median, with linking and the hierarchy. ``rows``: the worst first.
    """

    images: int
    edges: EdgeFigures
    regions: RegionFigures
    regions_strength: float
    regions_each: RegionFigures
    seconds_per_image: float
    rows: tuple[ImageEdges, ...]

    def to_dict(self) -> dict[str, object]:
        """The report as what JSON can hold."""
        return asdict(self)

    def __repr__(self) -> str:
        """How well edges and regions agree with people's, on a few lines."""
        edges, regions = self.edges, self.regions
        lines = [
            f"<EdgeReport on {self.images} images, {1000 * self.seconds_per_image:.0f} ms each",
            f"edges: ODS {edges.ods:.3f}, OIS {edges.ois:.3f}, AP {edges.ap:.3f}, best at strength "
            f"{edges.ods_strength:.2f}",
            f"regions: covering {regions.covering:.3f}, Rand index {regions.rand_index:.3f}, "
            f"variation of information {regions.variation_of_information:.2f} bits",
        ]
        return "\n  ".join(lines) + ">"


def evaluate_edges(
    finder: EdgeFinder,
    images: DrawnExamples,
    *,
    strengths: Float64Array = STRENGTHS,
    on_progress: OnProgress | None = None,
) -> EdgeReport:
    """Find edges and regions, and compare them at all strengths with what people drew.

    Raises ``SegfitError`` where there are no images.
    """
    if len(images) == 0:
        raise SegfitError("there are no images: nothing can be evaluated")
    names, counts, seconds = [], [], []
    regions: list[list[RegionFigures]] = []  # by image and strength
    for number in range(len(images)):
        drawn = images[number]
        begin = time.perf_counter()
        edges, hierarchy = finder.find(drawn.image)
        seconds.append(time.perf_counter() - begin)
        drawings = drawn.drawings
        counts.append(
            count_edges(edges.thinned, [one.edges for one in drawings], strengths=strengths)
        )
        finest = [count_common(hierarchy.finest, one.regions) for one in drawings]
        regions.append(
            [
                compare_regions(
                    [join_rows(table, hierarchy.name_regions(strength)) for table in finest]
                )
                for strength in strengths.tolist()
            ]
        )
        names.append(drawn.name)
        if on_progress is not None:
            on_progress(number + 1, len(images))
    return _summarise(names, counts, regions, seconds, strengths)


def _summarise(
    names: Sequence[str],
    counts: Sequence[EdgeCounts],
    regions: Sequence[Sequence[RegionFigures]],
    seconds: Sequence[float],
    strengths: Float64Array,
) -> EdgeReport:
    coverings = np.array([[one.covering for one in row] for row in regions])
    best = int(coverings.mean(axis=0).argmax())
    each = [row[int(index)] for row, index in zip(regions, coverings.argmax(axis=1), strict=True)]
    rows = [
        ImageEdges(name, float(one.f.max()), float(covering))
        for name, one, covering in zip(names, counts, coverings.max(axis=1), strict=True)
    ]
    return EdgeReport(
        images=len(names),
        edges=summarise_edges(counts, strengths=strengths),
        regions=_average([row[best] for row in regions]),
        regions_strength=float(strengths[best]),
        regions_each=_average(each),
        seconds_per_image=median(seconds),
        rows=tuple(sorted(rows, key=lambda row: row.f)),
    )


def _average(figures: Sequence[RegionFigures]) -> RegionFigures:
    return RegionFigures(
        covering=float(np.mean([one.covering for one in figures])),
        rand_index=float(np.mean([one.rand_index for one in figures])),
        variation_of_information=float(np.mean([one.variation_of_information for one in figures])),
    )
