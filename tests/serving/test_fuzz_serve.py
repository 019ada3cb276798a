"""Whatever its OpenAPI description allows, and much that it does not, is answered as it says."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import schemathesis
from hypothesis import strategies as some
from PIL import Image
from schemathesis.checks import load_all_checks
from schemathesis.generation.modes import GenerationMode

from asking import running
from fuzzing import fuzz as send

EXAMPLES = 15


def draw_noise(height: int, width: int, kind: str, kept: float) -> bytes:
    """An image file, whole or cut off."""
    content = io.BytesIO()
    noise = np.random.default_rng(height * width).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(noise).save(content, kind)
    return content.getvalue()[: round(content.tell() * kept)]


SIDES = some.integers(1, 40)
FILES = some.builds(
    draw_noise,
    SIDES,
    SIDES,
    some.sampled_from(["PNG", "JPEG", "TIFF", "WebP"]),
    some.sampled_from([1, 1, 1, 0.6]),
)
for kind in ("image/png", "image/jpeg", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, FILES)
load_all_checks()
fuzz = partial(send, examples=EXAMPLES)


@pytest.fixture(scope="module")
def described(serve) -> Iterator[schemathesis.BaseSchema]:
    with running(serve(longest_queue=50, max_megapixels=1)) as listener:
        yield schemathesis.openapi.from_url(f"{listener.address}openapi.json")


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_predictions_are_answered_as_described(described, path):
    operation = described[path]["POST"]
    assert 422 in fuzz(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    assert 422 in fuzz(operation.as_strategy())


def test_settings_that_are_described_are_taken(described):
    form = {"images": [draw_noise(32, 32, "PNG", 1)]}
    batch = described["/predict/batch"]["POST"]
    single = described["/predict"]["POST"]
    image = draw_noise(32, 32, "PNG", 1)
    assert 200 in fuzz(single.as_strategy(body=image, media_type="image/png"))
    assert 200 in fuzz(batch.as_strategy(body=form, media_type="multipart/form-data"))


def test_everything_else_is_answered_as_described(described):
    others = [path for path in described if not path.startswith("/predict")]
    assert len(others) >= 6
    for path in others:
        assert fuzz(described[path]["GET"].as_strategy()) == {200}
