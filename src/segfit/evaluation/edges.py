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
from segfit.basics.progress import OnProgress, Spread, do_in_order
from segfit.basics.show import show_briefly
from segfit.datasets.drawn import DrawnImage
from segfit.edges.finder import EdgeFinder
from segfit.evaluation.counting import count_images
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
    spread: Spread = do_in_order,
    on_progress: OnProgress | None = None,
) -> EdgeReport:
    """Find edges and regions, and compare them at all strengths with what people drew.

    ``spread``: as in ``regions.evaluate``. Raises ``SegfitError`` where there are no images.
    """
    count = EdgeCounter(finder, images, strengths)
    counted = count_images(count, len(images), spread=spread, on_progress=on_progress)
    return _summarise(counted, strengths)


@dataclass(frozen=True, eq=False)
class CountedEdges:
    """What an image adds to a report; ``regions`` by strength."""

    name: str
    counts: EdgeCounts
    regions: tuple[RegionFigures, ...]
    seconds: float

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class EdgeCounter:
    """Finds edges and regions in images, and compares them with what people drew."""

    finder: EdgeFinder
    images: DrawnExamples
    strengths: Float64Array

    __repr__ = show_briefly

    def __call__(self, number: int) -> CountedEdges:
        """What the image with a number, from 0, adds."""
        drawn = self.images[number]
        begin = time.perf_counter()
        edges, hierarchy = self.finder.find(drawn.image)
        seconds = time.perf_counter() - begin
        drawings = drawn.drawings
        finest = [count_common(hierarchy.finest, one.regions) for one in drawings]
        return CountedEdges(
            drawn.name,
            count_edges(edges.thinned, [one.edges for one in drawings], strengths=self.strengths),
            tuple(
                compare_regions(
                    [join_rows(table, hierarchy.name_regions(strength)) for table in finest]
                )
                for strength in self.strengths.tolist()
            ),
            seconds,
        )


def _summarise(images: Sequence[CountedEdges], strengths: Float64Array) -> EdgeReport:
    regions = [one.regions for one in images]
    coverings = np.array([[one.covering for one in row] for row in regions])
    best = int(coverings.mean(axis=0).argmax())
    each = [row[int(index)] for row, index in zip(regions, coverings.argmax(axis=1), strict=True)]
    rows = [
        ImageEdges(one.name, float(one.counts.f.max()), float(covering))
        for one, covering in zip(images, coverings.max(axis=1), strict=True)
    ]
    return EdgeReport(
        images=len(images),
        edges=summarise_edges([one.counts for one in images], strengths=strengths),
        regions=_average([row[best] for row in regions]),
        regions_strength=float(strengths[best]),
        regions_each=_average(each),
        seconds_per_image=median(one.seconds for one in images),
        rows=tuple(sorted(rows, key=lambda row: row.f)),
    )


def _average(figures: Sequence[RegionFigures]) -> RegionFigures:
    return RegionFigures(
        covering=float(np.mean([one.covering for one in figures])),
        rand_index=float(np.mean([one.rand_index for one in figures])),
        variation_of_information=float(np.mean([one.variation_of_information for one in figures])),
    )
