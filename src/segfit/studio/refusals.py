"""Why a request is refused, each as an HTTP status."""

from __future__ import annotations

from http import HTTPStatus

from segfit.errors import SegfitError
from segfit.studio.labels.blocks import Box


class ConflictError(SegfitError):
    """Somebody else changed the same place of an image meanwhile."""

    def __init__(self, *, rev: int, dirty: Box, who: str) -> None:
        super().__init__(
            f"{who or 'Somebody else'} changed this place meanwhile: look at it, then do it again"
        )
        self.rev, self.dirty, self.who = rev, dirty, who


class OldVersionError(SegfitError):
    """Somebody else changed the classes meanwhile."""


class MissingError(SegfitError):
    """There is no such image or tile."""


class ReadOnlyError(SegfitError):
    """Nothing can be saved in this folder."""


class StorageError(SegfitError):
    """Nothing could be saved: no space, no permission, a broken disk."""


STATUS_OF: dict[type[SegfitError], HTTPStatus] = {
    ConflictError: HTTPStatus.CONFLICT,
    OldVersionError: HTTPStatus.CONFLICT,
    MissingError: HTTPStatus.NOT_FOUND,
    ReadOnlyError: HTTPStatus.FORBIDDEN,
    StorageError: HTTPStatus.INSUFFICIENT_STORAGE,
}
