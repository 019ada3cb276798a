"""The project: its classes, who asks, and what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from segfit.studio.routes.shared import NAME_COOKIE, LoadedStudio, TheStudio, Who, quote_name
from segfit.studio.schema import ClassesIn, Me, ProjectOut
from segfit.studio.summary import describe_project

router = APIRouter()
HEARTBEAT_SECONDS = 15.0


@router.get("/project")
def read_project(studio: TheStudio, who: Who) -> ProjectOut:
    """The project at a glance."""
    return describe_project(studio, me=who)


@router.put("/classes")
def replace_classes(studio: LoadedStudio, who: Who, given: ClassesIn) -> ProjectOut:
    """Replace all classes."""
    studio.class_editor.replace(given, who=who)
    return describe_project(studio, me=who)


@router.put("/me")
def say_name(studio: TheStudio, given: Me, response: Response) -> Me:
    """Say who one is, for the journal."""
    response.set_cookie(
        NAME_COOKIE, quote_name(given.name), max_age=31_536_000, httponly=True, samesite="strict"
    )
    return given


@router.get("/events", response_class=StreamingResponse)
async def follow_events(request: Request) -> StreamingResponse:
    """What happens from now on, as server-sent events."""
    events = request.app.state.studio.events
    queue = events.listen()

    async def send() -> AsyncIterator[str]:
        try:
            yield ": hello\n\n"
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            events.leave(queue)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(send(), media_type="text/event-stream", headers=headers)
