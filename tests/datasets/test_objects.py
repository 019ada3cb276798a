"""Objects of labelled images, numbered and counted; and what data says of them."""

import json

import numpy as np
import pytest
from PIL import Image

from segfit.classes import IGNORE, ClassTable
from segfit.datasets import open_labelled
from segfit.datasets.labelled import Reading
from segfit.datasets.objects import ObjectCounts, complete_objects, tally_objects
from segfit.errors import SegfitError

CLASSES = ClassTable.from_names(("background", "cell", "fibre"), object_classes=(1,))


def draw(text):
    return np.array([[int(digit) for digit in row] for row in text.split()])


def complete(labels, objects=None, *, classes=CLASSES, split_pieces=False):
    labels = draw(labels).astype(np.uint8)
    given = None if objects is None else draw(objects).astype(np.int32)
    image = np.zeros((*labels.shape, 3), np.uint8)
    return complete_objects(
        Reading(image, labels, given), classes, split_pieces=split_pieces
    ).objects


def test_without_numbers_every_region_of_an_object_class_is_an_object():
    objects = complete("11002 01002 10011")
    np.testing.assert_array_equal(objects, draw("11000 01000 20033"))


def test_numbers_of_stuff_are_left_out_and_lacking_ones_are_made():
    objects = complete("11022 11022 00000 11011", "70088 70088 00000 00099")
    assert objects.dtype == np.int32
    # The pixels of the first object that have no number are a region of their own.
    np.testing.assert_array_equal(objects[:2, 0], [7, 7])
    assert len({*objects[:2, 1].tolist()} - {0, 7, 9}) == 1
    np.testing.assert_array_equal(objects[:2, 3:], 0)
    np.testing.assert_array_equal(objects[3, 3:], [9, 9])


def test_no_object_classes_no_objects():
    assert complete("11", "11", classes=ClassTable.from_names(("a", "b"))) is None


def test_an_object_in_pieces_stays_one_unless_it_is_split():
    labels, objects = "11011 11011", "33033 33033"
    np.testing.assert_array_equal(complete(labels, objects), draw(objects))
    split = complete(labels, objects, split_pieces=True)
    assert split[0, 0] != split[0, 4]
    np.testing.assert_array_equal(split > 0, draw(labels) > 0)


@pytest.mark.parametrize(
    ("objects", "counts"),
    [
        ("00000 00000", ObjectCounts()),
        ("11022 11022", ObjectCounts(objects=2)),
        ("11220 11220", ObjectCounts(objects=2, touching=2)),
        ("11000 00220 33000", ObjectCounts(objects=3, touching=3)),  # by their corners
        ("11022 00003 11000", ObjectCounts(objects=3, touching=2, in_pieces=1)),
    ],
)
def test_count_objects(objects, counts):
    grid = draw(objects).astype(np.int32)
    assert tally_objects(grid, (grid > 0).astype(np.uint8)) == counts


def test_objects_of_different_classes_need_not_be_told_apart():
    grid = draw("11220 11220").astype(np.int32)
    assert tally_objects(grid, grid.astype(np.uint8)) == ObjectCounts(objects=2)


def test_one_number_in_two_classes_is_two_objects():
    classes = ClassTable.from_names(("background", "cell", "fibre"), object_classes=(1, 2))
    objects = complete("11022 11022", "55055 55055", classes=classes)
    assert len(np.unique(objects)) == 3
    assert (objects[:, 2] == 0).all()


def write_set(folder, masks, *, objects=None, class_file=None):
    """Images with masks, and masks of objects beside them."""
    for sub, grids in (("masks", masks), ("instances", objects or {})):
        for name, grid in grids.items():
            (folder / sub).mkdir(parents=True, exist_ok=True)
            Image.fromarray(grid).save(folder / sub / f"{name}.png")
    (folder / "images").mkdir(exist_ok=True)
    for name, grid in masks.items():
        Image.fromarray(np.zeros((*grid.shape, 3), np.uint8)).save(
            folder / "images" / f"{name}.png"
        )
    if class_file is not None:
        (folder / "classes.json").write_text(json.dumps(class_file))
    return folder


def make_mask():
    mask = np.zeros((20, 20), np.uint8)
    mask[2:8, 2:8], mask[2:8, 8:14], mask[15:] = 1, 1, 2
    return mask


NAMED = [
    {"name": "ground", "value": 0},
    {"name": "cell", "value": 1, "instances": True},
    {"name": "sky", "value": 2},
]


def test_class_file_says_which_classes_have_objects(tmp_path):
    masks = dict.fromkeys("ab", make_mask())
    data = open_labelled(write_set(tmp_path, masks, class_file={"classes": NAMED}))
    assert data.classes.object_classes == (1,)
    (example,) = data.splits["train"]
    assert np.unique(example.objects).tolist() == [0, 1]
    assert data.splits["train"].stats[0].objects == 1


def test_a_folder_of_object_masks_tells_touching_ones_apart(tmp_path):
    numbers = np.zeros((20, 20), np.uint16)
    numbers[2:8, 2:8], numbers[2:8, 8:14], numbers[15:] = 300, 4, 9
    masks, objects = dict.fromkeys("ab", make_mask()), dict.fromkeys("ab", numbers)
    root = write_set(tmp_path, masks, objects=objects, class_file={"classes": NAMED})
    (example,) = open_labelled(root).splits["train"]
    assert np.unique(example.objects).tolist() == [0, 4, 300]  # the sky has none
    stats = open_labelled(root).splits["train"].stats[0]
    assert (stats.objects, stats.touching) == (2, 2)
    # Where nothing says which classes have objects, all but the background have.
    (root / "classes.json").unlink()
    assert open_labelled(root).classes.object_classes == (1, 2)
    entries = [{**entry, "instances": False} for entry in NAMED]
    (root / "classes.json").write_text(json.dumps({"classes": entries}))
    assert open_labelled(root).classes.object_classes == ()


def test_objects_without_a_number_are_counted_in_a_note(tmp_path):
    numbers = np.zeros((20, 20), np.uint16)
    numbers[2:8, 2:8] = 1
    masks, objects = dict.fromkeys("ab", make_mask()), dict.fromkeys("ab", numbers)
    root = write_set(tmp_path, masks, objects=objects, class_file={"classes": NAMED})
    data = open_labelled(root)
    assert any("72 pixels of classes with objects have no object number" in n for n in data.notes)
    assert len(np.unique(data.splits["train"][0].objects)) == 3


def test_object_masks_of_another_size_or_in_color_are_left_out_with_a_reason(tmp_path):
    masks = dict.fromkeys("abcd", make_mask())
    objects = {
        "a": np.zeros((10, 20), np.uint16),
        "b": np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8),
    }
    root = write_set(tmp_path, masks, objects=objects, class_file={"classes": NAMED})
    with pytest.raises(SegfitError, match=r"2 images in .* without a mask of objects.*c\.png"):
        open_labelled(root, strict=True)
    data = open_labelled(write_set(tmp_path, masks, objects=dict.fromkeys("cd", make_mask())))
    left_out = [note for note in data.notes if note.startswith("Left out")]
    assert any("instances/a.png: mask is 10×20 but its image" in note for note in left_out)
    assert any("instances/b.png has colors" in note for note in left_out)


def test_the_background_has_no_objects(tmp_path):
    entries = [{**entry, "instances": True} for entry in NAMED]
    masks = dict.fromkeys("ab", make_mask())
    root = write_set(tmp_path, masks, class_file={"classes": entries})
    with pytest.raises(SegfitError, match="'ground' is the background and has no instances"):
        open_labelled(root)


def test_masks_of_16_bits_number_objects(tmp_path):
    mask = np.zeros((20, 20), np.uint16)
    mask[2:8, 2:8], mask[2:8, 8:14] = 1, 2
    root = write_set(tmp_path, {"a": mask, "b": mask})
    data = open_labelled(root)
    assert data.classes.names == ("background", "object")
    assert data.classes.object_classes == (1,)
    assert np.unique(data.splits["train"][0].objects).tolist() == [0, 1, 2]
    assert any("16 bits and 3 values" in note for note in data.notes)


def test_numbers_beyond_16_bits_are_refused_with_a_remedy(tmp_path):
    mask = np.zeros((20, 20), np.int32)
    mask[2:8, 2:8] = 70_000
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.tif")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "images" / "a.png")
    (tmp_path / "classes.json").write_text(
        json.dumps(
            {
                "instances": True,
                "classes": [{"name": "background", "value": 0}, {"name": "cell"}],
            }
        )
    )
    with pytest.raises(SegfitError, match=r"0 to 65535.*renumbered from 1"):
        open_labelled(tmp_path, strict=True)
    (tmp_path / "classes.json").unlink()
    with pytest.raises(
        SegfitError, match=r"none of the masks can be used \(1 given\).*renumbered from 1"
    ):
        open_labelled(tmp_path)


def test_objects_in_pieces_are_said_and_split_on_demand(tmp_path):
    numbers = np.zeros((20, 20), np.uint16)
    numbers[2:4], numbers[8:10], numbers[14:16] = 1, 1, 2
    root = write_set(tmp_path, {"a": numbers, "b": numbers})
    data = open_labelled(root)
    assert any("2 of 4 objects lie in several pieces" in note for note in data.notes)
    assert data.splits["train"].stats[0].objects == 2
    split = open_labelled(root, split_objects=True)
    assert not any("pieces" in note for note in split.notes)
    assert split.splits["train"].stats[0].objects == 3


def test_an_object_of_one_pixel_is_an_object(tmp_path):
    numbers = np.zeros((20, 20), np.uint16)
    numbers[3, 3], numbers[10:12, 10:12] = 1, 2
    data = open_labelled(write_set(tmp_path, {"a": numbers, "b": numbers}))
    assert data.splits["train"].stats[0].object_sides_px[1] == (1.0, 1.0)


def test_ignored_pixels_are_no_object(tmp_path):
    numbers = np.zeros((20, 20), np.uint16)
    numbers[3:6, 3:6], numbers[10:12, 10:12] = 1, 65_535
    spec = {
        "instances": True,
        "ignore": [65_535],
        "classes": [{"name": "background", "value": 0}, {"name": "cell"}],
    }
    root = write_set(tmp_path, {"a": numbers, "b": numbers}, class_file=spec)
    (example,) = open_labelled(root).splits["train"]
    assert np.unique(example.objects).tolist() == [0, 1]
    assert (example.labels[10:12, 10:12] == IGNORE).all()
