"""Image → scores: the segmentation network looks at the whole image once.

Shapes: ``H, W`` the image; ``h, w`` the network's grid, one cell per 4×4 or 2×2 working pixels;
``K`` outputs of the network (1 for background/foreground, else one per class).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, Float64Array, UInt8Array
from segfit.classification.surprise import join_figures
from segfit.imaging.contrast import find_levels, stretch_levels
from segfit.imaging.pyramid import Pyramid, as_pyramid
from segfit.imaging.raster.window import Window
from segfit.imaging.resizing import read_resized
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.scaling import SIZE_MULTIPLE, Scaling
from segfit.result.scores import Scores

LARGEST_SCORE = 1e4
"""Larger than any that means something; instead of infinity."""
WINDOW_PX = 1024
WINDOW_OVERLAP_PX = 128

OBJECT_MAPS = 3
"""Planes that tell objects apart, see ``Scores.object_maps``."""

ScoreNetwork = Callable[[UInt8Array], tuple[Float32Array, ...]]
"""Maps (1, H, W, 3) uint8, sides multiples of 32, to (1, K, H/s, W/s) float32 logits, behind which
object maps and then features may follow; ``s``, the output stride, is 4 or less. Where features are
squeezed, the second answer is (2, F), mean and standard deviation of each of them."""


def classify(
    image: UInt8Array | Pyramid,
    *,
    network: ScoreNetwork,
    scaling: Scaling,
    architecture: ClassifierArchitecture | None = None,
) -> Scores:
    """Run the segmentation network over an image.

    ``image``: (H, W, 3) uint8 RGB, or its pyramid. ``architecture``: says which of the network's
    channels are logits; all of them, if not given. Returns scores on the working grid together with
    the part of the image that the grid covers.
    """
    pyramid = as_pyramid(image)
    height, width = pyramid.image.shape[:2]
    working_height, working_width = scaling.working_size(height, width)
    maps = OBJECT_MAPS if architecture is not None and architecture.has_objects else 0
    in_windows = _needs_windows(scaling, working_height, working_width)
    if in_windows:
        grid, stride, figures = _score_windows(pyramid, scaling, network)
    else:
        grid, stride, figures = score_cells(scaling.prepare(pyramid), network)
    cells_high, cells_wide = grid.shape[1:]
    outputs = len(grid) if architecture is None else architecture.outputs
    return Scores(
        logits=grid[:outputs],
        image_shape=(height, width),
        covered_shape=(
            round(cells_high * stride * height / working_height),
            round(cells_wide * stride * width / working_width),
        ),
        features=grid[outputs + maps :] if len(grid) > outputs + maps else None,
        object_maps=grid[outputs : outputs + maps] if maps else None,
        feature_figures=figures,
        in_windows=in_windows,
    )


def list_network_sizes(scaling: Scaling, *, height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths in which the network sees an image of a size, or the windows over it."""
    high, wide = scaling.working_size(height, width)
    has_windows = _needs_windows(scaling, high, wide)
    rows = _list_lengths(high, has_windows=has_windows)
    return list(product(rows, _list_lengths(wide, has_windows=has_windows)))


def _list_lengths(side_px: int, *, has_windows: bool) -> list[int]:
    starts = _window_starts(side_px) if has_windows else []
    lengths = {min(WINDOW_PX, side_px - start) for start in starts} or {side_px}
    return sorted({length + -length % SIZE_MULTIPLE for length in lengths})


def pad_image(image: UInt8Array) -> UInt8Array:
    """Repeat the last row and column until both sides are multiples of 32."""
    height, width = image.shape[:2]
    below, right = -height % SIZE_MULTIPLE, -width % SIZE_MULTIPLE
    if below == 0 and right == 0:
        return image
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, dtype=np.uint8)


def _needs_windows(scaling: Scaling, height: int, width: int) -> bool:
    return scaling.kind == "field" and max(height, width) > 2 * WINDOW_PX


def score_cells(
    working: UInt8Array, network: ScoreNetwork
) -> tuple[Float32Array, int, Float64Array | None]:
    """What a network says of an image (H, W, 3) uint8 at working resolution, in one go.

    Returns the planes of the cells that the image touches, (K, h, w), the network's output stride,
    and what features were like, (2, F), where they are squeezed.
    """
    height, width = working.shape[:2]
    padded = pad_image(working)
    logits, *figures = network(padded[None])
    stride = len(padded) // logits.shape[2]
    cells_high, cells_wide = -(-height // stride), -(-width // stride)
    grid = np.asarray(logits[0, :, :cells_high, :cells_wide], dtype=np.float32)
    if not np.isfinite(grid.sum()):
        # A cell without numbers says nothing of any class, and must not spread to its neighbours.
        grid = np.nan_to_num(grid, nan=0.0, posinf=LARGEST_SCORE, neginf=-LARGEST_SCORE)
    return grid, stride, np.asarray(figures[0], np.float64) if figures else None


def _score_windows(
    pyramid: Pyramid, scaling: Scaling, network: ScoreNetwork
) -> tuple[Float32Array, int, Float64Array | None]:
    """What ``score_cells`` gives, of overlapping windows: each cell from the window it lies
    deepest in.
    """
    image = pyramid.image
    levels = find_levels(image) if scaling.stretch else None
    height, width = working_size = scaling.working_size(*image.shape[:2])
    rows, columns = _window_starts(height), _window_starts(width)
    grid: Float32Array | None = None
    parts: list[tuple[int, Float64Array]] = []
    for top in rows:
        for left in columns:
            seen = Window(left, top, min(WINDOW_PX, width - left), min(WINDOW_PX, height - top))
            working = read_resized(
                lambda window: image[window.top : window.bottom, window.left : window.right],
                (image.shape[0], image.shape[1]),
                working_size,
                seen,
            )
            if levels is not None:
                working = stretch_levels(working, levels)
            logits, stride, figures = score_cells(np.ascontiguousarray(working), network)
            parts += [] if figures is None else [(logits[0].size, figures)]
            if grid is None:
                shape = (logits.shape[0], -(-height // stride), -(-width // stride))
                grid = np.empty(shape, np.float32)
            # The outer half of an overlap belongs to the neighbour, except at the image's edge.
            skip_top = WINDOW_OVERLAP_PX // 2 // stride if top else 0
            skip_left = WINDOW_OVERLAP_PX // 2 // stride if left else 0
            row, column = top // stride + skip_top, left // stride + skip_left
            kept = logits[:, skip_top:, skip_left:]
            grid[:, row : row + kept.shape[1], column : column + kept.shape[2]] = kept
    assert grid is not None
    return grid, stride, join_figures(parts) if parts else None


def _window_starts(length_px: int) -> list[int]:
    """Starts of windows over a side, multiples of 32; the last window may be shorter."""
    step = WINDOW_PX - WINDOW_OVERLAP_PX
    return list(range(0, max(1, length_px - WINDOW_OVERLAP_PX), step))
