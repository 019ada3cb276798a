"""The parts of an OpenAPI description that FastAPI does not find in the code by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from segfit.serving.predict import ANY_BYTES, MEDIA_TYPES
from segfit.serving.problems import MEDIA_TYPE, Problem

PROBLEM_NAME = Problem.__name__
FORM = "multipart/form-data"
IMAGE_FIELD, IMAGES_FIELD = "image", "images"
"""Of forms."""
_BYTES: Mapping[str, Any] = {"schema": {"type": "string", "format": "binary"}}
READ_AS = ("image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp", "image/gif")
_ANY_IMAGE = {"contentType": ", ".join(READ_AS)}

ONE_IMAGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An image file as the whole body, or as a form's field",
        "content": {
            **dict.fromkeys((*READ_AS, ANY_BYTES), _BYTES),
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [IMAGE_FIELD],
                    "properties": {IMAGE_FIELD: _BYTES["schema"]},
                },
                "encoding": {IMAGE_FIELD: _ANY_IMAGE},
            },
        },
    }
}
SEVERAL_IMAGES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Image files, each as a field of the form",
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [IMAGES_FIELD],
                    "properties": {
                        IMAGES_FIELD: {"type": "array", "minItems": 1, "items": _BYTES["schema"]}
                    },
                },
                "encoding": {IMAGES_FIELD: _ANY_IMAGE},
            }
        },
    }
}
ANY_RESULT: dict[str, Any] = {
    "description": "The result's file, or a zip of several",
    "content": {
        kind: {"schema": {}} if kind.endswith("json") else _BYTES
        for kind in (*MEDIA_TYPES.values(), ANY_BYTES)
    },
}
ZIP: dict[str, Any] = {
    "description": "A zip of all results; failed.json says which images failed, and why",
    "content": {MEDIA_TYPES[".zip"]: _BYTES},
}


FIGURES: dict[str, Any] = {
    "description": "A figure a line, each with its name",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}

REASONS = {
    400: "The form cannot be read",
    401: "The token is missing",
    403: "Sent to another name, or by another site's page",
    408: "The body comes too slowly",
    413: "The body is too large",
    415: "Several images come as a form",
    422: "The image or a setting will not do; the message is that of the command line",
    429: "As much waits as may wait; Retry-After says in how many seconds to try again",
    504: "It took longer than the time limit",
}


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers of these statuses, each a problem."""
    schema = {"schema": {"$ref": f"#/components/schemas/{PROBLEM_NAME}"}}
    return {
        status: {"description": REASONS[status], "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }


ALL_REFUSALS = describe_problems(*REASONS)
SOME_REFUSALS = describe_problems(401, 403)


def describe_app(app: FastAPI, *, needs_token: bool) -> dict[str, Any]:
    """The description of an app, with what a problem is and how the token is sent."""
    described = app.openapi()
    components = described.setdefault("components", {})
    components.setdefault("schemas", {})[PROBLEM_NAME] = Problem.model_json_schema()
    if needs_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
    return described
