"""Trainings and models."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from segfit.studio.jobs.models import KeptModel, describe_classes
from segfit.studio.project import Studio
from segfit.studio.routes.shared import LoadedStudio, TheStudio

router = APIRouter()
Number = Annotated[int, Path(ge=1, le=2**31)]


class TrainingIn(BaseModel):
    """What a training is asked for. ``minutes``: by the amount of labels, if not given."""

    model_config = ConfigDict(extra="forbid")

    minutes: Annotated[float, Field(ge=0.2, le=24 * 60, allow_inf_nan=False)] | None = None


@router.get("/training")
def read_training(studio: TheStudio) -> dict[str, Any]:
    """How the training stands."""
    return studio.jobs.training.describe()


@router.post("/training")
def start_training(studio: LoadedStudio, given: TrainingIn | None = None) -> dict[str, Any]:
    """Train on the labels as they are now."""
    studio.jobs.start_training(None if given is None else given.minutes)
    return studio.jobs.training.describe()


@router.post("/training/pause")
def pause_training(studio: TheStudio) -> dict[str, Any]:
    """Let it stand still."""
    studio.jobs.training.pause()
    return studio.jobs.training.describe()


@router.post("/training/continue")
def continue_training(studio: TheStudio) -> dict[str, Any]:
    """Go on."""
    studio.jobs.training.resume()
    return studio.jobs.training.describe()


@router.post("/training/stop")
def stop_training(studio: TheStudio) -> dict[str, Any]:
    """End it, and keep the best model so far."""
    studio.jobs.training.stop()
    return studio.jobs.training.describe()


@router.get("/models")
def list_models(studio: LoadedStudio) -> dict[str, Any]:
    """All models, the newest first."""
    return _describe_models(studio)


@router.post("/models/{number}/use")
def use_model(studio: LoadedStudio, number: Number) -> dict[str, Any]:
    """Take a model back."""
    studio.jobs.use_model(number)
    return _describe_models(studio)


@router.delete("/models/{number}")
def delete_model(studio: LoadedStudio, number: Number) -> dict[str, Any]:
    """Remove a model."""
    studio.jobs.delete_model(number)
    return _describe_models(studio)


@router.get("/models/{number}/file", response_class=FileResponse)
def read_model_file(studio: TheStudio, number: Number) -> FileResponse:
    """The model as a file."""
    model = studio.jobs.get_model(number)
    name = f"{studio.folder.name or 'model'}-{number}.segfit"
    return FileResponse(
        studio.jobs.shelf.path(model.id), media_type="application/octet-stream", filename=name
    )


def _describe_models(studio: Studio) -> dict[str, Any]:
    current = studio.jobs.shelf.current()
    names = [one.name for one in studio.classes.list_classes()]
    return {
        "models": [
            _describe_model(model, names, is_current=current is not None and current.id == model.id)
            for model in studio.jobs.shelf.list_models()
        ]
    }


def _describe_model(model: KeptModel, names: list[str], *, is_current: bool) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "made": model.made,
        "images": model.images,
        "held_out": len(model.held_out),
        "mean_iou": model.mean_iou,
        "iou": dict(model.iou),
        "minutes": model.minutes,
        "base": model.base,
        "complete": model.complete,
        "current": is_current,
        "note": describe_classes(model, names),
    }
