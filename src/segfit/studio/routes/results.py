"""Reports, and what is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask

from segfit.studio.jobs.answers import list_answer_formats
from segfit.studio.jobs.snapshot import find_labelled
from segfit.studio.jobs.takeaway import list_commands, list_formats, write_archive
from segfit.studio.routes.shared import LoadedStudio

router = APIRouter()
Number = Annotated[int, Query(ge=1, le=2**31)]
Images = Annotated[list[int], Field(min_length=1, max_length=100_000)]
FormatName = Annotated[str, Field(max_length=40)]


class TakeawayIn(BaseModel):
    """Which images, and in which format."""

    model_config = ConfigDict(extra="forbid")

    images: Images | Literal["all", "done"]
    format: FormatName


class AnswersIn(BaseModel):
    """Of which images a model is to give its answers, and in which format.

    ``model``: its number; the one in use, if not given.
    """

    model_config = ConfigDict(extra="forbid")

    images: Images | Literal["all", "unlabelled"]
    format: FormatName
    model: Annotated[int, Field(ge=1, le=2**31)] | None = None


@router.get("/judge", response_class=HTMLResponse, responses={202: {"model": dict[str, Any]}})
def read_report(
    studio: LoadedStudio, model: Number | None = None, against: Number | None = None
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
def read_formats(studio: LoadedStudio) -> dict[str, Any]:
    """The formats that the labels, and the answers of the model in use, can be had in."""
    studio.jobs.flush()
    model = studio.jobs.shelf.current()
    return {
        "formats": _describe_formats(list_formats(find_labelled(studio.folder).classes)),
        "answers": [] if model is None else _describe_formats(list_answer_formats(model)),
    }


@router.post("/takeaway", response_class=FileResponse)
def take_away(studio: LoadedStudio, given: TakeawayIn) -> FileResponse:
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


@router.get("/takeaway/answers")
def read_answers(studio: LoadedStudio) -> dict[str, Any]:
    """How far a model is with its answers."""
    return studio.jobs.answers.describe()


@router.post("/takeaway/answers")
def start_answers(studio: LoadedStudio, given: AnswersIn) -> dict[str, Any]:
    """Let a model answer for images, in the background."""
    studio.jobs.start_answers(given.images, given.format, given.model)
    return studio.jobs.answers.describe()


@router.delete("/takeaway/answers")
def drop_answers(studio: LoadedStudio) -> dict[str, Any]:
    """Stop it, or remove what is ready."""
    studio.jobs.answers.stop()
    return studio.jobs.answers.describe()


@router.get("/takeaway/answers/file", response_class=FileResponse)
def read_answers_file(studio: LoadedStudio) -> FileResponse:
    """The answers, as a zip archive."""
    archive = studio.jobs.answers.get_archive()
    told = studio.jobs.answers.describe()
    name = f"{studio.folder.name or 'results'}-model-{told['model']}-{told['format']}.zip"
    return FileResponse(archive, media_type="application/zip", filename=name)


@router.get("/takeaway/commands")
def read_commands(studio: LoadedStudio) -> dict[str, Any]:
    """Command lines that would have done the same."""
    current = studio.jobs.shelf.current()
    file = None if current is None else studio.jobs.shelf.path(current.id)
    return {"commands": list_commands(studio.folder, current, file)}


def _describe_formats(formats: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "purpose": what} for name, what in formats.items()]
