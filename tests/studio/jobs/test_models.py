"""Models that are kept: their figures, which one is in use, and what their classes are."""

import shutil

import pytest

from segfit.errors import SegfitError
from segfit.model.archive import read_model
from segfit.studio.jobs.models import ModelShelf, describe_classes, match_classes


@pytest.fixture
def shelf(tmp_path):
    return ModelShelf(tmp_path / "models")


@pytest.fixture
def keep(shelf, tiny_model, tmp_path):
    def keep(**about):
        file = tmp_path / "new.segfit"
        shutil.copy(tiny_model, file)
        given = {"made": 1.0, "images": 3, "minutes": 1.5, "held_out": ["a"], **about}
        return shelf.take_in(file, **given)

    return keep


def test_there_is_nothing_before_the_first_one(shelf):
    assert shelf.list_models() == []
    assert shelf.current() is None
    with pytest.raises(KeyError):
        shelf.use(1)


def test_a_new_model_is_in_use_and_has_its_figures(shelf, keep, tiny_model, tmp_path):
    model = keep()
    assert not (tmp_path / "new.segfit").exists()
    card = read_model(tiny_model).card
    assert model.mean_iou == card.metrics["mean_iou"]
    assert model.iou == card.metrics["iou"]
    assert shelf.current() == model
    assert read_model(shelf.path(model.id)).card == card


def test_any_can_be_taken_back(shelf, keep):
    first, second = keep(), keep(images=9)
    assert [model.id for model in shelf.list_models()] == [2, 1]
    assert shelf.current() == second
    shelf.use(first.id)
    assert ModelShelf(shelf.folder).current() == first


def test_numbers_are_never_given_twice(shelf, keep):
    keep()
    keep()
    shelf.delete(2)
    assert shelf.current().id == 1
    assert keep().id == 3
    (shelf.folder / "current.json").unlink()
    assert keep().id == 4


def test_without_its_note_a_model_is_what_its_file_says(shelf, keep):
    model = keep()
    (shelf.folder / "1.json").write_text("{")
    (found,) = shelf.list_models()
    assert found.mean_iou == model.mean_iou
    assert found.classes == model.classes
    shelf.path(1).write_bytes(b"damaged")
    assert shelf.list_models() == []


def test_what_is_no_model_is_refused(shelf, tmp_path):
    file = tmp_path / "x.segfit"
    file.write_bytes(b"nothing")
    with pytest.raises(SegfitError, match=r"x\.segfit"):
        shelf.take_in(file, made=1.0, images=1, minutes=1.0)
    assert shelf.list_models() == []


def test_a_model_of_other_classes_says_which(keep):
    model = keep()
    assert describe_classes(model, ["background", "nucleus"]) == ""
    assert describe_classes(model, ["background", "cell"]) == (
        "model 1 was made for other classes: it does not know cell and it also knows nucleus, "
        "which is left out."
    )
    assert match_classes(model.classes, ["nucleus", "cell"]) == [None, 0]
