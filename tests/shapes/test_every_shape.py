"""What every shape and every measure keeps to."""

import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from shape_outlines import add_noise, circle, ellipse, rectangle, to_outline

from segfit.classes import FOREGROUND
from segfit.errors import SegfitError
from segfit.imaging.scale import Scale
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.shapes import MEASURES, SHAPES, Fit, make_fit, measure_intensities, measure_region
from segfit.shapes.measure import INTENSITY_MEASURES
from segfit.shapes.rows import measure_regions, to_rows

every_shape = pytest.mark.parametrize("name", SHAPES)
REPR_LINES = 10
DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "shapes.md"


@every_shape
@pytest.mark.parametrize("draw", [circle, ellipse, rectangle])
def test_fits_a_drawn_outline(name, draw):
    outline = to_outline(add_noise(draw(), sigma=0.3))
    fit = SHAPES[name].fit(outline)
    assert isinstance(fit, Fit)
    assert fit.shape == name or name == "auto"
    assert 0 < fit.iou <= 1
    assert 0 <= fit.rms_px <= fit.largest_px
    assert len(fit.residuals) == len(outline.points)
    assert all(math.isfinite(value) for value in fit.parameters.values())
    assert (fit.standard_errors or {}).keys() <= fit.parameters.keys()
    assert fit.counts <= fit.parameters.keys()


@every_shape
def test_says_what_it_is_and_makes_fits_with_its_settings(name):
    shape = SHAPES[name]
    assert shape.name == name
    assert shape.purpose
    assert make_fit(name, dict.fromkeys(shape.settings)).keywords == {}
    with pytest.raises(SegfitError, match=f"shape {name} has no setting magic"):
        make_fit(name, {"magic": 3})


def test_the_docs_list_all_shapes_and_measures():
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    shapes = [name for names, _ in rows[: -len(MEASURES)] for name in re.findall(r"[\w-]+", names)]
    assert sorted(shapes) == sorted(SHAPES)
    expected = [(f"`{measure.name}`", measure.meaning) for measure in MEASURES]
    assert rows[-len(MEASURES) :] == expected


@every_shape
def test_fits_travel_compare_and_show_themselves(name):
    outline = to_outline(rectangle())
    fit = make_fit(name)(outline)
    assert fit != make_fit(name)(outline)
    assert hash(fit) == hash(fit)
    assert outline in {outline}
    assert pickle.loads(pickle.dumps(fit)).parameters == fit.parameters
    assert repr(fit).startswith(f"<Fit of {fit.shape}")
    assert len(repr(fit).splitlines()) <= REPR_LINES
    assert max(map(len, repr(fit).splitlines()[:3])) < 200
    for parameter in fit.parameters:
        is_other = parameter.endswith("_deg") or parameter in ("corners", "knots")
        assert fit.is_length(parameter) != is_other


def test_every_measure_is_a_column_in_its_unit():
    mask = np.zeros((30, 40), np.uint8)
    mask[5:20, 8:30] = 1
    image = np.random.default_rng(0).integers(0, 255, (*mask.shape, 3), dtype=np.uint8)
    segmentation = Segmentation(image, LabelGrid(mask), FOREGROUND)
    (region,) = segmentation.regions
    channels = {"DAPI": image[..., 0]}
    measured = measure_region(region) | measure_intensities(region, channels)
    measured = {name.removesuffix("_DAPI"): value for name, value in measured.items()}
    assert list(measured) == [measure.name for measure in MEASURES]
    regions = measure_regions(segmentation, make_fit("hull"), channels=channels)
    (row,) = to_rows(regions, Scale(0.5, "um"))
    for measure in MEASURES:
        assert measure.meaning
        of_channel = "_DAPI" if measure in INTENSITY_MEASURES else ""
        title = measure.name + of_channel + ("", "_um", "_um2")[measure.dimension]
        expected = measured[measure.name] * 0.5**measure.dimension
        assert row[title] == pytest.approx(expected) or math.isnan(expected)
