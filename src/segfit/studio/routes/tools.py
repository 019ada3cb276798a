"""Tools that look at the image, and what is known of a place."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from segfit.studio.proposals.looking import find_unsure_places, look_at_point
from segfit.studio.routes.shared import ImageNumber, LoadedStudio
from segfit.studio.schema import (
    FARTHEST,
    PointOut,
    RegionOut,
    SnapIn,
    SnapOut,
    UnsureOut,
    as_points,
)

router = APIRouter(prefix="/images/{image}")
Place = Annotated[float, Query(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]


@router.get("/point")
def read_point(studio: LoadedStudio, image: ImageNumber, x: Place, y: Place) -> PointOut:
    """The label and the proposal of a pixel, and what it belongs to."""
    studio.open_labels(image)
    return look_at_point(studio, image, x, y)


@router.get("/region")
def read_region(
    studio: LoadedStudio,
    image: ImageNumber,
    x: Place,
    y: Place,
    scale: Annotated[int, Query(ge=0, le=1000)] = 0,
    area: Annotated[float | None, Query(gt=0, le=1e12, allow_inf_nan=False)] = None,
) -> RegionOut:
    """The region of the image's edges at a point; empty until they are found (event regions).

    ``scale``: 0 is the finest; or ``area``: the one whose area in pixels is nearest to it.
    """
    studio.open_labels(image)
    rings, area_px, scale, scales = studio.tools.find_region(
        image, x, y, scale=scale, area_px=area, wait=False
    )
    outline = [ring.round(2).tolist() for ring in rings]
    return RegionOut(outline=outline, area_px=area_px, scale=scale, scales=scales)


@router.post("/snap")
def snap(studio: LoadedStudio, image: ImageNumber, given: SnapIn) -> SnapOut:
    """Move a closed outline to where the image has its edges; nothing is labelled."""
    studio.open_labels(image)
    snapped = studio.tools.snap(image, as_points(given.points))
    return SnapOut(
        points=snapped.points.round(3).tolist(),
        error_px=snapped.error_px.round(3).tolist(),
        mean_error_px=float(snapped.error_px.mean()),
    )


@router.get("/unsure")
def read_unsure(
    studio: LoadedStudio, image: ImageNumber, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> UnsureOut:
    """The places where the proposal is least sure and nothing is labelled."""
    studio.open_labels(image)
    return UnsureOut(places=find_unsure_places(studio, image, limit))
