"""Images: listed, opened, as tiles, and their labels as tiles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from segfit.studio.images.tiles import (
    encode_codes,
    encode_image_tile,
    encode_thumbnail,
    read_label_tile,
)
from segfit.studio.routes.shared import (
    BYTES,
    DATA_TILE,
    FOREVER,
    NEVER,
    PNG,
    ImageNumber,
    TheStudio,
)
from segfit.studio.schema import ImageDetail, ImagesOut, StateIn
from segfit.studio.summary import describe_image, list_images

router = APIRouter(prefix="/images")
MOST_LISTED = 1000
JPEG = "image/jpeg"
RunName = Annotated[str | None, Query(max_length=64)]
IMAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The image", "content": {JPEG: {"schema": BYTES}}}
}


@router.get("")
def read_images(
    studio: TheStudio,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 200,
    order: Literal["name", "teach"] = "name",
) -> ImagesOut:
    """A part of the images, by name or with what would teach most first."""
    return list_images(studio, offset=offset, limit=limit, by_worth=order == "teach")


@router.get("/{image}")
def read_one(studio: TheStudio, image: ImageNumber) -> ImageDetail:
    """An image that is looked at from now on."""
    studio.look_at(image)
    return describe_image(studio, image)


@router.put("/{image}/state")
def say_state(studio: TheStudio, image: ImageNumber, given: StateIn) -> ImageDetail:
    """Say that an image is done, or not."""
    studio.say_state(image, given.state)
    return describe_image(studio, image)


@router.get("/{image}/thumbnail", response_class=Response, responses=IMAGE)
def read_thumbnail(studio: TheStudio, image: ImageNumber) -> Response:
    """The image, its longer side 192 px."""
    return Response(encode_thumbnail(studio.open_image(image)), media_type=JPEG)


@router.get("/{image}/tiles/{level}/{x}/{y}", response_class=Response, responses=IMAGE)
def read_tile(
    studio: TheStudio, image: ImageNumber, level: int, x: int, y: int, run: RunName = None
) -> Response:
    """A tile of the image's pyramid."""
    data = encode_image_tile(studio.open_image(image), level=level, x=x, y=y)
    kept = FOREVER if run == studio.run_name else NEVER
    return Response(data, media_type=JPEG, headers={"Cache-Control": kept})


@router.get("/{image}/labels/{level}/{x}/{y}", response_class=Response, responses=DATA_TILE)
def read_labels(
    studio: TheStudio,
    image: ImageNumber,
    level: int,
    x: int,
    y: int,
    rev: int | None = None,
    run: RunName = None,
) -> Response:
    """A tile of labels: red the class (255 none), green the origin, blue 1 + object % 255."""
    studio.open_labels(image)
    with studio.editor.get_lock(image):
        row = studio.catalogue.get(image)
        codes = read_label_tile(
            studio.labels, image, width=row["width"], height=row["height"], level=level, x=x, y=y
        )
    headers = {
        "Cache-Control": FOREVER if (rev, run) == (row["rev"], studio.run_name) else NEVER,
        "X-Revision": str(row["rev"]),
    }
    if codes is None:
        return Response(status_code=204, headers=headers)
    return Response(encode_codes(codes), media_type=PNG, headers=headers)
