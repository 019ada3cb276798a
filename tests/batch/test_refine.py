"""Masks and their images, as files: pairing, classes, results, and what can be wrong."""

import json

import numpy as np
import pytest
from PIL import Image

from segfit.batch.masks import find_mask_classes, pair_masks
from segfit.batch.refine import refine_masks
from segfit.errors import SegfitError
from segfit.imaging.find import find_images
from segfit.refiner import load_refiner

SIDE = 40
SQUARE = np.zeros((SIDE, SIDE), np.uint8)
SQUARE[10:30, 10:30] = 1


@pytest.fixture(scope="module")
def refiner(tiny_refiner):
    return load_refiner(tiny_refiner, threads=1)


@pytest.fixture
def desk(tmp_path):
    """A folder with ``masks/`` and ``photos/`` that writes pairs into them."""

    class Desk:
        masks, photos, output = tmp_path / "masks", tmp_path / "photos", tmp_path / "out"

        def put(self, stem, mask=SQUARE, *, suffix=".png"):
            self.put_mask(stem, mask, suffix=suffix)
            Image.fromarray(SQUARE * 200).save(self.photos / f"{stem}.jpg")

        def put_mask(self, stem, mask=SQUARE, *, suffix=".png"):
            Image.fromarray(mask).save(self.masks / f"{stem}{suffix}")

        def refine(self, refiner, formats=("mask",), **options):
            masks = find_images([self.masks])
            return refine_masks(
                refiner,
                pair_masks(masks, self.photos),
                find_mask_classes(masks),
                self.output,
                formats,
                off_by_px=4.0,
                **options,
            )

        def name_classes(self, folder, **content):
            classes = [{"name": "ground", "value": 0}, {"name": "cell", "value": 1}]
            text = json.dumps({"classes": classes, **content})
            (folder / "classes.json").write_text(text)

    for folder in (Desk.masks, Desk.photos):
        folder.mkdir()
    return Desk()


def test_results_are_named_by_the_images_and_read_back(refiner, desk):
    desk.put("a", SQUARE * 255)
    desk.put("b", np.zeros_like(SQUARE))
    report = desk.refine(refiner, ("mask", "polygons"), simplify_px=0.5)
    assert [row.path.name for row in report.done] == ["a.jpg", "b.jpg"]
    assert find_mask_classes(find_images([desk.masks])).table.names == ("background", "foreground")
    mask = np.asarray(Image.open(desk.output / "a.png"))
    assert mask[20, 20] == 1
    assert mask[0, 0] == 0
    polygons = json.loads((desk.output / "a_polygons.json").read_text())
    assert polygons["image"] == "a.jpg"
    (region,) = polygons["regions"]
    assert region["error_px_mean"] > 0
    assert json.loads((desk.output / "b_polygons.json").read_text())["regions"] == []


def test_objects_of_16_bit_masks_stay_apart(refiner, desk):
    numbers = SQUARE.astype(np.uint16) * 300
    numbers[20:30, 10:30] = 50_000
    desk.put("a", numbers)
    entry = {"classes": [{"name": "ground", "value": 0}, {"name": "cell"}], "instances": True}
    (desk.masks / "classes.json").write_text(json.dumps(entry))
    report = desk.refine(refiner, ("polygons",))
    assert len(report.done) == 1
    regions = json.loads((desk.output / "a_polygons.json").read_text())["regions"]
    assert [region["class"] for region in regions] == ["cell", "cell"]


def test_more_values_than_classes_can_have_are_refused_with_the_remedy(refiner, desk):
    desk.put("a", (np.arange(SIDE * SIDE) % 250).astype(np.uint8).reshape(SIDE, SIDE))
    with pytest.raises(SegfitError, match=r'250 different values.*"instances": true'):
        desk.refine(refiner)


def test_masks_of_one_value_have_no_outline(refiner, desk):
    desk.put("a", SQUARE * 0)
    with pytest.raises(SegfitError, match="every labelled pixel of the masks has the value 0"):
        desk.refine(refiner)
    desk.name_classes(desk.masks)
    desk.refine(refiner)
    assert not np.asarray(Image.open(desk.output / "a.png")).any()


def test_what_is_wrong_with_one_mask_is_reported_and_the_others_are_done(refiner, desk):
    desk.name_classes(desk.masks)
    for stem in ("broken", "foreign", "good", "small", "unknown"):
        desk.put(stem)
    desk.put_mask("lonely")
    desk.put_mask("small", SQUARE[:20])
    desk.put_mask("foreign", SQUARE * 5)
    (desk.masks / "broken.png").write_bytes((desk.masks / "broken.png").read_bytes()[:50])
    (desk.masks / "unknown.png").unlink()
    desk.put_mask("unknown", np.where(SQUARE, np.nan, 0).astype(np.float32), suffix=".tif")
    report = desk.refine(refiner)
    assert [row.path.stem for row in report.done] == ["good"]
    reasons = {failure.path.stem: failure.reason for failure in report.failed}
    assert "no image of the name lonely in" in reasons["lonely"]
    assert "small.png: mask is 20×40 but its image (small.jpg) is 40×40" in reasons["small"]
    assert "pixels of value 5, but the classes have the values 0, 1" in reasons["foreign"]
    assert "broken.png" in reasons["broken"]
    assert "400 pixels without a value" in reasons["unknown"]
    assert len(reasons) == 5


def test_a_bad_image_is_its_own_failure(refiner, desk):
    desk.put("a")
    desk.put("b")
    (desk.photos / "b.jpg").write_bytes(b"no image")
    report = desk.refine(refiner)
    assert "b.jpg" in report.failed[0].reason
    assert len(report.done) == 1


def test_classes_are_looked_for_where_data_sets_have_them(desk):
    desk.put("a")
    deep = desk.masks / "val" / "masks"
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes((desk.masks / "a.png").read_bytes())
    desk.name_classes(desk.masks)
    masks = find_images([deep])
    assert find_mask_classes(masks).table.names == ("ground", "cell")
    desk.name_classes(deep)
    with pytest.raises(SegfitError, match=r"different classes.*one folder at a time"):
        find_mask_classes([*masks, desk.masks / "a.png"])


def test_pairs_that_cannot_be_are_refused(desk):
    desk.put("a")
    masks = find_images([desk.masks])
    with pytest.raises(SegfitError, match="is not a folder"):
        pair_masks(masks, desk.photos / "a.jpg")
    with pytest.raises(SegfitError, match="would be its own image"):
        pair_masks(masks, desk.masks)
    with pytest.raises(SegfitError, match=r"none of the 1 masks \(a\.png.*rename"):
        pair_masks(masks, desk.output.parent)
    desk.put_mask("a", suffix=".bmp")
    with pytest.raises(SegfitError, match=r"a\.bmp and .*a\.png share a name"):
        pair_masks(find_images([desk.masks]), desk.photos)


def test_nothing_is_overwritten_and_no_probabilities_are_promised(refiner, desk):
    desk.put("a")
    with pytest.raises(SegfitError, match="probabilities-png needs the probabilities"):
        desk.refine(refiner, ("mask", "probabilities-png"))
    desk.output = desk.masks
    with pytest.raises(SegfitError, match=r"a\.png is an image to be read"):
        desk.refine(refiner, force=True)
    desk.output = desk.masks / "refined"
    desk.refine(refiner)
    with pytest.raises(SegfitError, match="exist already"):
        desk.refine(refiner)
