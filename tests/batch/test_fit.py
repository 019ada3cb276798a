"""Mask files to tables of shapes."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from skimage.draw import disk

from segfit.batch.fit import FitJob, fit_masks
from segfit.batch.masks import find_mask_classes
from segfit.errors import SegfitError
from segfit.imaging.scale import Scale
from segfit.shapes import make_fit


@pytest.fixture
def masks(tmp_path):
    """Two discs, and an image that goes with them."""
    folder = tmp_path / "masks"
    folder.mkdir()
    mask = np.zeros((80, 120), np.uint8)
    mask[disk((40, 30), 20)] = 1
    mask[disk((30, 90), 12)] = 1
    Image.fromarray(mask).save(folder / "discs.png")
    (tmp_path / "images").mkdir()
    image = np.dstack([50 + 100 * mask, 60 + 0 * mask, 70 + 0 * mask])
    Image.fromarray(image).save(tmp_path / "images" / "discs.png")
    return sorted(folder.iterdir())


def run(masks, output, *, shape="circle", formats=("csv",), scale=None, **options):
    job = FitJob(make_fit(shape), scale=scale or Scale(), smoothing=5)
    return fit_masks(job, masks, find_mask_classes(masks), output, formats, **options)


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_table_has_a_row_for_each_region(masks, tmp_path):
    report = run(masks, tmp_path / "out")
    assert not report.failed
    rows = read_csv(tmp_path / "out" / "discs_shapes.csv")
    radii = sorted(float(row["fit_radius_px"]) for row in rows)
    assert radii == pytest.approx([11.7, 19.7], abs=0.4)
    for row in rows:
        assert float(row["fit_iou"]) > 0.96
        assert 0 < float(row["fit_radius_px_se"]) < 0.3
        assert float(row["circularity"]) > 0.9
        assert float(row["fit_rms_px"]) < 0.5


def test_scale_turns_all_lengths(masks, tmp_path):
    run(masks, tmp_path / "px")
    run(masks, tmp_path / "um", scale=Scale.parse("0.5um/px"))
    pixels = read_csv(tmp_path / "px" / "discs_shapes.csv")[0]
    microns = read_csv(tmp_path / "um" / "discs_shapes.csv")[0]
    for name in ("fit_radius", "fit_rms", "perimeter", "x"):
        assert float(microns[f"{name}_um"]) == pytest.approx(float(pixels[f"{name}_px"]) / 2)
    assert float(microns["area_um2"]) == pytest.approx(float(pixels["area_px2"]) / 4)
    assert float(microns["solidity"]) == float(pixels["solidity"])


def test_all_formats_say_the_same(masks, tmp_path):
    formats = ("csv", "json", "parquet", "geojson", "overlay")
    run(masks, tmp_path, formats=formats, images=tmp_path / "images")
    rows = json.loads((tmp_path / "discs_shapes.json").read_text())
    assert parquet.read_table(tmp_path / "discs_shapes.parquet").to_pylist() == rows
    assert [float(row["area_px2"]) for row in read_csv(tmp_path / "discs_shapes.csv")] == [
        row["area_px2"] for row in rows
    ]
    assert rows[0]["mean_red"] == pytest.approx(150, abs=3)
    features = json.loads((tmp_path / "discs_shapes.geojson").read_text())["features"]
    assert [feature["properties"]["shape"] for feature in features] == ["circle", "circle"]
    assert np.asarray(Image.open(tmp_path / "discs_shapes.jpg")).shape == (80, 120, 3)


def test_a_region_that_cannot_be_fitted_says_why_and_leaves_the_others(tmp_path):
    mask = np.zeros((60, 60), np.uint8)
    mask[disk((30, 30), 12)] = 1
    whole = np.full((60, 60), 1, np.uint8)
    for name, grid in (("disc", mask), ("whole", whole)):
        Image.fromarray(grid).save(tmp_path / f"{name}.png")
    (tmp_path / "classes.json").write_text(
        json.dumps({"classes": [{"name": "none", "value": 0}, {"name": "cell", "value": 1}]})
    )
    masks = [tmp_path / "disc.png", tmp_path / "whole.png"]
    report = run(masks, tmp_path / "out")
    assert not report.failed
    (good,) = read_csv(tmp_path / "out" / "disc_shapes.csv")
    (bad,) = read_csv(tmp_path / "out" / "whole_shapes.csv")
    assert good["shape"] == "circle"
    assert bad["shape"] == ""
    assert "image's edge" in bad["note"]
    assert float(bad["area_px2"]) == 3600


def test_an_empty_mask_gives_an_empty_table(masks, tmp_path):
    Image.fromarray(np.zeros((80, 120), np.uint8)).save(masks[0].with_name("empty.png"))
    both = sorted(masks[0].parent.iterdir())
    run(both, tmp_path / "out")
    assert read_csv(tmp_path / "out" / "empty_shapes.csv") == []
    assert len(read_csv(tmp_path / "out" / "discs_shapes.csv")) == 2


@pytest.mark.parametrize(
    ("text", "unit"), [("0.65um/px", "um"), ("2 mm / px", "mm"), ("1e-3m/px", "m")]
)
def test_scales(text, unit):
    assert Scale.parse(text).unit == unit


@pytest.mark.parametrize("text", ["0.65", "um/px", "-1um/px", "0mm/px", "nan m/px"])
def test_other_scales_are_refused(text):
    with pytest.raises(SegfitError, match=r"such as 0\.65um/px"):
        Scale.parse(text)


def test_files_that_exist_or_are_unknown_are_refused(masks, tmp_path):
    run(masks, tmp_path / "out")
    with pytest.raises(SegfitError, match=r"1 of 1 result files exist already"):
        run(masks, tmp_path / "out")
    run(masks, tmp_path / "out", force=True)
    with pytest.raises(SegfitError, match="unknown format xlsx: choose from csv"):
        run(masks, tmp_path / "new", formats=("xlsx",))


def test_a_mask_without_its_image_fails_and_the_others_do_not(masks, tmp_path):
    Image.open(masks[0]).save(masks[0].with_name("lonely.png"))
    both = sorted(masks[0].parent.iterdir())
    report = run(both, tmp_path / "out", images=tmp_path / "images")
    assert [row.path for row in report.done] == masks
    assert "no image of the name lonely" in report.failed[0].reason


def test_a_report_keeps_counts_and_a_sample_not_every_region(tmp_path):
    """What a thousand masks hold is in their files; in memory it would be gigabytes."""
    (tmp_path / "masks").mkdir()
    mask = np.zeros((40, 40), np.uint8)
    mask[2::8, 2::8] = mask[3::8, 2::8] = mask[2::8, 3::8] = 1  # 25 corners of three pixels
    for name in ("a", "b", "c"):
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    report = run(sorted((tmp_path / "masks").iterdir()), tmp_path / "out", shape="hull")
    assert [done.regions for done in report.done] == [25, 25, 25]
    assert [len(done.sample) for done in report.done] == [20, 0, 0]
    rows = read_csv(tmp_path / "out" / "c_shapes.csv")
    assert len(rows) == 25
    assert report.done[2].without_shape == sum(not row["shape"] for row in rows)
