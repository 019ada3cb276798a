"""Tools that look at the image: regions under the pointer, objects in rectangles, snapping.

Imports that take long are inside functions, so that the page opens at once.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Any

from segfit.basics.arrays import Float64Array
from segfit.basics.geometry import Ring, measure_area
from segfit.errors import SegfitError
from segfit.studio.events import Events
from segfit.studio.images.pixels import OpenImage

if TYPE_CHECKING:
    from segfit.edges.finder import EdgeFinder
    from segfit.refiner import Refiner
    from segfit.studio.proposals.outlines import Snapped
    from segfit.studio.proposals.regions import RegionTree

TREES_BYTES = 200_000_000
THREADS = 1
DETECTOR, REFINER = "learned", "outlines"


class Tools:
    """Answers about images; what takes long is prepared in the background, and kept.

    ``run_in_background``: gives a function and its arguments to another thread.
    """

    def __init__(
        self,
        events: Events,
        *,
        open_image: Callable[[int], OpenImage],
        run_in_background: Callable[..., Future[Any]],
    ) -> None:
        self._events, self._open_image = events, open_image
        self._run_in_background = run_in_background
        self._lock = threading.Lock()
        self._trees: OrderedDict[int, Future[RegionTree | None]] = OrderedDict()

    def prepare(self, image: int) -> Future[RegionTree | None]:
        """Find the regions of an image, if they are not found yet or are on their way."""
        with self._lock:
            found = self._trees.get(image)
            if found is None or (found.done() and found.exception() is not None):
                found = self._trees[image] = self._run_in_background(self._find_tree, image)
            self._trees.move_to_end(image)
            self._drop_oldest()
            return found

    def find_region(
        self,
        image: int,
        x: float,
        y: float,
        *,
        scale: int = 0,
        area_px: float | None = None,
        wait: bool,
    ) -> tuple[list[Ring], float, int, int]:
        """Rings, area in pixels, scale and number of scales of the region at a point.

        ``area_px``: in place of ``scale``, the region whose area is nearest to it, as a ratio.
        Of an image without regions there, or where they are not found yet and nobody is to
        ``wait``, there are no rings and no scales.
        """
        on_its_way = self.prepare(image)
        if not wait and not on_its_way.done():
            return [], 0.0, 0, 0
        tree = on_its_way.result()
        nodes = [] if tree is None else tree.list_scales(x, y)
        if tree is None or not nodes:
            return [], 0.0, 0, 0
        if area_px is None:
            scale = max(0, min(scale, len(nodes) - 1))
        else:
            ratios = [abs(math.log(tree.measure(node) / area_px)) for node in nodes]
            scale = ratios.index(min(ratios))
        return tree.trace(nodes[scale]), tree.measure(nodes[scale]), scale, len(nodes)

    def find_object(self, image: int, box: tuple[float, float, float, float]) -> list[Ring]:
        """The outlines of the object in a rectangle. Raises ``SegfitError`` where there is none."""
        from segfit.studio.proposals.outlines import find_object

        found = find_object(self._open_image(image), box)
        rings = [ring for ring in found if measure_area(ring) > 0]
        if not rings:
            raise SegfitError("nothing stands out in this rectangle: draw the object's outline")
        return rings

    def snap(self, image: int, points: Float64Array) -> Snapped:
        """A drawn outline on the image's edges."""
        from segfit.studio.proposals.outlines import snap_outline

        return snap_outline(self._open_image(image), points, self._refiner)

    def warm_up(self) -> None:
        """Load what the first answer would have to wait for."""
        _ = self._refiner

    @cached_property
    def _finder(self) -> EdgeFinder:
        from segfit.methods import open_edge_finder

        return open_edge_finder(DETECTOR, threads=THREADS)

    @cached_property
    def _refiner(self) -> Refiner:
        from segfit.refiner import load_refiner

        return load_refiner(REFINER, threads=THREADS)

    def _find_tree(self, image: int) -> RegionTree | None:
        from segfit.studio.proposals.regions import find_regions

        tree = find_regions(self._open_image(image), self._finder)
        self._events.publish("regions", {"id": image})
        return tree

    def _drop_oldest(self) -> None:
        def measure(one: Future[RegionTree | None]) -> int:
            tree = one.result() if one.done() and one.exception() is None else None
            return 0 if tree is None else tree.nbytes

        held = sum(map(measure, self._trees.values()))
        while held > TREES_BYTES and len(self._trees) > 1:
            _, dropped = self._trees.popitem(last=False)
            held -= measure(dropped)
