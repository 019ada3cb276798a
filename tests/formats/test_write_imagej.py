"""Our sets of ROIs, read by roifile."""

import sys

import numpy as np
import pytest
import roifile
from shapely.geometry import Polygon

from samples import CLASSES, SAMPLES, segment, to_shapely
from segfit.errors import SegfitError
from segfit.formats.imagej import write_rois


def read(segmentation, folder):
    write_rois(segmentation, folder / "x_rois.zip")
    return roifile.roiread(folder / "x_rois.zip")


@pytest.mark.parametrize("name", [name for name, one in SAMPLES.items() if one.regions])
def test_regions_come_back(tmp_path, name):
    segmentation = SAMPLES[name]
    for roi, region in zip(read(segmentation, tmp_path), segmentation.regions, strict=True):
        paths = roi.coordinates(multi=True)
        assert len(paths) == len(region.polygon)
        rings = [ring[:-1] if (ring[0] == ring[-1]).all() else ring for ring in paths]
        for ring, expected in zip(rings, region.polygon, strict=True):
            np.testing.assert_allclose(ring, expected, atol=1e-5)
        found = Polygon(rings[0], rings[1:])
        assert found.area == pytest.approx(to_shapely(region).area, rel=1e-5)
        left, top, right, bottom = region.bounds_xyxy
        assert abs(roi.left - left) <= 1
        assert abs(roi.top - top) <= 1
        assert abs(roi.right - right) <= 1.5
        assert abs(roi.bottom - bottom) <= 1.5


def test_a_roi_by_hand(tmp_path):
    (roi,) = roifile.roiread(_write(tmp_path, [[0, 0, 2, 2]]))
    assert roi.name == "1 Zähne"
    assert roi.stroke_color == bytes((255, *CLASSES.colors[2]))
    assert roi.props.splitlines() == ["class: Zähne", "score: 0.8"]
    assert roi.roitype == roifile.ROI_TYPE.FREEHAND
    np.testing.assert_array_equal(roi.subpixel_coordinates, [(4, 0), (4, 1), (2, 1), (2, 0)])


def test_a_hole_makes_a_composite_roi(tmp_path):
    (roi,) = roifile.roiread(_write(tmp_path, [[1, 1, 1], [1, 0, 1], [1, 1, 1]]))
    assert roi.composite
    assert (roi.left, roi.top, roi.right, roi.bottom) == (0, 0, 3, 3)
    outer, hole = roi.coordinates(multi=True)
    assert {tuple(point) for point in hole.tolist()} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert Polygon(outer, [hole]).area == 8


def test_names_of_files_have_no_folders(tmp_path):
    assert {roi.name for roi in read(SAMPLES["nested"], tmp_path)} >= {"1 left <eye> & brow"}


def test_without_roifile(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(SegfitError, match=r'pip install "segfit\[imagej\]"'):
        write_rois(SAMPLES["nested"], tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def _write(folder, labels):
    write_rois(segment(labels), folder / "x_rois.zip")
    return folder / "x_rois.zip"
