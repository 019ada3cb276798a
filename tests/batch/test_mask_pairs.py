"""Masks to refine or to fit find their images by the names that training knows, too."""

import numpy as np
import pytest
from PIL import Image

from segfit.batch.masks import pair_masks
from segfit.errors import SegfitError
from segfit.imaging.find import find_images


def put(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / name)


def pair(tmp_path):
    paired = pair_masks(find_images([tmp_path / "masks"]), tmp_path / "images")
    return {mask.name: image.name for image, mask in paired.masks.items()}, paired.unpaired


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.jpg", "a.png"),
        ("a.jpg", "a_Simple Segmentation.png"),
        ("a.tif", "a_mask.png"),
        ("A 1.jpg", "mask_a-1.png"),
        ("a_sat.jpg", "a_gt.png"),
    ],
)
def test_names_are_those_of_training(tmp_path, image, mask):
    put(tmp_path / "images", image, "other.jpg")
    put(tmp_path / "masks", mask)
    assert pair(tmp_path) == ({mask: image}, ())


def test_an_equal_name_comes_first(tmp_path):
    put(tmp_path / "images", "a.jpg", "a_mask.jpg")
    put(tmp_path / "masks", "a.png", "a_mask.png")
    assert pair(tmp_path)[0] == {"a.png": "a.jpg", "a_mask.png": "a_mask.jpg"}


def test_several_masks_of_an_image_have_failed_by_name(tmp_path):
    put(tmp_path / "images", "a.jpg", "b.jpg")
    put(tmp_path / "masks", "a_mask.png", "a_labels.png", "b_mask.png", "c_mask.png")
    found, failed = pair(tmp_path)
    assert found == {"b_mask.png": "b.jpg"}
    reasons = {one.path.name: one.reason for one in failed}
    assert reasons["a_mask.png"].startswith(
        "it may be the mask of a.jpg, and so may be a_labels.png: keep one mask"
    )
    assert "a_mask.png" in reasons["a_labels.png"]
    assert "no image of the name c_mask" in reasons["c_mask.png"]


def test_masks_may_lie_among_their_images(tmp_path):
    put(tmp_path / "images", "a.jpg", "a_mask.png", "b.jpg", "b.png")
    masks = find_images([tmp_path / "images" / "*.png"])
    paired = pair_masks(masks, tmp_path / "images")
    assert {mask.name: image.name for image, mask in paired.masks.items()} == {
        "a_mask.png": "a.jpg",
        "b.png": "b.jpg",
    }


def test_only_unclear_masks_are_an_error_that_names_them(tmp_path):
    put(tmp_path / "images", "a.jpg")
    put(tmp_path / "masks", "a_labels.png", "a_mask.png")
    with pytest.raises(SegfitError, match=r"mask of a\.jpg, and so may be a_mask\.png"):
        pair(tmp_path)
