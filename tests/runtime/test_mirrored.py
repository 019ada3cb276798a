"""A classifier that looks at images and at their mirror images."""

from pathlib import Path

import numpy as np
import pytest

import segfit
from segfit.imaging.read import read_image
from segfit.runtime.mirrored import MirroredSession

DEMO_DATA = Path(segfit.__file__).parent / "demo_data"


class LeansRight:
    """One plane of brightness, one of how far right something is, and what features are like.

    It is wrong in the image's left half by 1, whatever is there.
    """

    def __init__(self):
        self.prepared, self.released = [], 0

    def run(self, inputs):
        (images,) = inputs.values()
        bright = images[..., 0].astype(np.float32)
        bright[:, :, : bright.shape[2] // 2] += 1
        places = np.broadcast_to(np.arange(bright.shape[2], dtype=np.float32), bright.shape)
        target = np.argmax(images[..., 1], axis=2)[..., None]
        return np.stack([bright, target - places], axis=1), np.full((2, 3), images[0, 0, 0, 0])

    def prepare(self, shapes):
        self.prepared.append(shapes)

    def release(self):
        self.released += 1

    def __repr__(self):
        return "a test"


@pytest.fixture
def images():
    images = np.random.default_rng(0).integers(0, 99, (1, 4, 6, 3), np.uint8)
    images[0, :, 4, 1] = 200
    return images


def test_what_leans_to_a_side_is_levelled_and_offsets_keep_their_direction(images):
    inner = LeansRight()
    planes, figures = MirroredSession(inner, 1).run({"images": images})
    np.testing.assert_allclose(planes[0, 0], images[0, ..., 0] + 0.5)
    np.testing.assert_allclose(planes[0, 1], inner.run({"images": images})[0][0, 1])
    assert (figures == images[0, 0, 0, 0]).all()
    mirrored, _ = MirroredSession(inner, 1).run({"images": images[:, :, ::-1]})
    np.testing.assert_allclose(mirrored[0, 0], planes[0, 0, :, ::-1])
    np.testing.assert_allclose(mirrored[0, 1], -planes[0, 1, :, ::-1])


def test_it_prepares_and_releases_what_it_runs():
    inner = LeansRight()
    session = MirroredSession(inner, None)
    session.prepare({"images": (1, 32, 32, 3)})
    session.release()
    assert inner.prepared == [{"images": (1, 32, 32, 3)}]
    assert inner.released == 1
    assert repr(session) == "a test, images and their mirror images"


def test_the_shipped_model_that_looks_twice_treats_both_sides_alike():
    model = segfit.load("nuclei", threads=1, precision="single")
    twice = model.look_twice()
    image = read_image(min((DEMO_DATA / "nuclei" / "val" / "images").iterdir()))
    image = np.ascontiguousarray(image[:240, :240])  # 320 px to the network: no margin
    scores = twice.score(image)
    mirrored = twice.score(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored.logits[..., ::-1], scores.logits, atol=1e-3)
    np.testing.assert_allclose(-mirrored.object_maps[1, :, ::-1], scores.object_maps[1], atol=1e-3)
    once = model.score(image)
    assert abs(once.object_maps[1] - scores.object_maps[1]).mean() < 1
    assert len(twice(image).regions) == pytest.approx(len(model(image).regions), rel=0.2)
