"""Proposals: as tiles, and where they come from."""

from __future__ import annotations

from fastapi import APIRouter, Response

from segfit.studio.proposals.looking import render_proposal
from segfit.studio.routes.shared import (
    DATA_TILE,
    NEVER,
    PNG,
    ImageNumber,
    LoadedStudio,
    TheStudio,
    Who,
)
from segfit.studio.schema import ProjectOut, ProposalsIn
from segfit.studio.summary import describe_project

router = APIRouter()


@router.put("/proposals")
def choose_source(studio: LoadedStudio, who: Who, given: ProposalsIn) -> ProjectOut:
    """Propose by the strokes, or by a model, from now on."""
    studio.choose_proposals(given.source, given.model)
    return describe_project(studio, me=who)


@router.get(
    "/images/{image}/proposal/{level}/{x}/{y}", response_class=Response, responses=DATA_TILE
)
def read_proposal(
    studio: TheStudio, image: ImageNumber, level: int, x: int, y: int, rev: int | None = None
) -> Response:
    """A tile of the proposal: red the class (255 none, or labelled), green how sure it is."""
    studio.open_labels(image)
    data, found = render_proposal(studio, image, level, x, y)
    headers = {"Cache-Control": NEVER, "X-Revision": str(found)}
    if data is None:
        return Response(status_code=204, headers=headers)
    return Response(data, media_type=PNG, headers=headers)
