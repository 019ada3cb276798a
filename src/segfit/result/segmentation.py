"""The result of segmenting an image."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from segfit.arrays import BoolArray, Float32Array, Float64Array, Int32Array, UInt8Array
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.geometry import Ring, measure_coverage
from segfit.partition import (
    Partition,
    partition_of,
    rasterize,
    rasterize_labels,
    simplify_arcs,
    smooth_arcs,
)
from segfit.result.edges import FoundEdges
from segfit.result.regions import FindBoxes, Region, collect_regions, number_instances
from segfit.result.scores import Scores


@dataclass(frozen=True)
class ClassSummary:
    """What an image holds of one class.

    ``area_px`` in pixels; ``share`` of the image, 0 to 1; ``regions``: connected ones, diagonal
    neighbours joined; ``instances``, None for a class without; ``mean_probability`` over the
    class's area, on the grid of the scores' samples; None without scores, or where no sample lies
    in it.
    """

    name: str
    area_px: int
    share: float
    regions: int
    instances: int | None
    mean_probability: float | None


@dataclass(frozen=True)
class Segmentation:
    """Labels of an image's pixels, the regions that they make, and what can be said of them.

    ``image``: (H, W, 3) uint8 RGB. ``labels``: (H, W) uint8 indices into ``classes``.
    ``scores``: the network's own, None for a method that has none. ``image_name`` and
    ``model_name``: the image's file and the model, where known, for formats that note them.
    ``refined``: regions whose borders are known better than to a pixel, and whose pixels are
    ``labels``; None where the borders are those of the pixels. ``objects``: (H, W) numbers of the
    objects that the pixels belong to, where touching objects are told apart and nothing is refined;
    None where every connected region is one. ``points_put_back``: how many of
    their points stayed behind in a pass, since borders would have crossed. ``find_boxes``: gives
    the rectangles that a network moved, see ``collect_regions``. ``edges``: where regions were made
    from edges. ``note``: what the user should know of how the regions came about.
    """

    image: UInt8Array
    labels: UInt8Array
    classes: ClassTable
    scores: Scores | None = None
    image_name: str | None = None
    model_name: str | None = None
    refined: Partition | None = None
    objects: Int32Array | None = None
    points_put_back: int = 0
    find_boxes: FindBoxes | None = None
    edges: FoundEdges | None = None
    note: str = ""

    @cached_property
    def partition(self) -> Partition:
        """The planar map of all regions, the background's included: neighbours share one border."""
        return partition_of(self.labels, self.objects) if self.refined is None else self.refined

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Every region of every class but the background; empty where there is none."""
        return collect_regions(
            self.partition,
            self.classes,
            self._score_regions(),
            self.find_boxes,
        )

    @cached_property
    def instances(self) -> Int32Array:
        """Number of each pixel's instance, (H, W) int32, 0 = none; ``Region.instance`` has it, too.

        Every region of a class that has instances is one; they are numbered from 1.
        """
        numbers = number_instances(self.partition, self.classes)
        return np.asarray(numbers[rasterize(self.partition)], np.int32)

    @cached_property
    def probabilities(self) -> Float32Array | None:
        """Class probabilities (K, H, W) float32, or None for a method without scores."""
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
        return replace(self, labels=rasterize_labels(simplified), refined=simplified)

    def smooth(self, rounds: int) -> Segmentation:
        """The same without the stairs of pixels; see ``partition.smooth_arcs``.

        A border is smoothed once for both its regions. Raises ``SegfitError`` for rounds below 0.
        """
        if rounds < 0:
            raise SegfitError(f"smoothing takes 0 rounds or more, given {rounds}")
        smoothed = smooth_arcs(self.partition, rounds)
        return replace(self, labels=rasterize_labels(smoothed), refined=smoothed)

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
        """Draw classes and instances over the image, (H, W, 3) uint8; see ``formats.overlay``."""
        from segfit.formats.overlay import draw_overlay

        return draw_overlay(
            self.image,
            self.labels,
            self.classes,
            instances=self.instances if self.classes.things else None,
            opacity=opacity,
            legend=legend,
        )

    def save(
        self, path: str | os.PathLike[str], *, format: str | None = None, force: bool = False
    ) -> None:
        """Write a file of the kind that its suffix names, or ``format``.

        ``.png``: mask; ``.jpg``, ``.jpeg``, ``.webp``: overlay; ``.json``: summary; ``.npz``:
        probabilities; ``.geojson``, ``.svg``: regions. ``format``: a name in ``formats.FORMATS``,
        such as "coco". Raises ``SegfitError`` for another suffix or format, or where the file
        exists (unless ``force``) or cannot be written.
        """
        from segfit.formats import FORMATS, WRITER_OF_SUFFIX

        suffix = Path(path).suffix.lower()
        if format is not None and format not in FORMATS:
            raise SegfitError(f"unknown format {format}: choose from {', '.join(FORMATS)}")
        if format is None and suffix not in WRITER_OF_SUFFIX:
            raise SegfitError(
                f"cannot tell from the suffix {suffix!r} of {path} what to write: use one of "
                f"{', '.join(WRITER_OF_SUFFIX)}, or name a format ({', '.join(FORMATS)})"
            )
        write = WRITER_OF_SUFFIX[suffix] if format is None else FORMATS[format].write
        write(self, path, force=force)

    @cached_property
    def _sampled_probabilities(self) -> Float32Array | None:
        """Class probabilities (K, h, w) on the grid that shows all that the scores hold."""
        if self.scores is None:
            return None
        return self.scores.to_probabilities(shape=self.scores.outline_shape)

    def _score_regions(self) -> Float64Array | None:
        """Mean probability of each region's class over its samples, (R,), NaN for one without.

        Where objects are told apart, times how sure the region is to have a centre, as
        Panoptic-DeepLab scores instances.
        """
        probabilities = self._sampled_probabilities
        if probabilities is None:
            return None
        height, width = probabilities.shape[1:]
        partition = self.partition.stretch((height, width))
        of_pixels = rasterize(partition).ravel()
        totals = np.zeros(partition.region_count)
        for label, plane in enumerate(probabilities):
            chosen = partition.labels[of_pixels] == label
            totals += np.bincount(
                of_pixels[chosen], weights=plane.ravel()[chosen], minlength=len(totals)
            )
        counts = np.bincount(of_pixels, minlength=len(totals))
        known = (counts > 0) & (partition.labels < len(probabilities))
        scores = np.full(len(totals), np.nan)
        scores[known] = totals[known] / counts[known]
        assert self.scores is not None
        centres = self.scores.to_centres((height, width))
        if centres is not None:
            surest = np.zeros(len(totals), np.float32)
            np.maximum.at(surest, of_pixels, centres.ravel())
            is_thing = np.isin(partition.labels, self.classes.things)
            scores[is_thing] *= surest[is_thing]
        return scores

    def _summarise(self, index: int) -> ClassSummary:
        mask = self.labels == index
        area_px = int(np.count_nonzero(mask))
        regions = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)[0] - 1
        return ClassSummary(
            name=self.classes.names[index],
            area_px=area_px,
            share=area_px / mask.size,
            regions=regions,
            instances=int(np.count_nonzero(self.partition.labels == index))
            if index in self.classes.things
            else None,
            mean_probability=self._average_probability(index, mask),
        )

    def _average_probability(self, index: int, mask: BoolArray) -> float | None:
        """Mean probability of a class over the samples in a mask (H, W), None without any."""
        probabilities = self._sampled_probabilities
        if probabilities is None:
            return None
        size = probabilities.shape[:0:-1]
        samples = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(bool)
        return float(probabilities[index][samples].mean()) if samples.any() else None


class Method(Protocol):
    """Image in, segmentation out: learned or classical."""

    @property
    def classes(self) -> ClassTable:
        """The classes that the method tells apart."""
        ...

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        ...


Progress = Callable[[int, int], None]
"""Called with the number of things done and their total."""
