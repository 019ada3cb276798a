import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from segfit.classes import IGNORE, ClassTable
from segfit.errors import SegfitError
from segfit.formats.draw import draw_overlay, encode_image
from segfit.formats.outlining import line_color, line_width_px

CLASSES = ClassTable(
    ("background", "skin", "mouth"), ((255, 0, 0), (200, 200, 0), (0, 200, 0)), background=0
)
IMAGE = np.full((40, 50, 3), 100, np.uint8)


def face():
    labels = np.zeros((40, 50), np.uint8)
    labels[5:35, 10:40] = 1
    labels[22:30, 18:32] = 2
    return labels


def test_background_and_ignored_pixels_stay_as_they_are():
    labels = np.full((40, 50), IGNORE, np.uint8)
    labels[:20] = 0
    np.testing.assert_array_equal(draw_overlay(IMAGE, labels, CLASSES), IMAGE)


def test_inside_of_a_region_is_blended():
    drawn = draw_overlay(IMAGE, face(), CLASSES, opacity=0.5)
    assert drawn[15, 25].tolist() == [150, 150, 50]
    assert drawn[26, 25].tolist() == [50, 150, 50]


def test_each_border_is_drawn_once_in_the_smaller_class_s_color():
    drawn = draw_overlay(IMAGE, face(), CLASSES, opacity=0)
    # Anti-aliasing spends a tenth of a line's strength on the pixels beside it.
    np.testing.assert_allclose(drawn[15, 10], line_color(CLASSES.colors[1]), atol=25)
    np.testing.assert_allclose(drawn[22, 24], line_color(CLASSES.colors[2]), atol=25)
    # Two pixels out into the skin, the border to the mouth has left no trace.
    assert drawn[20, 24].tolist() == [100, 100, 100]


def test_no_line_runs_along_the_image_s_border():
    drawn = draw_overlay(IMAGE, np.ones((40, 50), np.uint8), CLASSES, opacity=0)
    np.testing.assert_array_equal(drawn, IMAGE)


def test_full_opacity_is_flat_color():
    drawn = draw_overlay(IMAGE, np.full((40, 50), 2, np.uint8), CLASSES, opacity=1)
    assert (drawn == CLASSES.colors[2]).all()


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2))
)
def test_any_labels_can_be_drawn_and_inputs_stay(labels):
    image = np.full((*labels.shape, 3), 100, np.uint8)
    before = labels.copy()
    drawn = draw_overlay(image, labels, CLASSES, legend=True)
    assert (drawn.shape, drawn.dtype) == (image.shape, np.uint8)
    assert (image == 100).all()
    np.testing.assert_array_equal(labels, before)


def test_legend_changes_the_lower_left_corner_only():
    image, labels = np.full((300, 400, 3), 100, np.uint8), np.ones((300, 400), np.uint8)
    plain = draw_overlay(image, labels, CLASSES)
    rows, columns = np.nonzero((draw_overlay(image, labels, CLASSES, legend=True) != plain)[..., 0])
    assert rows.size > 100
    assert rows.min() > 200
    assert columns.max() < 200


def test_legend_that_does_not_fit_is_left_out():
    labels = np.ones((20, 20), np.uint8)
    image = np.zeros((20, 20, 3), np.uint8)
    with_legend = draw_overlay(image, labels, CLASSES, legend=True)
    np.testing.assert_array_equal(with_legend, draw_overlay(image, labels, CLASSES))


@pytest.mark.parametrize(
    ("shape", "width_px"),
    [((1, 1), 1), ((512, 384), 1), ((1024, 1024), 2), ((3000, 4000), 7), ((500, 9000), 15)],
)
def test_lines_widen_with_the_image(shape, width_px):
    assert line_width_px(shape) == width_px


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_image_is_of_the_kind_that_its_name_says(tmp_path, suffix, kind):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(encode_image(IMAGE, path))
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == (kind, "RGB", (50, 40))


def test_unknown_kind_of_image_is_refused(tmp_path):
    with pytest.raises(SegfitError, match=r"named x\.tif: use one of \.jpg"):
        encode_image(IMAGE, tmp_path / "x.tif")


def test_side_too_long_for_the_kind_is_said(tmp_path):
    with pytest.raises(SegfitError, match="20000×1 pixels do not fit into a WebP file"):
        encode_image(np.zeros((1, 20000, 3), np.uint8), tmp_path / "x.webp")


def test_sizes_that_differ_are_refused():
    with pytest.raises(SegfitError, match="resize one of them"):
        draw_overlay(IMAGE, np.zeros((4, 4), np.uint8), CLASSES)


@pytest.mark.parametrize("opacity", [-0.1, 1.1, 45])
def test_opacity_out_of_range_is_refused(opacity):
    with pytest.raises(SegfitError, match="expected 0 to 1"):
        draw_overlay(IMAGE, face(), CLASSES, opacity=opacity)


def test_instances_have_tints_of_their_own_and_a_line_between_them():
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 10:50] = 1
    instances = np.zeros((40, 60), np.int32)
    instances[10:30, 10:30], instances[10:30, 30:50] = 1, 2
    classes = ClassTable.from_names(("background", "cell"), object_classes=(1,))
    image = np.full((40, 60, 3), 90, np.uint8)
    drawn = draw_overlay(image, labels, classes, objects=instances)
    assert (drawn[20, 20] != drawn[20, 40]).any()
    np.testing.assert_array_equal(drawn[20, 30], line_color(classes.colors[1]))
    np.testing.assert_array_equal(drawn[2, 2], image[2, 2])
    alone = draw_overlay(image, labels, classes, objects=np.where(instances, 1, 0))
    np.testing.assert_array_equal(alone[20, 20], alone[20, 40])
    np.testing.assert_array_equal(alone[20, 30], alone[20, 20])
