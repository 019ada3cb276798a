"""Reports, and what is taken away."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask

from segfit.studio.jobs.snapshot import find_labelled
from segfit.studio.jobs.takeaway import list_commands, list_formats, write_archive
from segfit.studio.routes.shared import TheStudio

router = APIRouter()
Number = Annotated[int, Query(ge=1, le=2**31)]


class TakeawayIn(BaseModel):
    """Which images, and in which format."""

    model_config = ConfigDict(extra="forbid")

    images: Literal["all", "done"] | Annotated[list[int], Field(min_length=1, max_length=100_000)]
    format: Annotated[str, Field(max_length=40)]


@router.get("/judge", response_class=HTMLResponse, responses={202: {"model": dict[str, Any]}})
def read_report(
    studio: TheStudio, model: Number | None = None, against: Number | None = None
) -> Response:
    """The report on a model, or 202 and how far it is, from 0 to 1, while it is being made.

    Without a number it is the model in use.
    """
    from segfit.report import POLICY

    jobs = studio.jobs
    number = jobs.require_model(model).id
    if against is not None:
        jobs.get_model(against)
    found = jobs.judge.find(number, against)
    if isinstance(found, float):
        told = {"model": number, "against": against, "share": found}
        return JSONResponse(told, HTTPStatus.ACCEPTED, {"cache-control": "no-store"})
    headers = {"content-security-policy": f"sandbox allow-scripts; {POLICY}"}
    return HTMLResponse(found.read_bytes(), headers={**headers, "cache-control": "no-store"})


@router.get("/takeaway/formats")
def read_formats(studio: TheStudio) -> dict[str, Any]:
    """The formats that the labels can be had in."""
    studio.jobs.flush()
    formats = list_formats(find_labelled(studio.folder).classes)
    return {"formats": [{"name": name, "purpose": what} for name, what in formats.items()]}


@router.post("/takeaway", response_class=FileResponse)
def take_away(studio: TheStudio, given: TakeawayIn) -> FileResponse:
    """Labels of images in a format, as a zip archive."""
    studio.jobs.flush()
    labelled = find_labelled(studio.folder)
    files = labelled.files
    if given.images != "all":
        wanted = studio.jobs.list_paths(given.images)
        files = tuple(file for file in files if file.image.resolve() in wanted)
    archive = write_archive(labelled, files, given.format, studio.state_folder)
    return FileResponse(
        archive,
        media_type="application/zip",
        filename=f"{studio.folder.name or 'labels'}-{given.format}.zip",
        background=BackgroundTask(archive.unlink, missing_ok=True),
    )


@router.get("/takeaway/commands")
def read_commands(studio: TheStudio) -> dict[str, Any]:
    """Command lines that would have done the same."""
    current = studio.jobs.shelf.current()
    file = None if current is None else studio.jobs.shelf.path(current.id)
    return {"commands": list_commands(studio.folder, current, file)}
