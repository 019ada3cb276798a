"""The smallest rotated rectangle around a region."""

from __future__ import annotations

from segfit.result.regions import fit_box
from segfit.shapes.rectangle import to_parameters
from segfit.shapes.shared.fit import Fit, Outline, describe_fit, measure_distances, require_area
from segfit.shapes.shared.shape import Shape


def fit_smallest_rectangle(outline: Outline) -> Fit:
    """The rectangle of least area around the whole outline; a spur makes it larger."""
    require_area(outline)
    box = fit_box(outline.rings[0])
    return describe_fit(
        "smallest-rectangle",
        outline,
        [box.corners],
        measure_distances(outline.points, box.corners),
        parameters=to_parameters(box),
    )


SHAPE = Shape(
    "smallest-rectangle", "of least area around all of the region", fit_smallest_rectangle, place=10
)
