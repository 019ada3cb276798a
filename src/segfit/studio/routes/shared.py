"""What routes share: the studio, who asks, and how errors are said."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Depends, Request

from segfit.studio.project import Studio

NAME_COOKIE = "segfit_name"
FOREVER = "private, max-age=31536000, immutable"
NEVER = "no-store"


def get_studio(request: Request) -> Studio:
    """The studio that the app was made for."""
    studio: Studio = request.app.state.studio
    return studio


def get_name(request: Request) -> str:
    """The name of who asks, as they gave it; empty for nobody in particular."""
    return unquote(request.cookies.get(NAME_COOKIE, ""))[:80]


def quote_name(name: str) -> str:
    """A name as a cookie holds it."""
    return quote(name, safe="")


TheStudio = Annotated[Studio, Depends(get_studio)]
Who = Annotated[str, Depends(get_name)]
