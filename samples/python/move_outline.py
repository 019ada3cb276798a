"""Move an outline by outlines.onnx: what docs/reference/export.md says of it, as a program.

Shapes: ``H, W`` the image; ``V`` vertices; ``T`` strip points. Frame: x to the right, y down, in
pixels; the top-left pixel covers 0 to 1.
"""

import json

import numpy as np
import onnxruntime


def measure_moves(
    outlines: onnxruntime.InferenceSession,
    ring: np.ndarray,
    image: np.ndarray,
    *,
    step_px: int,
    cell_px: float,
    left_right: tuple[int, int],
    evidence: np.ndarray | None = None,
    covered: np.ndarray | None = None,
    regions: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far to move each vertex of a closed outline along its normal.

    ``ring``: (V, 2) x and y, two to four steps apart, its last point not the first one again.
    ``image``: (H, W, 3) uint8. ``step_px``: 1, 2, 4 … ``cell_px``: how far off the outline may be;
    of a segmenter, how many pixels a cell of the evidence is wide. ``left_right``: classes on
    either side of the outline as one walks along it, or of a refiner their numbers in ``regions``
    (H, W). ``evidence``, ``covered``: what segment.onnx gives of the image. Returns offsets and
    errors (V,) in pixels and normals (V, 2).
    """
    names = [given.name for given in outlines.get_inputs()]
    sizes = json.loads(outlines.get_modelmeta().custom_metadata_map["outlines"])
    points = sizes["strip_points"]
    ahead, behind = np.roll(ring, -2, axis=0), np.roll(ring, 2, axis=0)
    tangents = ahead - behind
    tangents /= np.maximum(np.hypot(*tangents.T), 1e-9)[:, None]
    normals = np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)  # from the left to the right
    distances = (np.arange(points) - points // 2) * step_px
    strips = ring[:, None] + normals[:, None] * distances[None, :, None]  # (V, T, 2)

    index = np.arange(len(ring))[:, None]
    reaches = [sign * reach for reach in sizes["distances"] for sign in (-1, 1)]
    inputs = {
        "image": sample(shrink(image, step_px), strips / step_px),
        "neighbours": (index + reaches) % len(ring),
        "scale": np.log2([cell_px / step_px]),
    }
    if "grid" in names:
        height, width = covered
        inputs["grid"] = evidence
        inputs["positions"] = strips[:, ::2] * (2 / np.array([width, height])) - 1
        inputs["classes"] = np.tile(left_right, (len(ring), 1))
    if "normals" in names:
        inputs["normals"] = normals
    if "sides" in names:
        columns, rows = np.floor(strips).astype(int).transpose(2, 0, 1)
        height, width = regions.shape
        seen = regions[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        inputs["sides"] = (seen == left_right[0]) * 1.0 - (seen == left_right[1])
    types = {"tensor(uint8)": np.uint8, "tensor(int64)": np.int64, "tensor(float)": np.float32}
    given = {
        one.name: np.asarray(inputs[one.name], types[one.type]) for one in outlines.get_inputs()
    }
    offsets, errors = outlines.run(["offsets", "errors"], given)
    return offsets * step_px, errors * step_px, normals


def shrink(image: np.ndarray, step_px: int) -> np.ndarray:
    """Means of step × step pixels, rounded; sides are repeated to multiples of the step."""
    height, width = image.shape[:2]
    padding = ((0, -height % step_px), (0, -width % step_px), (0, 0))
    padded = np.pad(image, padding, mode="edge")
    blocks = padded.reshape(-(-height // step_px), step_px, -(-width // step_px), step_px, 3)
    return np.floor(blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def sample(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bilinear samples (V, T, 3) at points (V, T, 2); beyond the edge is what lies on it."""
    last = np.array(image.shape[1::-1]) - 1
    at = np.clip(points - 0.5, 0, last)  # pixel centres are at half numbers
    first = np.minimum(np.floor(at).astype(int), np.maximum(last - 1, 0))
    (x, y), (right, down) = first.transpose(2, 0, 1), (at - first).transpose(2, 0, 1)[..., None]
    x1, y1 = np.minimum(x + 1, last[0]), np.minimum(y + 1, last[1])
    above = image[y, x] * (1 - right) + image[y, x1] * right
    below = image[y1, x] * (1 - right) + image[y1, x1] * right
    return np.rint(above * (1 - down) + below * down).astype(np.uint8)
