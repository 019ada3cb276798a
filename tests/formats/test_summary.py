import json

import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.formats.summary import summarise, write_summary
from segfit.partition import LabelGrid
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

LABELS = np.uint8([[0, 1, 0, 0], [1, 0, 0, 1]])
CLASSES = ClassTable.from_names(("Grund", "Zelle", "Naht"), object_classes=(1,))


def segment(**kwargs):
    return Segmentation(np.zeros((2, 4, 3), np.uint8), LabelGrid(LABELS), CLASSES, **kwargs)


def test_summary_has_every_class():
    unknown = {"objects": None, "mean_probability": None}
    assert summarise(segment(image_name="a.jpg", model_name="nuclei")) == {
        "image": "a.jpg",
        "model": "nuclei",
        "width": 4,
        "height": 2,
        "surprise": None,
        "classes": {
            "Grund": {"area_px": 5, "share": 0.625, "regions": 2, **unknown},
            # Diagonal neighbours are two regions.
            "Zelle": {"area_px": 3, "share": 0.375, "regions": 3, **unknown, "objects": 3},
            "Naht": {"area_px": 0, "share": 0.0, "regions": 0, **unknown},
        },
    }


def test_mean_probability_is_over_the_class_s_pixels(tmp_path):
    # Class 1 has logit log(2) everywhere, the other two 0: its probability is 1/2.
    logits = np.zeros((3, 2, 4), np.float32)
    logits[1] = np.log(2)
    write_summary(segment(scores=Scores(logits, (2, 4), (2, 4))), tmp_path / "a.json")
    classes = json.loads((tmp_path / "a.json").read_text("utf-8"))["classes"]
    assert classes["Zelle"]["mean_probability"] == pytest.approx(0.5)
    assert classes["Grund"]["mean_probability"] == pytest.approx(0.25)
    assert classes["Naht"]["mean_probability"] is None


def test_names_keep_their_letters(tmp_path):
    write_summary(segment(image_name="Zähne.jpg"), tmp_path / "a.json")
    assert "Zähne.jpg" in (tmp_path / "a.json").read_text("utf-8")
