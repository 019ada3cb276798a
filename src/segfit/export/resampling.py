"""The path of an image to its working resolution, as nodes of a graph.

It gives what ``Scaling.prepare`` and ``pad_image`` give.

Shapes: ``H, W`` the image; ``h, w`` the working image; ``T`` places that a new one looks at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.export.graph import Value
from segfit.imaging.contrast import LEAST_RANGE, STRETCHED_SHARES
from segfit.model.scaling import CELL_MULTIPLE, KEPT_CHANGE, SIZE_MULTIPLE, Scaling

HALF_UP = 2.0**-10
"""Added to quarters, it rounds halves up."""
LINEAR_UNIT = 1 << 11
"""What OpenCV's weights of neighbours add up to."""
LARGEST_OCTAVE = 14
LEVELS = 256


def write_scaling(image: Value, scaling: Scaling) -> Value:
    """What the network gets to see of an image (H, W, 3) uint8: (h, w, 3) uint8."""
    height, width = image.side(0), image.side(1)
    sizes = write_working_size(height, width, scaling)
    working = image if sizes is None else resample(image, *sizes)
    return stretch(working) if scaling.stretch else working


def write_working_size(height: Value, width: Value, scaling: Scaling) -> tuple[Value, Value] | None:
    """Height and width at working resolution as ``Scaling.working_size`` has them, (1,) each.

    None where all images keep their size.
    """
    graph = height.graph
    if scaling.kind == "field":
        if abs(scaling.factor - 1) < KEPT_CHANGE:
            return None
        factor = graph.constant([scaling.factor], np.float64)
        return _round_to_cells(height, factor), _round_to_cells(width, factor)
    longer = height.at_least(width).cast(np.float64)
    factor = graph.constant([scaling.long_side_px], np.float64) / longer
    keeps = (factor - 1).apply("Abs") < KEPT_CHANGE
    high, wide = (keeps.where(side, _round_to_cells(side, factor)) for side in (height, width))
    return high, wide


def resample(image: Value, height: Value, width: Value) -> Value:
    """An image (H, W, 3) uint8 at another size, as ``Pyramid.resize`` has it."""
    own_height, own_width = image.side(0), image.side(1)
    shrinks = (height * width < own_height * own_width).squeeze(0)
    axes: list[int | str] = ["h", "w", 3]

    def shrink(image: Value) -> Value:
        sides = height.within(image.graph), width.within(image.graph)
        powers = image.graph.constant(1 << np.arange(1, LARGEST_OCTAVE + 1), np.int64)
        fits = (image.side(0) >= sides[0] * powers) & (image.side(1) >= sides[1] * powers)
        octave = fits.cast(np.int64).reduce("ReduceSum", 0)
        return resize_by_area(image.graph.repeat(octave, image, axes, halve), *sides)

    def enlarge(image: Value) -> Value:
        return resize_bilinearly(image, height.within(image.graph), width.within(image.graph))

    return image.graph.choose(shrinks, image, axes, shrink, enlarge)


def halve(image: Value) -> Value:
    """An image with half as many rows and columns, rounded up."""
    return resize_by_area(image, *((image.side(axis) + 1) / 2 for axis in (0, 1)))


def resize_by_area(image: Value, height: Value, width: Value) -> Value:
    """An image (H, W, 3) uint8 at another size, by the areas that pixels share."""
    graph = image.graph
    rows, columns = (_plan_axis(image.side(i), side) for i, side in enumerate((height, width)))
    in_rows = image.reshape(rows.blocks, rows.block, -1).cast(np.float32)
    sums = in_rows.reduce("ReduceSum", 1)  # (rows.blocks, W·3)
    # As a product of matrices: the sum over so short an axis took ten times as long.
    repeats = graph.join([columns.block, graph.constant([1], np.int64)])
    of_each = graph.constant(np.eye(3), np.float32).apply("Tile", repeats)
    in_columns = sums.reshape(rows.blocks, columns.blocks, columns.block * 3)
    sums = in_columns.apply("MatMul", of_each)  # (rows.blocks, columns.blocks, 3)
    seen = rows.weight.insert_axes(2, 3) * sums.look_up(rows.index)  # (T, h, columns.blocks, 3)
    sums = seen.reduce("ReduceSum", 0)
    seen = columns.weight.insert_axes(0, 3) * sums.look_up(columns.index, axis=1)  # (h, T, w, 3)
    levels = seen.reduce("ReduceSum", 1)
    # OpenCV rounds halves up where it halves both sides, else to even numbers.
    halves = rows.block.equals(2) & columns.block.equals(2)
    bias = halves.where(graph.constant(HALF_UP, np.float32), graph.constant(0, np.float32))
    return (levels + bias).apply("Round").at_most(255).cast(np.uint8)


def resize_bilinearly(image: Value, height: Value, width: Value) -> Value:
    """An image (H, W, 3) uint8 at another size, interpolated as OpenCV does: in whole numbers."""
    left, right, share = _find_pair(image.side(1), width)
    across = share.insert_axes(1)  # (w, 1)
    levels = image.cast(np.float32)
    before, after = (levels.look_up(index, axis=1) for index in (left, right))  # (H, w, 3)
    sums = before * (across * -1 + LINEAR_UNIT) + after * across
    sums = (sums / 16).apply("Floor")
    above, below, share = _find_pair(image.side(0), height)
    down = share.insert_axes(1, 2)  # (h, 1, 1)
    parts = (sums.look_up(above) * (down * -1 + LINEAR_UNIT), sums.look_up(below) * down)
    first, second = ((part / (1 << 16)).apply("Floor") for part in parts)
    return ((first + second + 2) / 4).apply("Floor").cast(np.uint8)


def stretch(image: Value) -> Value:
    """An image (h, w, 3) uint8 with its levels spread out as ``stretch_levels`` does it."""
    graph = image.graph
    levels = image.cast(np.int32)
    flat = levels.reshape(-1)
    count = flat.side(0)
    ones = graph.constant([1], np.int32).apply("Expand", count)
    nothing = graph.constant(np.zeros(LEVELS), np.int32)
    counts = graph.apply("ScatterElements", nothing, flat, ones, axis=0, reduction="add")
    sums = graph.apply("CumSum", counts, graph.constant(0, np.int64)).cast(np.float64)
    shares = sums / count.cast(np.float64)
    low, high = (
        (shares < share).cast(np.int64).reduce("ReduceSum", 0, keep=True).cast(np.float64)
        for share in STRETCHED_SHARES
    )
    spread = graph.constant(255, np.float64) / (high - low).at_least(LEAST_RANGE)
    every = graph.constant(np.arange(LEVELS), np.float64)
    table = ((every - low) * spread).apply("Round").at_least(0).at_most(255).cast(np.uint8)
    return table.look_up(levels)


def pad_to_multiples(image: Value) -> Value:
    """An image (h, w, 3) whose last row and column are repeated up to multiples of 32."""
    missing = [_missing(image.side(axis)) for axis in (0, 1)]
    return image.pad_after([*missing, 0], mode="edge")


@dataclass(frozen=True, eq=False)
class AxisPlan:
    """How an axis comes to ``N`` places: sums of neighbours, then a weighted sum of these.

    ``block``, ``blocks``: how many places make a sum, how many sums there are, (1,) int64.
    ``index``: (T, N) int64 sums that each new place looks at; ``weight``: (T, N) float32.
    """

    block: Value
    blocks: Value
    index: Value
    weight: Value


def _plan_axis(own: Value, wanted: Value) -> AxisPlan:
    """Bring an axis of ``own`` to ``wanted`` places, (1,) int64 each, by the lengths they share."""
    graph = own.graph
    # A whole number of places for each new one makes one sum, which is all that it looks at.
    is_whole = (own - own / wanted * wanted).equals(0)
    one = graph.constant([1], np.int64)
    block = is_whole.where(own / wanted, one)
    blocks = own / block
    # In whole numbers, in which a sum is ``wanted`` long, and a division at the end: runtimes
    # without double precision agree then.
    several = (blocks + wanted - 1) / wanted + 1
    taps = graph.count_up(is_whole.where(one, several)).insert_axes(1)  # (T, 1)
    start = graph.count_up(wanted) * blocks
    covered = start / wanted + taps  # (T, N)
    begin = covered * wanted
    shared = (start + blocks).at_most(begin + wanted) - start.at_least(begin)
    weight = shared.at_least(0).cast(np.float32) / (blocks * block).cast(np.float32)
    return AxisPlan(block, blocks, covered.at_most(blocks - 1), weight)


def _find_pair(own: Value, wanted: Value) -> tuple[Value, Value, Value]:
    """The places of an axis on either side of each of ``wanted`` new ones, and the second's share.

    (N,) int64 both, and (N,) float32, a whole number of 2048.
    """
    span = wanted * 2  # of a place, in whole numbers
    centre = ((own.graph.count_up(wanted) * 2 + 1) * own - wanted).at_least(0)
    first = centre / span
    beyond = (centre - first * span).cast(np.float32) / span.cast(np.float32)
    share = (beyond * LINEAR_UNIT).apply("Round")
    last = own - 1
    return first.at_most(last), (first + 1).at_most(last), share


def _round_to_cells(side: Value, factor: Value) -> Value:
    cells = (side.cast(np.float64) * factor / CELL_MULTIPLE).apply("Round").cast(np.int64)
    return cells.at_least(1) * CELL_MULTIPLE


def _missing(side: Value) -> Value:
    """How much a side lacks to a multiple of 32."""
    return (side + (SIZE_MULTIPLE - 1)) / SIZE_MULTIPLE * SIZE_MULTIPLE - side
