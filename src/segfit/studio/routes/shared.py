"""What routes share: the studio, who asks, and how errors are said."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import Depends, Path, Request

from segfit.studio.project import Studio
from segfit.studio.schema import LARGEST_NUMBER

NAME_COOKIE = "segfit_name"
FOREVER = "private, max-age=31536000, immutable"
NEVER = "no-store"
PNG = "image/png"
BYTES = {"type": "string", "format": "binary"}
DATA_TILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "Numbers as colors", "content": {PNG: {"schema": BYTES}}},
    204: {"description": "There is nothing in this tile"},
}


def get_studio(request: Request) -> Studio:
    """The studio that the app was made for."""
    studio: Studio = request.app.state.studio
    return studio


def get_loaded_studio(request: Request) -> Studio:
    """The same, once all that it needs is loaded: what the first image needs is there at once."""
    studio = get_studio(request)
    studio.loading.wait()
    return studio


def get_name(request: Request) -> str:
    """The name of who asks, as they gave it; empty for nobody in particular."""
    return unquote(request.cookies.get(NAME_COOKIE, ""))[:80]


def quote_name(name: str) -> str:
    """A name as a cookie holds it."""
    return quote(name, safe="")


TheStudio = Annotated[Studio, Depends(get_studio)]
LoadedStudio = Annotated[Studio, Depends(get_loaded_studio)]
Who = Annotated[str, Depends(get_name)]
ImageNumber = Annotated[int, Path(ge=0, le=LARGEST_NUMBER)]
