"""How well two rotated boxes agree."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.result.regions import OrientedBox


def box_iou(first: OrientedBox, second: OrientedBox) -> float:
    """Area that both cover over the area that either covers, 0 to 1; 0 for two without area."""
    # Single precision is enough once the corners lie about the origin.
    origin = np.array(first.center_xy)
    corners = [(box.corners - origin).astype(np.float32) for box in (first, second)]
    shared, _ = cv2.intersectConvexConvex(*corners)
    united = first.width * first.height + second.width * second.height - shared
    return float(shared / united) if united > 0 else 0.0
