"""Operations on a canvas, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segfit.errors import SegfitError
from segfit.studio.labels import objects, operations
from segfit.studio.labels.accepting import accept
from segfit.studio.labels.blocks import BLOCK_PX, Canvas, decode_block, encode_block, halve_codes
from segfit.studio.labels.classes import StudioClass
from segfit.studio.labels.codes import (
    EMPTY,
    Origin,
    get_classes,
    get_objects,
    get_origins,
    is_by_hand,
    make_code,
    pack_codes,
    unpack_code,
)
from segfit.studio.labels.drawing import draw_box, draw_stroke
from segfit.studio.labels.operations import Brush
from segfit.studio.labels.pieces import find_piece
from segfit.studio.proposals.proposal import make_empty

STUFF, THING = Brush(0, False), Brush(1, True)


def make_canvas(width=600, height=40):
    return Canvas(width=width, height=height, load=lambda key: None)


def read(canvas):
    return canvas.read(canvas.box)


def box(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def test_a_code_holds_class_origin_and_object():
    code = make_code(7, Origin.HAND, 70_000)
    assert unpack_code(code) == (7, Origin.HAND, 70_000)
    codes = pack_codes(np.array([[7, 255]], np.uint8), Origin.ACCEPTED, np.array([[3, 3]]))
    assert codes[0, 1] == EMPTY
    assert get_classes(codes).tolist() == [[7, 255]]
    assert get_origins(codes).tolist() == [[1, 0]]
    assert get_objects(codes).tolist() == [[3, 0]]


def test_a_block_is_the_same_after_it_was_kept():
    codes = np.random.default_rng(0).integers(0, 2**32, (BLOCK_PX, BLOCK_PX), np.uint32)
    assert (decode_block(encode_block(codes)) == codes).all()


def test_halving_keeps_thin_lines():
    codes = np.full((4, 5), EMPTY)
    codes[1, 1] = codes[3, 4] = 5
    assert halve_codes(codes).tolist() == [[5, 255, 255], [255, 255, 5]]


@pytest.mark.parametrize("radius", [0.5, 2, 7.5])
def test_a_stroke_covers_what_is_near_it_across_blocks(radius):
    points = np.array([[480.0, 20.0], [560.0, 20.0]])
    mask = np.zeros((40, 600), bool)
    for (left, top, right, bottom), piece in draw_stroke(
        points, radius=radius, width=600, height=40
    ):
        mask[top:bottom, left:right] |= piece
    rows, columns = np.mgrid[:40, :600] + 0.5
    along = np.clip(columns, 480, 560)
    distance = np.hypot(columns - along, rows - 20)
    assert mask[distance < radius - 1].all()
    assert not mask[distance > radius + 1].any()
    assert mask[:, 511].any()
    assert mask[:, 512].any()


def test_a_single_point_and_one_far_outside():
    canvas = make_canvas()
    operations.paint_stroke(canvas, np.array([[5.0, 5.0]]), radius=2, brush=STUFF)
    assert 9 <= (read(canvas) != EMPTY).sum() <= 21
    operations.paint_stroke(canvas, np.array([[-500.0, 9999.0]]), radius=2, brush=STUFF)
    assert 9 <= (read(canvas) != EMPTY).sum() <= 21


def test_a_polygon_is_exactly_the_pixels_inside():
    canvas = make_canvas()
    operations.paint_polygon(canvas, box(500, 10, 530, 30), brush=STUFF)
    codes = read(canvas)
    assert (codes[10:30, 500:530] == make_code(0, Origin.HAND)).all()
    assert (codes != EMPTY).sum() == 600
    with pytest.raises(SegfitError, match="3 points"):
        operations.paint_polygon(canvas, box(0, 0, 1, 1)[:2], brush=STUFF)


def test_polygons_of_a_class_with_objects_are_objects_and_strokes_join_them():
    canvas = make_canvas()
    operations.paint_polygon(canvas, box(0, 0, 20, 20), brush=THING)
    operations.paint_polygon(canvas, box(20, 0, 40, 20), brush=THING)
    operations.paint_stroke(canvas, np.array([[10.0, 10], [10, 30]]), radius=2, brush=THING)
    operations.paint_stroke(canvas, np.array([[100.0, 10], [110, 10]]), radius=2, brush=THING)
    numbers = get_objects(read(canvas))
    assert (numbers[5, 5], numbers[5, 30]) == (1, 2)
    assert numbers[28, 10] == 1, "it began on the first"
    assert numbers[10, 105] == 3, "it began on nothing"


def test_an_area_is_filled_up_to_what_is_drawn_across_blocks():
    canvas = make_canvas()
    for left in (490, 540):
        operations.paint_polygon(canvas, box(left, 0, left + 4, 40), brush=STUFF)
    operations.fill_area(canvas, 515, 20, brush=Brush(2, False))
    classes = get_classes(read(canvas))
    assert (classes[:, 494:540] == 2).all()
    assert (classes[:, 490:494] == 0).all()
    assert (classes[:, :490] == 255).all()
    with pytest.raises(SegfitError, match="outside the image"):
        operations.fill_area(canvas, 600, 20, brush=STUFF)


def test_a_hole_is_cut_only_into_what_it_lies_in():
    canvas = make_canvas()
    operations.paint_polygon(canvas, box(0, 0, 40, 40), brush=THING)
    operations.paint_polygon(canvas, box(18, 18, 22, 22), brush=STUFF)
    assert objects.cut_hole(canvas, box(10, 10, 30, 30)) is None
    classes = get_classes(read(canvas))
    assert (classes == 1).sum() == 1600 - 400
    assert (classes == 0).sum() == 16
    assert objects.cut_hole(canvas, box(100, 10, 110, 30)) is not None


def test_an_object_is_split_by_a_line_and_merged_again():
    canvas = make_canvas()
    operations.paint_polygon(canvas, box(490, 5, 550, 35), brush=THING)
    assert objects.split_objects(canvas, np.array([[500.0, 0], [500, 12]])) is not None
    assert objects.split_objects(canvas, np.array([[505.0, 0], [505, 40]])) is None
    numbers = get_objects(read(canvas))
    assert (numbers > 0).sum() == 60 * 30, "no pixel is lost"
    assert numbers[20, 530] == 1, "the larger part keeps its number"
    assert numbers[20, 495] == 2
    assert objects.merge_objects(canvas, np.array([[530.0, 20], [495, 20]])) is None
    assert np.unique(get_objects(read(canvas))).tolist() == [0, 1]
    assert objects.merge_objects(canvas, np.array([[530.0, 20], [495, 20]])) is not None


def test_what_is_under_the_pointer_is_changed_and_deleted():
    canvas = make_canvas()
    operations.paint_polygon(canvas, box(0, 0, 20, 20), brush=STUFF)
    operations.paint_polygon(canvas, box(30, 0, 50, 20), brush=STUFF)
    objects.change_class(canvas, 5, 5, brush=THING)
    codes = read(canvas)
    assert unpack_code(codes[5, 5]) == (1, Origin.HAND, 1)
    assert unpack_code(codes[5, 35]) == (0, Origin.HAND, 0)
    assert objects.delete_piece(canvas, 35, 5) is None
    assert (read(canvas) != EMPTY).sum() == 400
    assert objects.delete_piece(canvas, 35, 5) is not None
    assert objects.change_class(canvas, 35, 5, brush=THING) is not None


def make_object_of_two_origins(canvas, left):
    """A square of 20 px of which a stroke was drawn and the rest accepted; its number."""
    number = canvas.make_object()
    square, stroke = np.ones((20, 20), bool), np.ones((6, 14), bool)
    accepted = make_code(1, Origin.ACCEPTED, number)
    canvas.write((left, 10, left + 20, 30), accepted, square)
    canvas.write((left + 3, 17, left + 17, 23), make_code(1, Origin.HAND, number), stroke)
    return number


@pytest.mark.parametrize("point", [(10, 20), (1, 11)])
def test_an_object_is_one_whoever_gave_its_parts(point):
    canvas = make_canvas()
    make_object_of_two_origins(canvas, 0)
    x, y = point
    piece = find_piece(canvas, x, y)
    assert piece is not None
    assert piece.area_px == 400
    objects.change_class(canvas, x, y, brush=Brush(2, True))
    assert np.unique(read(canvas)).tolist() == sorted([EMPTY, make_code(2, Origin.HAND, 2)])
    objects.change_class(canvas, x, y, brush=Brush(2, True))
    assert unpack_code(read(canvas)[y, x]) == (2, Origin.HAND, 2), "it is of that class already"
    objects.delete_piece(canvas, x, y)
    assert (read(canvas) == EMPTY).all()


def test_split_merge_and_hole_leave_to_each_part_who_gave_it():
    canvas = make_canvas()
    make_object_of_two_origins(canvas, 0)
    by_hand = is_by_hand(read(canvas))
    assert objects.split_objects(canvas, np.array([[8.0, 0], [8, 40]])) is None
    numbers = get_objects(read(canvas))
    assert (numbers[10:30, :8] == 2).all()
    assert (numbers[10:30, 9:20] == 1).all()
    assert objects.merge_objects(canvas, np.array([[10.0, 20], [5, 20]])) is None
    assert (get_objects(read(canvas))[10:30, :20] == 1).all()
    assert (is_by_hand(read(canvas)) == by_hand).all()
    assert objects.cut_hole(canvas, box(2, 12, 18, 28)) is None
    assert (read(canvas)[12:28, 2:18] == EMPTY).all()


def test_smoothing_grows_by_who_gave_what_is_near():
    canvas = make_canvas()
    make_object_of_two_origins(canvas, 0)
    canvas.write((9, 10, 12, 13), EMPTY, np.ones((3, 3), bool))
    assert objects.smooth_piece(canvas, 10, 20) is None
    code = unpack_code(read(canvas)[12, 10])
    assert code == (1, Origin.ACCEPTED, 1), "not the stroke's, on which it was asked for"


def test_smoothing_takes_teeth_away_and_gives_them_to_the_neighbour():
    canvas = make_canvas()
    operations.paint_polygon(canvas, box(100, 0, 180, 40), brush=STUFF)
    operations.paint_polygon(canvas, box(110, 14, 170, 30), brush=Brush(2, False))
    for left in range(112, 168, 4):
        operations.paint_polygon(canvas, box(left, 10, left + 2, 14), brush=Brush(2, False))
    before = get_classes(read(canvas))
    assert objects.smooth_piece(canvas, 130, 20) is None
    after = get_classes(read(canvas))
    assert (after == 255).sum() == (before == 255).sum()
    assert np.ptp((after[5:20, 120:160] == 2).sum(axis=0)) <= 1
    assert (after[10, 115:165] == 0).all(), "the tips of the teeth"
    assert objects.smooth_piece(canvas, 300, 20) is not None


CLASSES = {
    0: StudioClass(0, "ground", "#000000"),
    1: StudioClass(1, "thing", "#ff0000", has_objects=True),
}


def propose(canvas, classes, confidence=200):
    proposal = make_empty(
        width=canvas.width, height=canvas.height, cell_px=1, source="strokes", made_by=1
    )
    proposal.classes[:] = classes
    proposal.confidence[:] = confidence
    return proposal


def accept_all(canvas, proposal, **settings):
    pieces = draw_box(canvas.box, width=canvas.width, height=canvas.height)
    return accept(canvas, proposal, CLASSES, pieces=pieces, **settings)


def test_accepting_never_touches_what_was_drawn_and_joins_its_object():
    canvas = make_canvas()
    operations.paint_stroke(canvas, np.array([[510.0, 20], [514, 20]]), radius=3, brush=THING)
    operations.paint_polygon(canvas, box(530, 10, 540, 20), brush=STUFF)
    drawn = read(canvas)
    classes = np.zeros((40, 600), np.uint8)
    classes[10:30, 500:540] = 1  # around the stroke, across the border of two blocks
    classes[10:30, 100:120] = 1  # on its own
    assert accept_all(canvas, propose(canvas, classes)) is None
    after = read(canvas)
    assert (after[drawn != EMPTY] == drawn[drawn != EMPTY]).all()
    assert unpack_code(after[12, 503]) == (1, Origin.ACCEPTED, 1)
    assert unpack_code(after[25, 535]) == (1, Origin.ACCEPTED, 1)
    assert unpack_code(after[12, 103]) == (1, Origin.ACCEPTED, 2)
    assert (after != EMPTY).all()
    assert accept_all(canvas, propose(canvas, classes)) is not None


def test_two_drawn_objects_in_one_region_divide_it():
    canvas = make_canvas()
    for x in (110, 150):
        operations.paint_stroke(canvas, np.array([[x, 20.0]]), radius=3, brush=THING)
    classes = np.full((40, 600), 255, np.uint8)
    classes[5:35, 95:125] = classes[5:35, 135:165] = 1
    classes[18:22, 125:135] = 1  # a narrow bridge
    accept_all(canvas, propose(canvas, classes))
    numbers = get_objects(read(canvas))
    assert numbers[8, 98] == 1
    assert numbers[8, 162] == 2
    assert (numbers == 1).sum() > 850
    assert (numbers == 2).sum() > 850


def test_only_a_class_and_only_what_is_sure():
    canvas = make_canvas()
    classes = np.zeros((40, 600), np.uint8)
    classes[:, 300:] = 1
    proposal = propose(canvas, classes)
    proposal.confidence[:20] = 100
    accept_all(canvas, proposal, only=1, surer_than=0.5)
    found = get_classes(read(canvas))
    assert (found[20:, 300:] == 1).all()
    assert (found == 255).sum() == 40 * 600 - 20 * 300


def test_sure_parts_of_one_region_are_one_object():
    canvas = make_canvas()
    proposal = propose(canvas, np.uint8(255))
    proposal.classes[10:30, 100:140] = proposal.classes[10:30, 200:240] = 1
    proposal.confidence[:, 115:125] = 50
    accept_all(canvas, proposal, surer_than=0.5)
    numbers = get_objects(read(canvas))
    assert numbers[20, [105, 120, 135, 220]].tolist() == [1, 0, 1, 2]
    accept_all(canvas, proposal)
    assert get_objects(read(canvas))[20, [105, 120, 135, 220]].tolist() == [1, 1, 1, 2]


def test_a_machine_s_objects_stay_apart_though_they_touch():
    canvas = make_canvas()
    operations.paint_stroke(canvas, np.array([[110.0, 20]]), radius=2, brush=THING)
    proposal = propose(canvas, np.uint8(255))
    proposal.classes[10:30, 100:140] = 1
    proposal.objects = np.zeros((40, 600), np.int32)
    proposal.objects[10:30, 100:120], proposal.objects[10:30, 120:140] = 8, 9
    accept_all(canvas, proposal)
    numbers = get_objects(read(canvas))
    assert numbers[12, 102] == 1, "the drawn one's"
    assert numbers[12, 130] == 2
    assert np.unique(numbers).tolist() == [0, 1, 2]
