"""A request for a prediction, from its body to its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from textwrap import shorten
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from segfit.basics.text import count_noun
from segfit.errors import SegfitError
from segfit.runtime.threads import count_threads
from segfit.segmenter import Segmenter
from segfit.serving.described import FORM, IMAGE_FIELD, IMAGES_FIELD
from segfit.serving.metrics import Metrics
from segfit.serving.predict import Answer, Upload, Wish, predict
from segfit.serving.problems import make_problem
from segfit.serving.queue import QueueFullError, WorkQueue

UNNAMED = "image"
"""What an image is called that is sent without a name."""
CLIENT_GONE = 499
"""Nobody reads this status; nginx made it the usual one for who has gone."""
MOST_WORKERS = 8
NOTE_CHARACTERS = 1000
"""Of a header, which clients do not take at any length."""


def choose_workers() -> int:
    """How many predictions at once: one computes while another reads, draws and packs."""
    return min(1 + count_threads(), MOST_WORKERS)


@dataclass(frozen=True)
class Limits:
    """What a server takes on.

    ``workers``: predictions at once. ``longest_queue``: requests that may wait besides.
    ``time_limit_s``: for a body to come in, and then for its answer. ``largest_body``: in bytes.
    ``max_megapixels``: of an image. ``most_images``: of a batch.
    """

    workers: int = 2
    longest_queue: int = 16
    time_limit_s: float = 60.0
    largest_body: int = 100_000_000
    max_megapixels: float = 64.0
    most_images: int = 100


@dataclass(frozen=True)
class Predictor:
    """What answers requests for predictions with a model, within limits."""

    segmenter: Segmenter
    queue: WorkQueue
    metrics: Metrics
    limits: Limits

    async def answer(self, request: Request, wish: Wish, *, is_batch: bool) -> Response:
        """Wait for the body, for a thread, and for what it makes of them, while anybody waits.

        Raises ``QueueFullError`` before anything is read, and ``SegfitError`` for what was sent.
        """
        with self.queue.take_place() as place:
            most = self.limits.most_images
            uploads = (
                await _read_batch(request, most) if is_batch else [await _read_image(request, most)]
            )
            work = partial(
                predict,
                self.segmenter,
                uploads,
                wish,
                as_zip=is_batch,
                max_megapixels=self.limits.max_megapixels,
            )
            start = time.perf_counter()
            future = asyncio.wrap_future(place.start(lambda gone: work(is_abandoned=gone)))
            leaving = asyncio.ensure_future(_wait_until_gone(request))
            try:
                ends: set[asyncio.Future[Any]] = {future, leaving}
                await asyncio.wait(
                    ends,
                    timeout=self.limits.time_limit_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not future.done():
                    return self._give_up(has_gone=leaving.done())
                answer = future.result()
            except SegfitError:
                self.metrics.images.labels("failed").inc(len(uploads))
                raise
            finally:
                leaving.cancel()
                future.cancel()
        self.metrics.images.labels("done").inc(answer.done)
        self.metrics.images.labels("failed").inc(answer.failed)
        return _send(answer, seconds=time.perf_counter() - start)

    def _give_up(self, *, has_gone: bool) -> Response:
        if has_gone:
            return Response(status_code=CLIENT_GONE)
        return make_problem(
            HTTPStatus.GATEWAY_TIMEOUT,
            f"no answer within {self.limits.time_limit_s:g} s: send a smaller image or fewer, or "
            "start the server with a longer --time-limit",
        )


async def answer_full(request: Request, error: Exception) -> Response:
    """What is said where the queue is full."""
    assert isinstance(error, QueueFullError)
    return make_problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"the server has all the work that it takes on: try again in {error.retry_s} s",
        headers={"retry-after": str(error.retry_s)},
    )


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(FORM)


async def _read_image(request: Request, most: int) -> Upload:
    """The image of a request: its whole body, whatever it says that is, or a field of a form."""
    if not _is_form(request):
        return Upload(UNNAMED, await request.body())
    uploads = await _read_form(request, IMAGE_FIELD, most)
    if len(uploads) != 1:
        raise SegfitError(
            f"the form has {count_noun(len(uploads), 'file')} in its field {IMAGE_FIELD}: send "
            "one; several are for /predict/batch"
        )
    return uploads[0]


async def _read_batch(request: Request, most: int) -> Sequence[Upload]:
    if not _is_form(request):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"send the images as {FORM}, each in a field {IMAGES_FIELD}",
        )
    uploads = await _read_form(request, IMAGES_FIELD, most)
    if not uploads:
        raise SegfitError(f"the form has no file in its field {IMAGES_FIELD}: send one or more")
    return uploads


async def _read_form(request: Request, field: str, most: int) -> Sequence[Upload]:
    """The files of a form's field; reading ends with an error where it has more than ``most``."""
    try:
        async with request.form(max_files=most) as form:
            return [
                Upload(part.filename or UNNAMED, await part.read())
                for part in form.getlist(field)
                if isinstance(part, UploadFile)
            ]
    except (FormParserError, HTTPException) as error:  # the first from older versions of Starlette
        reason = str(getattr(error, "detail", error)).rstrip(".")
        raise HTTPException(
            HTTPStatus.BAD_REQUEST,
            f"the form cannot be read ({reason}): send {FORM}, with each image as a file that has "
            f"a name, {most} at most",
        ) from error


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _send(answer: Answer, *, seconds: float) -> Response:
    headers = {
        "content-disposition": f"inline; filename*=UTF-8''{quote(answer.name, safe='')}",
        "segfit-seconds": f"{seconds:.3f}",
        "cache-control": "no-store",
    }
    if answer.notes:
        note = shorten("; ".join(answer.notes), NOTE_CHARACTERS, placeholder=" …")
        headers["segfit-note"] = quote(note, safe=" ,;:()!")
    return Response(answer.content, media_type=answer.media_type, headers=headers)
