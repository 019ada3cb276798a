"""Our COCO files as pycocotools and our own reader see them."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_api
from pycocotools.coco import COCO

from samples import SAMPLES, segment
from segfit.basics.geometry import fill_polygon
from segfit.datasets.coco.layouts import find_coco_images
from segfit.formats.coco import count_runs, write_coco
from segfit.partition import partition_of, rasterize

PIXEL_EXACT = [name for name, sample in SAMPLES.items() if sample.refined is None]
# pycocotools has not met NumPy 2's copy keyword.
ignore_its_warning = pytest.mark.filterwarnings("ignore:__array__ implementation")


def read(segmentation, folder):
    path = folder / "x_coco.json"
    write_coco(segmentation, path)
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@ignore_its_warning
@pytest.mark.parametrize("name", PIXEL_EXACT)
def test_pixels_come_back(tmp_path, name):
    segmentation = SAMPLES[name]
    content = read(segmentation, tmp_path)
    labels = np.zeros_like(segmentation.labels)
    for annotation in content.loadAnns(content.getAnnIds()):
        mask = content.annToMask(annotation)
        assert annotation["area"] == mask.sum() == mask_api.area(content.annToRLE(annotation))
        np.testing.assert_allclose(
            annotation["bbox"], mask_api.toBbox(content.annToRLE(annotation))
        )
        assert (labels[mask == 1] == 0).all()
        labels[mask == 1] = annotation["category_id"]
    np.testing.assert_array_equal(labels, segmentation.labels)


@ignore_its_warning
@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in PIXEL_EXACT])
def test_borders_between_pixels_come_back_to_a_pixel(tmp_path, name):
    segmentation = SAMPLES[name]
    content = read(segmentation, tmp_path)
    annotations = content.loadAnns(content.getAnnIds())
    for region, annotation in zip(segmentation.regions, annotations, strict=True):
        mask = content.annToMask(annotation)
        height, width = mask.shape
        expected = fill_polygon(region.polygon, height=height, width=width)
        # pycocotools rounds a polygon's points to a fifth of a pixel.
        assert np.abs(mask - expected.astype(int)).sum() <= 0.2 * region.perimeter_px + 1
        assert annotation["area"] == pytest.approx(region.area_px, abs=1e-4)
        left, top, width, height = annotation["bbox"]
        assert (left, top, left + width, top + height) == pytest.approx(
            region.bounds_xyxy, abs=2e-4
        )


def test_image_and_categories(tmp_path):
    content = read(segment(np.ones((2, 3))), tmp_path)
    assert content.imgs == {1: {"id": 1, "file_name": "a b.jpg", "width": 3, "height": 2}}
    assert content.cats == {
        1: {"id": 1, "name": "left <eye> & brow", "isthing": 0},
        2: {"id": 2, "name": "Zähne", "isthing": 0},
    }
    (annotation,) = content.anns.values()
    assert annotation == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "segmentation": [[3, 0, 3, 2, 0, 2, 0, 0]],
        "area": 6,
        "bbox": [0, 0, 3, 2],
        "iscrowd": 0,
        "score": 0.8,
    }


def test_run_lengths_go_down_the_columns():
    segmentation = segment([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    (region,) = segmentation.regions
    assert count_runs(region, height=3, width=3) == {"size": [3, 3], "counts": [0, 4, 1, 4, 0]}


@pytest.mark.parametrize("name", PIXEL_EXACT)
def test_our_own_reader_reads_it(tmp_path, name):
    segmentation = SAMPLES[name]
    Image.fromarray(segmentation.image).save(tmp_path / "a b.jpg")
    write_coco(segmentation, tmp_path / "x.json")
    found = find_coco_images({"train": [tmp_path / "x.json"]}, strict=True)
    np.testing.assert_array_equal(found.splits["train"][0].read().labels, segmentation.labels)
    assert found.classes.names == segmentation.classes.names


def test_runs_are_those_of_the_planar_map():
    labels = SAMPLES["corners"].labels
    regions = rasterize(partition_of(labels))
    for region in SAMPLES["corners"].regions:
        counts = count_runs(region, height=6, width=7)["counts"]
        mask = np.repeat(np.arange(len(counts)) % 2, counts).reshape(7, 6).T
        (index,) = np.unique(regions[mask == 1])
        np.testing.assert_array_equal(mask == 1, regions == index)
