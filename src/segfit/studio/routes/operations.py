"""Operations on labels, undo and redo."""

from __future__ import annotations

from fastapi import APIRouter

from segfit.studio.labels.editing import Answer
from segfit.studio.labels.perform import make_draw, make_entry
from segfit.studio.project import Studio
from segfit.studio.routes.shared import ImageNumber, LoadedStudio, Who
from segfit.studio.schema import Operation, OperationAnswer, Request

router = APIRouter(prefix="/images/{image}")


@router.post("/operations")
def operate(
    studio: LoadedStudio, who: Who, image: ImageNumber, given: Operation
) -> OperationAnswer:
    """Change labels."""
    studio.open_labels(image)
    draw = make_draw(studio, image, given)
    answer = studio.editor.operate(
        image, make_entry(given, who=who, kind=given.kind), draw, rev=given.rev
    )
    return _describe(studio, image, answer)


@router.post("/undo")
def undo(
    studio: LoadedStudio, who: Who, image: ImageNumber, given: Request | None = None
) -> OperationAnswer:
    """Take back the last operation on the image."""
    studio.open_labels(image)
    entry = make_entry(given or Request(), who=who, kind="undo")
    return _describe(studio, image, studio.editor.undo(image, entry))


@router.post("/redo")
def redo(
    studio: LoadedStudio, who: Who, image: ImageNumber, given: Request | None = None
) -> OperationAnswer:
    """Do again what was taken back last."""
    studio.open_labels(image)
    entry = make_entry(given or Request(), who=who, kind="redo")
    return _describe(studio, image, studio.editor.redo(image, entry))


def _describe(studio: Studio, image: int, answer: Answer) -> OperationAnswer:
    done = answer.committed
    return OperationAnswer(
        rev=done.rev,
        dirty=None if done.dirty is None else list(done.dirty),
        state=studio.describe_state(image),
        changed_px=done.changed_px,
        message=answer.message,
        can_undo=done.can_undo,
        can_redo=done.can_redo,
    )
