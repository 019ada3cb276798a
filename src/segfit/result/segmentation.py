"""The result of segmenting an image."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, Float64Array, Int32Array, UInt8Array, UInt32Array
from segfit.basics.geometry import Ring, measure_coverage
from segfit.basics.text import count_noun
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.draw import draw_overlay
from segfit.formats.html import show_html
from segfit.formats.save import save
from segfit.partition import (
    Filling,
    LabelGrid,
    Partition,
    fill_regions,
    partition_of,
    rasterize,
    rasterize_labels,
    simplify_arcs,
    smooth_arcs,
)
from segfit.result.edges import FoundEdges
from segfit.result.regions import (
    FindBoxes,
    Known,
    Region,
    are_in_results,
    collect_regions,
    number_regions,
)
from segfit.result.scores import Scores
from segfit.result.scoring import score_regions
from segfit.result.summary import ClassSummary

CLASSES_SHOWN = 7
"""Of a result that is printed; the largest first."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels of an image's pixels, the regions that they make, and what can be said of them.

    ``image``: (H, W, 3) uint8 RGB. ``source``: a grid (H, W) of labels, indices into ``classes``,
    or a partition where the borders are known better than to a pixel. ``scores``: the network's
    own, None for a method that has none. ``image_name`` and ``model_name``: the image's file and
    the model, where known, for formats that note them. ``points_put_back``: how many points of the
    borders stayed behind in a pass, since borders would have crossed. ``find_boxes``: gives the
    boxes that a network moved, see ``collect_regions``. ``edges``: where regions were made from
    edges. ``surprise``: how unlike a model's own images the image is, above 1 where 99 of 100 like
    them are more like them; None where that is not known. ``note``: what the user should know of
    how the regions came about. ``image_path``: where the image lies, for formats that point to it.
    """

    image: UInt8Array
    source: LabelGrid | Partition
    classes: ClassTable
    scores: Scores | None = None
    image_name: str | None = None
    model_name: str | None = None
    points_put_back: int = 0
    find_boxes: FindBoxes | None = None
    edges: FoundEdges | None = None
    surprise: float | None = None
    note: str = ""
    image_path: Path | None = None

    @cached_property
    def partition(self) -> Partition:
        """The planar map of all regions, the background's included: neighbours share one border."""
        return partition_of(self.source) if isinstance(self.source, LabelGrid) else self.source

    @property
    def refined(self) -> Partition | None:
        """The partition where borders are known better than to a pixel, else None."""
        return None if isinstance(self.source, LabelGrid) else self.source

    @cached_property
    def labels(self) -> UInt8Array:
        """Class of each pixel, (H, W) uint8, an index into ``classes``."""
        if isinstance(self.source, LabelGrid):
            return self.source.labels
        return self._filling.paint(self.partition.labels)

    @cached_property
    def objects(self) -> Int32Array:
        """Number of each pixel's object, (H, W) int32, 0 = none; see ``Region.object_number``.

        Every region of a class that has objects is one; they are numbered from 1.
        """
        return self._filling.paint(number_regions(self.partition, self.classes).astype(np.int32))

    @property
    def grid(self) -> LabelGrid:
        """Labels and objects of the pixels, as what refines or cleans them wants them."""
        if isinstance(self.source, LabelGrid):
            return self.source
        return LabelGrid(self.labels, self.objects if self.classes.object_classes else None)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Every region of every class but the background; empty where there is none."""
        return collect_regions(self.partition, self.classes, self._score_regions(), self.find_boxes)

    @property
    def probabilities(self) -> Float32Array | None:
        """Class probabilities (K, H, W) float32, or None for a method without scores.

        Computed anew each time that they are asked for: kept, they would be most of a result.
        """
        return None if self.scores is None else self.scores.to_probabilities()

    def summary(self) -> tuple[ClassSummary, ...]:
        """Area, share, regions and mean probability of every class, in the table's order."""
        return tuple(self._summarise(index) for index in range(len(self.classes)))

    def rasterize(self, scale: float = 1.0) -> UInt8Array:
        """Labels at ``scale`` times the image's size, rounded: the borders drawn anew, (h, w).

        A pixel has the label of the region at its centre. Raises ``SegfitError`` unless the scale
        is above 0.
        """
        if not 0 < scale < math.inf:
            raise SegfitError(f"scale is {scale}; expected a number above 0, such as 2")
        return np.asarray(rasterize_labels(self.partition, scale=scale))

    def simplify(self, tolerance_px: float) -> Segmentation:
        """The same with fewer points: no border moves by more than ``tolerance_px``.

        A border is simplified once for both its regions, so there is still no gap and no overlap;
        the errors of the points that stay are as they were. Raises ``SegfitError`` for a tolerance
        below 0.
        """
        if not 0 <= tolerance_px < math.inf:
            raise SegfitError(f"tolerance is {tolerance_px} px; expected 0 or more, such as 0.7")
        simplified = simplify_arcs(self.partition, tolerance_px)
        return replace(self, source=simplified)

    def smooth(self, rounds: int) -> Segmentation:
        """The same without the stairs of pixels; see ``partition.smooth_arcs``.

        A border is smoothed once for both its regions. Raises ``SegfitError`` for rounds below 0.
        """
        if rounds < 0:
            raise SegfitError(f"smoothing takes 0 rounds or more, given {rounds}")
        smoothed = smooth_arcs(self.partition, rounds)
        return replace(self, source=smoothed)

    def to_polygons(self) -> dict[str, list[tuple[Ring, ...]]]:
        """Polygons of every class but the background, by its name; see ``Region.polygon``."""
        polygons: dict[str, list[tuple[Ring, ...]]] = {
            name: []
            for index, name in enumerate(self.classes.names)
            if index != self.classes.background
        }
        for region in self.regions:
            polygons[region.name].append(region.polygon)
        return polygons

    def crop(self, region: Region, *, margin_px: int = 0) -> UInt8Array:
        """Cut a region out of the image, (h, w, 4) uint8 RGBA.

        The smallest window around it and ``margin_px`` more on every side, as far as the image
        goes. Alpha is the share of a pixel that the region covers; colors are the image's.
        """
        bounds = np.array(region.bounds_xyxy)
        left, top = np.maximum(np.floor(bounds[:2]).astype(int) - margin_px, 0).tolist()
        right, bottom = (np.ceil(bounds[2:]).astype(int) + margin_px).tolist()
        window = self.image[top:bottom, left:right]
        rings = [ring - (left, top) for ring in region.polygon]
        height, width = window.shape[:2]
        return np.dstack([window, measure_coverage(rings, height=height, width=width)])

    def overlay(self, *, opacity: float = 0.45, legend: bool = False) -> UInt8Array:
        """Draw classes and objects over the image, (H, W, 3) uint8; see ``formats.draw``."""
        return draw_overlay(
            self.image,
            self.labels,
            self.classes,
            objects=self.objects if self.classes.object_classes else None,
            opacity=opacity,
            legend=legend,
        )

    def save(
        self, path: str | os.PathLike[str], *, format: str | None = None, force: bool = False
    ) -> None:
        """Write a file of the kind that its suffix names, or ``format``: see ``formats.save``."""
        save(self, path, format=format, force=force)

    def __repr__(self) -> str:
        """Image, model, and what each class has of it, on ten lines at most."""
        height, width = self.labels.shape
        name = self.image_name or "an image"
        by = f" by {self.model_name}" if self.model_name else ""
        lines = [f"<Segmentation of {name}, {width}×{height} px{by}"]
        entries = sorted(self.summary(), key=lambda entry: -entry.area_px)
        for entry in entries[:CLASSES_SHOWN]:
            if entry.objects is None:
                counted = count_noun(entry.regions, "region")
            else:
                counted = count_noun(entry.objects, "object")
            lines.append(f"  {entry.name}: {entry.share:.1%}, {counted}")
        if len(entries) > CLASSES_SHOWN:
            more = len(entries) - CLASSES_SHOWN
            lines.append(f"  and {more} more {'class' if more == 1 else 'classes'}")
        lines += [f"  {self.note}"] if self.note else []
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        """Overlay and table, for a notebook."""
        return show_html(self)

    def __getstate__(self) -> dict[str, object]:
        """The fields, for pickling: boxes that a network moves are moved now."""
        state: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.find_boxes is not None:
            state["find_boxes"] = Known(dict(self.find_boxes()))
        return state

    @cached_property
    def _filling(self) -> Filling:
        """The pixels of the regions, found once for labels and objects."""
        return fill_regions(self.partition)

    def _sample_probabilities(self) -> Float32Array | None:
        """Class probabilities (K, h, w) on the grid that shows all that the scores hold."""
        if self.scores is None:
            return None
        return self.scores.to_probabilities(shape=self.scores.outline_shape)

    def _score_regions(self) -> Float64Array | None:
        """See ``score_regions``; None for a method without scores."""
        if self.scores is None:
            return None
        filling = fill_regions(self.partition.stretch(self.scores.outline_shape))
        return score_regions(filling, self.partition.labels, self.scores, self.classes)

    def _summarise(self, index: int) -> ClassSummary:
        mask = self.labels == index
        area_px = int(np.count_nonzero(mask))
        regions = int(np.count_nonzero(self.partition.labels == index))
        return ClassSummary(
            name=self.classes.names[index],
            area_px=area_px,
            share=area_px / mask.size,
            regions=regions,
            objects=regions if index in self.classes.object_classes else None,
            mean_probability=self._mean_probabilities[index],
        )

    @cached_property
    def _mean_probabilities(self) -> tuple[float | None, ...]:
        """Of every class over the samples that have it, None for one without any."""
        probabilities = self._sample_probabilities()
        if probabilities is None:
            return (None,) * len(self.classes)
        size = probabilities.shape[:0:-1]
        samples = cv2.resize(self.labels, size, interpolation=cv2.INTER_NEAREST)
        of_classes = (plane[samples == index] for index, plane in enumerate(probabilities))
        return tuple(float(own.mean()) if own.size else None for own in of_classes)


def paint_numbers(segmentation: Segmentation) -> UInt32Array:
    """Number of each pixel's region, (H, W) uint32: from 1, in the order of ``regions``; 0: none.

    Other than ``Segmentation.objects`` it has the regions of all classes but the background.
    """
    partition, classes = segmentation.partition, segmentation.classes
    counted = are_in_results(partition.labels, classes)
    numbers = (np.cumsum(counted) * counted).astype(np.uint32)
    return np.asarray(numbers[rasterize(partition)])
